"""The trainer for full size, on pictures that are tiny: recipe, resume, refusals, record, several processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from experiments import lesions, train
from labutils import models
from labutils.augment import crop_and_flip
from labutils.data import ImageData, image_folder
from labutils.training import Trainer, step_schedule
from tests.conftest import ROOT, no_file_beyond
from tests.experiments.test_records import problems_of_a_training_record


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 8x8 pictures, one redder than the other: 500 to train on, 40 to test on."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for part, count in (("train", 250), ("test", 20)):
        for name, red in (("dull", 0), ("red", 120)):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(120, size=(8, 8, 3), dtype=np.uint8)
                pixels[..., 0] += np.uint8(red)
                Image.fromarray(pixels).save(root / part / name / f"{i}.png")
    return root


class Run:
    """The script with everything it writes in a folder of its own."""

    def __init__(self, pictures: Path, folder: Path) -> None:
        self.folder = folder
        self.arguments = ["--model=cifar-8", "--epochs=2", f"--data={pictures}", "--device=cpu", "--precision=float32"]
        self.arguments += [f"--checkpoints={folder}", f"--records={folder}"]

    def __call__(self, *more: str) -> dict[str, Any]:
        """Run it, the later of two equal options being the one that counts, and return the only record there is."""
        train.main([*self.arguments, *more])
        (file,) = self.folder.glob("*.json")
        return json.loads(file.read_text(encoding="utf-8"))

    def refusal(self, *more: str) -> str:
        """What it says instead of training."""
        with pytest.raises(SystemExit) as refused:
            train.main([*self.arguments, *more])
        message = str(refused.value.code)
        assert "\n" not in message
        return message

    def checkpoint(self, name: str = "residual-8-seed0") -> dict[str, Any]:
        return torch.load(self.folder / f"{name}.pt", weights_only=True)


@pytest.fixture
def run(pictures: Path, tmp_path: Path) -> Run:
    return Run(pictures, tmp_path)


@pytest.fixture
def cut_short(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Interrupt every run after its second epoch, as Ctrl-C would."""
    save = train.save_checkpoint

    def save_and_stop(file: Path, state: dict[str, Any]) -> None:
        save(file, state)
        if len(state["trainer"]["history"]["lr"]) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "save_checkpoint", save_and_stop)
    return monkeypatch


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


def test_one_epoch_on_500_pictures_from_end_to_end(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    record = run("--epochs=1", "--batch-size=50")
    assert problems_of_a_training_record(record, of_the_project=False) == []
    assert record["name"] == "residual-8-seed0"
    assert record["script"] == "experiments/train.py"
    assert record["results"]["train_error"][0] < 30  # they are easy to tell apart
    assert record["settings"]["data"] == "folders of pictures (.png), 2 classes"
    assert record["settings"]["schedule"].startswith("short: 1 epoch")
    out, err = capfd.readouterr()
    assert "residual-8-seed0: 74,770 parameters, 500 images" in out
    assert "epoch 1/1: rate 0.001, loss " in out
    assert "images/s" in err


def test_the_recipe_is_the_papers(run: Run) -> None:
    options = train.parse(["--model=cifar-56"])
    assert (options.epochs, options.batch_size, options.lr, options.shortcut) == (164, 128, 0.1, "A")
    record = run("--epochs=4", "--batch-size=250")
    settings = record["settings"]
    assert record["results"]["lr"] == pytest.approx([0.1, 0.1, 0.01, 0.001])
    assert settings["lr_divided_by_10_at_steps"] == [4, 6]
    (group,) = run.checkpoint()["trainer"]["optimizer"]["param_groups"]
    assert (group["momentum"], group["weight_decay"]) == (0.9, 1e-4)


@pytest.mark.parametrize(("depth", "steps"), [(56, 0), (110, 400), (1202, 400)])
def test_the_deepest_nets_warm_up(depth: int, steps: int) -> None:
    options = train.parse([f"--model=cifar-{depth}"])
    assert train.describe(options, little(), "images", bfloat16=False, world=1)["warmup_steps"] == steps


def test_the_rate_falls_where_the_papers_does() -> None:
    rates = [step_schedule(step, 64_000) for step in range(64_000)]
    assert rates == [1.0] * 32_000 + [0.1] * 16_000 + [0.01] * 16_000
    rates = [step_schedule(step, 64_000, warmup=400) for step in range(500)]
    assert rates == [0.1] * 400 + [1.0] * 100


@pytest.mark.parametrize(
    ("arguments", "name", "shortcut"),
    [
        (["--model=cifar-56", "--shortcut=none"], "plain-56-seed0", None),
        (["--model=cifar-20", "--seed=2"], "residual-20-seed2", "A"),
        (["--model=cifar-20", "--shortcut=B"], "residual-b-20-seed0", "B"),
        (["--model=resnet50", "--image-size=64"], "resnet50-64px-seed0", "B"),
    ],
)
def test_names_and_shortcuts(arguments: list[str], name: str, shortcut: str | None) -> None:
    options = train.parse(arguments)
    assert (options.name, options.shortcut) == (name, shortcut)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=vgg16"], "no model is called 'vgg16'; there are cifar-20, "),
        (["--model=56"], "no model is called '56'; there are cifar-20, "),
        (["--model=resnet50", "--shortcut=A"], "--shortcut is for CIFAR nets only"),
        (["--model=cifar-20", "--image-size=64"], "--image-size is not for CIFAR nets"),
        (["--model=cifar-20", "--epochs=0"], "must be at least 1"),
        (["--model=cifar-20", "--seeds=0,one"], "--seeds takes whole numbers with commas between them"),
        (["--model=cifar-20", "--seeds=0,1", "--name=mine"], "--name is for a single run"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train.parse(arguments)
    assert message in capsys.readouterr().err


def test_a_run_that_was_cut_short_goes_on_bit_by_bit(run: Run, cut_short: pytest.MonkeyPatch) -> None:
    assert "go on with --resume" in run.refusal("--epochs=3")
    assert list(run.folder.glob("*.json")) == []
    cut_short.undo()
    begun = run.checkpoint()
    begun["made"]["date"] = "2001-02-03"
    train.save_checkpoint(run.folder / "residual-8-seed0.pt", begun)
    resumed = run("--epochs=3", "--resume", "--precision=auto")
    weights, history = run.checkpoint()["trainer"]["model"], resumed["results"]
    assert resumed["date"] == "2001-02-03"
    assert resumed["resumed"][0]["after_epoch"] == 2
    assert resumed["resumed"][0]["date"] > resumed["date"]

    shutil.rmtree(run.folder)
    whole = run("--epochs=3")
    assert whole["resumed"] == []
    assert same(weights, run.checkpoint()["trainer"]["model"])
    del history["seconds"], whole["results"]["seconds"]
    assert history == whole["results"]


def test_the_seed_decides_the_outcome(run: Run) -> None:
    for number, seed in enumerate((0, 0, 1)):
        train.main([*run.arguments, "--epochs=1", f"--seed={seed}", f"--name=run{number}"])
    first, second, other = (run.checkpoint(f"run{number}")["trainer"]["model"] for number in range(3))
    assert same(first, second)
    assert not same(first, other)


def test_several_seeds_give_the_runs_that_each_gives_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where their steps take turns, as they do where steps are CUDA graphs."""
    train.main([*run.arguments, "--seed=3", "--name=alone-seed3"])
    alone = run.checkpoint("alone-seed3")["trainer"]
    for captured in (False, True):
        monkeypatch.setattr(Trainer, "is_captured", captured)
        train.main([*run.arguments, "--seeds=0,3"])
        together = run.checkpoint("residual-8-seed3")["trainer"]
        assert same(alone["model"], together["model"])
        assert alone["history"]["train_loss"] == together["history"]["train_loss"]
        record = json.loads((run.folder / "residual-8-seed3.json").read_text(encoding="utf-8"))
        assert problems_of_a_training_record(record, of_the_project=False) == []
        assert record["runs_in_turns"] == (2 if captured else 1)
        for seed in (0, 3):
            (run.folder / f"residual-8-seed{seed}.pt").unlink()
            (run.folder / f"residual-8-seed{seed}.json").unlink()


def test_works_take_turns_until_each_is_done() -> None:
    taken: list[str] = []

    def work(name: str, steps: int) -> Iterator[None]:
        for _ in range(steps):
            taken.append(name)
            yield

    train.in_turns([work("a", 1), work("b", 3), work("c", 2)])
    assert "".join(taken) == "abcbcb"


def test_a_checkpoint_is_not_overwritten_unasked(run: Run) -> None:
    (run.folder / "residual-8-seed0.pt").write_text("hours of work", encoding="utf-8")
    assert "go on from it with --resume, or delete it" in run.refusal()
    assert (run.folder / "residual-8-seed0.pt").read_text(encoding="utf-8") == "hours of work"


def test_a_checkpoint_of_other_settings_is_refused_with_what_differs(run: Run) -> None:
    run("--epochs=1")
    (run.folder / "residual-8-seed0.json").unlink()
    message = run.refusal("--resume", "--lr=0.2", "--epochs=1")
    assert "residual-8-seed0.pt belongs to a run of other settings (lr: 0.1 there, 0.2 here)" in message


def test_a_record_of_other_settings_is_refused_before_training(run: Run) -> None:
    run("--epochs=1")
    (run.folder / "residual-8-seed0.pt").unlink()
    message = run.refusal("--epochs=1", "--lr=0.2")
    assert "residual-8-seed0.json belongs to a run of other settings (lr: 0.1 there, 0.2 here)" in message
    assert not (run.folder / "residual-8-seed0.pt").exists()


@pytest.mark.parametrize("damage", ["emptied", "overwritten", "cut off", "another program's"])
def test_a_damaged_checkpoint_is_refused(run: Run, damage: str) -> None:
    file = run.folder / "residual-8-seed0.pt"
    train.save_checkpoint(file, {"settings": {}, "made": {}, "resumed": [], "trainer": {"model": torch.rand(1000)}})
    if damage == "another program's":
        torch.save({"model": {}}, file)
    else:
        file.write_bytes({"emptied": b"", "overwritten": b"?", "cut off": file.read_bytes()[:-500]}[damage])
    assert f"{file} is damaged or no checkpoint of this script: delete it" in run.refusal("--resume")


def test_a_full_disk_is_refused_and_the_last_checkpoint_kept(run: Run, cut_short: pytest.MonkeyPatch) -> None:
    run.refusal("--epochs=3")
    before = (run.folder / "residual-8-seed0.pt").read_bytes()
    with no_file_beyond(len(before) // 2):
        message = run.refusal("--epochs=3", "--resume")
    assert "can't be written (File too large); the last one there is kept: make room and go on with --resume" in message
    assert (run.folder / "residual-8-seed0.pt").read_bytes() == before
    assert [file.name for file in run.folder.iterdir()] == ["residual-8-seed0.pt"]


def test_a_disk_that_is_full_from_the_start_is_refused_before_training(run: Run) -> None:
    with no_file_beyond(1000):
        message = run.refusal()
    assert message.endswith(f"can't be written (File too large); {run.folder / 'residual-8-seed0.pt'}.")
    assert list(run.folder.iterdir()) == []


def test_missing_or_damaged_data_is_refused_and_nothing_is_written(run: Run, pictures: Path, tmp_path: Path) -> None:
    assert "CIFAR-10 is not in" in run.refusal(f"--data={tmp_path / 'nowhere'}")
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy)
    damaged = copy / "train" / "red" / "7.png"
    damaged.write_bytes(damaged.read_bytes()[:50])
    assert f"{damaged} is not a readable picture" in run.refusal(f"--data={copy}")
    assert [file.name for file in tmp_path.iterdir()] == ["copy"]


def test_a_loss_that_is_not_finite_ends_the_run_in_a_sentence(run: Run) -> None:
    assert "no longer finite in epoch 1: try a lower lr" in run.refusal("--lr=1e30")


def test_an_imagenet_model_trains_on_pictures_of_any_size(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[torch.Size] = set()
    build = train.build

    def build_and_look(options: train.Options, classes: int) -> nn.Module:
        net = build(options, classes)
        net.register_forward_hook(lambda net, inputs, output: seen.add(inputs[0].shape[1:]))
        return net

    monkeypatch.setattr(train, "build", build_and_look)
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("a", "b"):
            folder = tmp_path / "large" / part / name
            folder.mkdir(parents=True)
            for i, size in enumerate(((90, 120), (80, 70))):
                Image.fromarray(rng.integers(256, size=(*size, 3), dtype=np.uint8)).save(folder / f"{i}.jpg")
    record = run("--model=resnet18", "--image-size=64", "--epochs=1", f"--data={tmp_path / 'large'}")
    assert problems_of_a_training_record(record, of_the_project=False) == []
    assert record["name"] == "resnet18-64px-seed0"
    assert record["settings"]["image_size"] == 64
    assert record["results"]["parameters"] == 11_177_538
    assert seen == {(3, 64, 64)}  # windows of what was read, which is larger


def test_two_processes_train_together_and_the_record_says_so(run: Run) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, str(ROOT / "experiments" / "train.py"), *run.arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("processes: 2") == 1  # only the first of them talks
    (file,) = run.folder.glob("*.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert problems_of_a_training_record(record, of_the_project=False) == []
    assert record["settings"]["world_size"] == 2
    assert record["results"]["train_error"][-1] < 30


def little() -> ImageData:
    """131 images of 4x4: with batches of 64, two full ones and one of three, which two processes share unevenly."""
    torch.manual_seed(0)
    images, labels = torch.rand(131, 1, 4, 4), torch.randint(3, (131,))
    return ImageData(images, labels, images[:9], labels[:9], torch.zeros(1, 1, 1), torch.ones(1, 1, 1), ("a", "b", "c"))


def train_little(rank: int, world: int, folder: str) -> None:
    """Two epochs of a net without BN, which has to come out the same however many processes share the batches."""
    if world > 1:
        store = f"file://{folder}/store"
        torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=world)
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    trainer = Trainer(
        net,
        little(),
        epochs=2,
        batch_size=64,
        lr=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        schedule=step_schedule,
        augment=None,
        seed=0,
        device="cpu",
        wrap=nn.parallel.DistributedDataParallel if world > 1 else lambda model: model,
        rank=rank,
        world=world,
    )
    trainer.run_epoch()
    trainer.run_epoch()
    torch.save(trainer.state_dict(), Path(folder, f"{world}-{rank}.pt"))
    if world > 1:
        torch.distributed.destroy_process_group()


def test_two_processes_compute_what_one_does(tmp_path: Path) -> None:
    train_little(0, 1, str(tmp_path))
    spawn(train_little, (2, str(tmp_path)), nprocs=2)
    one, *two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1"))
    for state in two:
        torch.testing.assert_close(state["model"], one["model"], rtol=1e-5, atol=1e-6)
        assert state["history"]["train_loss"] == pytest.approx(one["history"]["train_loss"], rel=1e-5)
        assert state["history"]["train_error"] == pytest.approx(one["history"]["train_error"])
    # and they have not been idle: the shares of a batch differ
    assert one["history"]["train_loss"][1] < one["history"]["train_loss"][0]


def test_processes_draw_different_augmentations() -> None:
    """Each in each of two epochs."""
    states = []
    for rank in range(2):
        trainer = tiny_trainer(world=2, rank=rank)
        states.append(trainer._generator_of_this_process().get_state())
        trainer.history.lr.append(0.1)
        states.append(trainer._generator_of_this_process().get_state())
    assert not any(states[i].equal(states[j]) for i in range(4) for j in range(i))


def tiny_trainer(world: int, rank: int, batch_size: int = 64) -> Trainer:
    return Trainer(
        nn.Linear(1, 1),
        little(),
        epochs=1,
        batch_size=batch_size,
        lr=0.1,
        momentum=0.9,
        weight_decay=0,
        schedule=step_schedule,
        augment=crop_and_flip,
        seed=0,
        device="cpu",
        rank=rank,
        world=world,
    )


def test_a_batch_smaller_than_the_number_of_processes_is_refused() -> None:
    assert tiny_trainer(world=3, rank=2).world == 3  # the last batch has an image for each
    with pytest.raises(ValueError, match="a batch of 3 images can't be shared by 4 processes"):
        tiny_trainer(world=4, rank=0)


@pytest.mark.parametrize(("model", "kind", "numbers"), [("cifar-8", "plain", []), ("cifar-14", "residual", ["1", "2"])])
def test_lesions_of_a_trained_net_are_recorded(
    run: Run, pictures: Path, model: str, kind: str, numbers: list[str]
) -> None:
    record = run(f"--model={model}", "--epochs=1", "--batch-size=50", *["--shortcut=none"] * (kind == "plain"))
    checkpoint = run.folder / f"{record['name']}.pt"
    lesions.main([str(checkpoint), f"--data={pictures}", "--device=cpu", f"--records={run.folder}"])
    lesioned = json.loads((run.folder / f"lesions-{record['name']}.json").read_text(encoding="utf-8"))
    results, drawn = lesioned["results"], lesioned["drawn"]
    assert results["whole"] == record["results"]["test_error"][-1]
    net = models.cifar_resnet(record["settings"]["depth"], record["settings"]["shortcut"], num_classes=2)
    assert list(results["without"]) == lesions.block_names(net)
    if kind == "plain":  # the residual net makes no mistake, whole or not
        assert set(results["without"].values()) != {results["whole"]}
    assert list(results["without_several"]) == list(drawn) == numbers
    assert drawn == lesions.draw(lesions.spare_blocks(net), lesioned["draw_seed"])
    alone = [results["without"][name] for [name] in drawn.get("1", [])]
    assert results["without_several"].get("1", []) == alone
    assert results["swapped"] == {}
    assert lesioned["settings"] == record["settings"]


def test_lesions_of_other_images_or_of_an_unfinished_net_are_refused(
    run: Run, cut_short: pytest.MonkeyPatch, pictures: Path, tmp_path: Path
) -> None:
    run.refusal("--epochs=3")
    checkpoint = run.folder / "residual-8-seed0.pt"
    with pytest.raises(SystemExit, match=r"was trained to the end \(2 epochs\)"):
        lesions.main([str(checkpoint), f"--data={pictures}", f"--records={run.folder}"])
    run.refusal("--epochs=2", "--name=other")
    Image.new("RGB", (8, 8)).save(pictures / "train" / "red" / "new.png")
    with pytest.raises(SystemExit, match="was trained on other images"):
        lesions.main([str(run.folder / "other.pt"), f"--data={pictures}", f"--records={run.folder}"])
    (pictures / "train" / "red" / "new.png").unlink()
    with pytest.raises(SystemExit, match=r"none\.pt is not there"):
        lesions.main([str(tmp_path / "none.pt")])


def test_a_jpeg_copy_of_cifar10_is_recorded_as_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pictures: Path
) -> None:
    """With the classes and the size of CIFAR-10, but fewer images."""
    root = tmp_path / "cifar"
    for part in ("train", "test"):
        for name in train.CIFAR_CLASSES:
            (root / part / name).mkdir(parents=True)
            Image.new("RGB", (32, 32)).save(root / part / name / "0.jpg")
    assert train.read_images(root)[1] == "folders of pictures (.jpg), 10 classes"
    monkeypatch.setattr(train, "CIFAR_IMAGES", 10)
    assert train.read_images(root)[1] == "CIFAR-10 re-encoded as JPEG, not the original pixels"
    (root / "train" / "cat" / "0.jpg").rename(root / "train" / "cat" / "0.png")
    assert train.read_images(root)[1] == "CIFAR-10 as folders of pictures (.jpg, .png), 10 classes"


def test_the_checksum_tells_images_apart(pictures: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy)
    checksum = image_folder(pictures).checksum()
    assert image_folder(copy).checksum() == checksum
    Image.new("RGB", (8, 8)).save(copy / "test" / "red" / "0.png")
    assert image_folder(copy).checksum() != checksum
