"""Train a network of the course at full size, and record the run.

    python experiments/train.py --model cifar-56 --shortcut A --data DIR
    python experiments/train.py --model resnet50 --data DIR --image-size 224
    python experiments/train.py --model cifar-20 --seeds 0,1,2 --data DIR
    torchrun --nproc-per-node 2 experiments/train.py --model cifar-56 --data DIR

By default this is the recipe of He et al. 2016, section 4.2: SGD with momentum 0.9, weight decay 0.0001, batches of
128, a learning rate of 0.1 that is divided by 10 at half and at three quarters of the run, four pixels of padding, a
random crop and a random flip. 164 epochs are the paper's 64,000 steps. It differs from the paper in this:

- It trains on all 50,000 training images and reports the test error after the last epoch, chosen by nothing.
- Images are normalised by mean and standard deviation of each channel; the paper subtracts the mean of each pixel.
- From 110 layers on, the rate is 0.01 for the first 400 steps. The paper waits for a training error below 80 %, which
  it says took about 400 steps.
- Convolutions compute in bfloat16 where that is faster: on a GPU that has it, and on a processor where it was measured.
- ResNet-18 and its like get the same recipe on larger images: a random window and a random flip, neither the change of
  scale nor the change of colour that the paper uses on ImageNet, and no 10-crop test.

DIR holds CIFAR-10's archive, or what was unpacked from it, or train/<class>/ and test/<class>/ (or val/<class>/) with
pictures. These are decoded once and kept in DIR/.decoded-<checksum>-<size>.npz. After every epoch the state is saved in
--checkpoints; with --resume a run that was cut off goes on from there, on one processor bit by bit as if nothing had
happened. At the end, the record is written to --records.

On a GPU, each step is one CUDA graph, and several --seeds take their steps in turns, which fills a GPU that one small
net leaves idle. On a processor they are trained one after the other.
"""

import argparse
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from tqdm import tqdm

from labutils import data, measure, models, recorded
from labutils.augment import Augmentation, crop_and_flip, random_flip, random_window
from labutils.data import DataError, ImageData
from labutils.devices import choose_device, faster_in_bfloat16
from labutils.files import write_whole
from labutils.models import Shortcut
from labutils.training import Trainer, step_schedule

SCRIPT = "experiments/train.py"
ROOT = Path(__file__).parent.parent
CIFAR_DEPTHS = (20, 32, 44, 56, 110, 1202)
IMAGENET_MODELS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d")
PAPER_EPOCHS = 164
WARMUP_STEPS = 400
CIFAR_IMAGES = 50_000
CIFAR_CLASSES = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}


class Refusal(RuntimeError):
    """What was asked for can't be done. The message says why, and what to do."""


@dataclass(frozen=True)
class Options:
    """What is asked for. ``depth`` is a CIFAR net's, ``image_size`` (pixels) any other's; each is None for the other.

    ``seeds`` has the seeds of several runs, or is empty. ``data`` is the folder of the images, ``batch_size`` that of
    all processes together, ``lr`` the highest rate, and ``name`` that of the record and the checkpoint.
    """

    model: str
    depth: int | None
    shortcut: Shortcut | None
    epochs: int
    seed: int
    seeds: tuple[int, ...]
    data: Path
    download: bool
    image_size: int | None
    batch_size: int
    lr: float
    device: str
    precision: str
    compile: bool
    resume: bool
    name: str
    checkpoints: Path
    records: Path

    @property
    def checkpoint(self) -> Path:
        return self.checkpoints / f"{self.name}.pt"


def parse(arguments: Sequence[str] | None) -> Options:
    """The command line, checked as far as it can be without the images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [f"cifar-{depth}" for depth in CIFAR_DEPTHS]
    parser.add_argument("--model", required=True, help=f"{', '.join([*names, *IMAGENET_MODELS])}; any cifar-(6n+2)")
    parser.add_argument("--shortcut", choices=("A", "B", "none"), help="of a CIFAR net, A by default; none is plain")
    parser.add_argument("--epochs", type=int, default=PAPER_EPOCHS, help="%(default)s by default")
    parser.add_argument(
        "--seed", type=int, default=0, help="of weights, order and augmentation, %(default)s by default"
    )
    parser.add_argument("--seeds", default="", metavar="N,N,...", help="one run for each of these seeds")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="%(default)s by default")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10 into DIR if it is not there")
    parser.add_argument("--image-size", type=int, choices=(64, 224), help="for all but CIFAR nets, 224 by default")
    parser.add_argument("--batch-size", type=int, default=128, help="of all processes together, %(default)s by default")
    parser.add_argument("--lr", type=float, default=0.1, help="the highest learning rate, %(default)s by default")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--precision", choices=("auto", "bfloat16", "float32"), default="auto")
    parser.add_argument("--compile", action="store_true", help="torch.compile, within the step")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint, if there is one")
    parser.add_argument("--name", default="", help="of record and checkpoint, by default such as residual-56-seed0")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints", metavar="DIR")
    parser.add_argument("--records", type=Path, default=ROOT / "experiments" / "runs", metavar="DIR")
    given = parser.parse_args(arguments)
    cifar = re.fullmatch(r"cifar-(\d+)", given.model)
    if given.model not in IMAGENET_MODELS and cifar is None:
        parser.error(f"no model is called {given.model!r}; there are {', '.join([*names, *IMAGENET_MODELS])}.")
    given.depth = int(cifar[1]) if cifar else None
    if given.depth is None and given.shortcut is not None:
        parser.error("--shortcut is for CIFAR nets only: the others have shortcut B, as in torchvision.")
    if given.depth is not None and given.image_size is not None:
        parser.error("--image-size is not for CIFAR nets: they take the images as they are.")
    if given.epochs < 1 or given.batch_size < 1:
        parser.error("--epochs and --batch-size must be at least 1.")
    if given.depth is not None:
        given.shortcut = {None: "A", "none": None}.get(given.shortcut, given.shortcut)
    else:
        given.shortcut, given.image_size = "B", given.image_size or 224
    try:
        given.seeds = tuple(dict.fromkeys(int(seed) for seed in given.seeds.split(","))) if given.seeds else ()
    except ValueError:
        parser.error(f"--seeds takes whole numbers with commas between them, such as 0,1,2, and not {given.seeds!r}.")
    if given.seeds and given.name:
        parser.error("--name is for a single run: with --seeds, the names end in the seeds.")
    if given.seeds and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        parser.error("--seeds is for one process: under torchrun, train one --seed after the other.")
    options = Options(**vars(given))
    return replace(options, name=options.name or default_name(options))


def default_name(options: Options) -> str:
    """Such as plain-56-seed0, residual-56-seed0 with shortcut A, residual-b-56-seed0, resnet18-64px-seed0."""
    kind = {None: "plain", "A": "residual", "B": "residual-b"}[options.shortcut]
    net = f"{options.model}-{options.image_size}px" if options.depth is None else f"{kind}-{options.depth}"
    return f"{net}-seed{options.seed}"


def single_runs(options: Options) -> list[Options]:
    """The options of each run, one for each seed."""
    runs = [replace(options, seed=seed, seeds=()) for seed in options.seeds]
    return [replace(run, name=default_name(run)) for run in runs] or [options]


def read_images(root: Path, image_size: int | None = None, download: bool = False) -> tuple[ImageData, str]:
    """The images, and a sentence on where they come from.

    Without ``image_size`` (pixels) they are for a CIFAR net: those of ``root`` as they are, or else CIFAR-10. Raises
    DataError where they are not there or damaged.
    """
    if image_size is None and not (root / "train").is_dir():
        return data.cifar10(root, download), "CIFAR-10, the original archive"
    images = data.image_folder(root, image_size)
    kinds = {path.suffix.lower() for path in (root / "train").rglob("*.*")}
    source = f"folders of pictures ({', '.join(sorted(kinds))}), {len(images.classes)} classes"
    if set(images.classes) == CIFAR_CLASSES and images.train_images.shape == (CIFAR_IMAGES, 3, 32, 32):
        lossy = kinds <= {".jpg", ".jpeg"}
        source = "CIFAR-10 re-encoded as JPEG, not the original pixels" if lossy else f"CIFAR-10 as {source}"
    return images, source


def build(options: Options, classes: int) -> nn.Module:
    """The network, its weights drawn from the seed."""
    torch.manual_seed(options.seed)
    if options.depth is not None:
        return models.cifar_resnet(options.depth, options.shortcut, num_classes=classes)
    return getattr(models, options.model)(num_classes=classes)


def window_and_flip(images: Tensor, generator: torch.Generator, size: int) -> Tensor:
    """A random ``size`` x ``size`` window of each image, mirrored with probability 1/2."""
    return random_flip(random_window(images, size, size, generator), generator)


def describe(options: Options, images: ImageData, source: str, bfloat16: bool, world: int) -> dict[str, Any]:
    """Everything that decides the outcome, as the record and the checkpoint hold it."""
    steps = -(-len(images.train_images) // options.batch_size) * options.epochs
    cifar = options.depth is not None
    short = f"short: {options.epochs} epochs, where the paper's 64,000 steps are {PAPER_EPOCHS}"
    settings: dict[str, Any] = {"model": options.model}
    if cifar:
        settings |= {"depth": options.depth}
    return settings | {
        "shortcut": options.shortcut,
        "seed": options.seed,
        "epochs": options.epochs,
        "schedule": short if cifar and options.epochs < PAPER_EPOCHS else "full",
        "batch_size": options.batch_size,
        "lr": options.lr,
        "lr_divided_by_10_at_steps": [-(-steps // 2), -(-3 * steps // 4)],
        "warmup_steps": WARMUP_STEPS if (options.depth or 0) >= 110 else 0,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "augmentation": "crop after padding by 4, flip" if cifar else "random window, flip",
        "normalisation": "mean and standard deviation of each channel",
        "trained_on": "all training images, no validation split",
        "image_size": images.test_images.shape[-1],
        "precision": "bfloat16 autocast" if bfloat16 else "float32",
        "compiled": options.compile,
        "world_size": world,
        "data": source,
        "data_sha256": images.checksum(),
    }


def uses_bfloat16(options: Options, device: torch.device) -> bool:
    """As asked for, or, with auto, as the checkpoint to resume has it, or else as is faster."""
    if options.precision != "auto":
        return options.precision == "bfloat16"
    if options.resume and options.checkpoint.exists():
        return load_checkpoint(options.checkpoint)["settings"]["precision"] != "float32"
    answer = [faster_in_bfloat16(device)]
    if dist.is_initialized():
        dist.broadcast_object_list(answer)  # a measurement, on which all processes must agree
    return answer[0]


def make_trainer(
    options: Options, images: ImageData, settings: dict[str, Any], device: torch.device, rank: int
) -> Trainer:
    """The trainer at its first step."""
    world = settings["world_size"]

    def wrap(model: nn.Module) -> nn.Module:
        if world > 1:
            model = nn.parallel.DistributedDataParallel(model)
        if options.compile:
            model.compile(dynamic=False)  # its own CUDA graphs would not fit into the step's
        return model

    augment: Augmentation = crop_and_flip
    if options.image_size is not None:
        augment = partial(window_and_flip, size=options.image_size)
    return Trainer(
        build(options, len(images.classes)),
        images,
        epochs=options.epochs,
        batch_size=options.batch_size,
        lr=options.lr,
        momentum=settings["momentum"],
        weight_decay=settings["weight_decay"],
        schedule=partial(step_schedule, warmup=settings["warmup_steps"]),
        augment=augment,
        seed=options.seed,
        device=device.type,
        autocast=settings["precision"] != "float32",
        capture=True,
        wrap=wrap,
        rank=rank,
        world=world,
    )


def refuse_other(settings: dict[str, Any], found: dict[str, Any], file: Path) -> None:
    """Raise Refusal if ``file`` belongs to a run of other settings, with what differs."""
    differing = [name for name in settings | found if settings.get(name) != found.get(name)]
    if differing:
        words = "; ".join(f"{name}: {found.get(name)!r} there, {settings.get(name)!r} here" for name in differing)
        raise Refusal(f"{file} belongs to a run of other settings ({words}): give this run another --name.")


def save_checkpoint(file: Path, state: dict[str, Any]) -> None:
    """Write ``state`` whole, or leave what was there. Raises Refusal where it can't be written."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        write_whole(file, buffer.getvalue())
    except OSError as error:
        kept = f"the last one there is kept: make room and go on with --resume ({file})" if file.exists() else file
        raise Refusal(f"the checkpoint can't be written ({error.strerror}); {kept}.") from error


def load_checkpoint(file: Path) -> dict[str, Any]:
    """The state that save_checkpoint wrote. Raises Refusal for a damaged file."""
    refusal = Refusal(f"{file} is damaged or no checkpoint of this script: delete it to start again.")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what its several formats raise
        raise refusal from error
    if not isinstance(state, dict) or state.keys() != {"settings", "made", "resumed", "trainer"}:
        raise refusal
    return state


def refuse_existing_record(options: Options, settings: dict[str, Any]) -> None:
    """Raise Refusal where a record of this name holds a run of other settings."""
    file = options.records / f"{options.name}.json"
    if file.exists():
        refuse_other(settings, recorded.load(options.name, options.records)["settings"], file)


def start_or_resume(options: Options, trainer: Trainer, settings: dict[str, Any]) -> dict[str, Any]:
    """Bring the trainer to where the run stands, and return the checkpoint's other parts: settings and origin.

    Raises Refusal for a checkpoint that is damaged, of other settings, or there without ``resume``.
    """
    file = options.checkpoint
    made = recorded.origin(("torch", "torchvision", "numpy", "pillow"))
    if trainer.device.type == "cpu":
        made["hardware"] = f"{recorded.processor(gpu=False)}, {torch.get_num_threads()} threads used"
    if not file.exists():
        return {"settings": settings, "made": made, "resumed": []}
    if not options.resume:
        raise Refusal(f"{file} exists: go on from it with --resume, or delete it to start again.")
    state = load_checkpoint(file)
    refuse_other(settings, state["settings"], file)
    trainer.load_state_dict(state["trainer"])
    resumed = state["resumed"] + [{"after_epoch": len(trainer.history.lr)} | made]
    return {"settings": settings, "made": state["made"], "resumed": resumed}


@dataclass
class Run:
    """One run on its way. ``rest`` is what its checkpoint holds beside the trainer's state."""

    options: Options
    trainer: Trainer
    rest: dict[str, Any]
    is_chief: bool

    @property
    def name(self) -> str:
        return self.options.name

    def save(self) -> None:
        """Write the checkpoint, in the first process. Raises Refusal where that can't be done."""
        if self.is_chief:
            save_checkpoint(self.options.checkpoint, self.rest | {"trainer": self.trainer.state_dict()})

    def steps(self, advance: Callable[[int], object]) -> Iterator[None]:
        """All epochs that are left, step by step, with a line and a checkpoint after each epoch."""
        trainer, history = self.trainer, self.trainer.history
        tested = len(trainer.images) + len(trainer.data.test_images)
        for epoch in range(len(history.lr) + 1, trainer.epochs + 1):
            start = time.perf_counter()
            for images in trainer.steps_of_an_epoch():
                advance(images)
                yield
            self.save()
            if self.is_chief:
                speed = tested / (time.perf_counter() - start)
                tqdm.write(
                    f"{self.name}, epoch {epoch}/{trainer.epochs}: rate {history.lr[-1]:g}, "
                    f"loss {history.train_loss[-1]:.4f}, training error {history.train_error[-1]:.2f} %, "
                    f"test error {history.test_error[-1]:.2f} %, {speed:,.0f} images/s (testing included)"
                )

    def record(self, in_turns: int) -> Path:
        """Write the record of the finished run, of which so many took turns."""
        results = {"parameters": measure.parameters(self.trainer.model)} | asdict(self.trainer.history)
        return recorded.save(
            self.name,
            SCRIPT,
            self.rest["settings"],
            results,
            folder=self.options.records,
            made=self.rest["made"],
            resumed=self.rest["resumed"],
            step="one CUDA graph" if self.trainer.is_captured else "kernel by kernel",
            runs_in_turns=in_turns,
        )


def prepare(options: Options, images: ImageData, settings: dict[str, Any], device: torch.device, rank: int) -> Run:
    """A run where it stands. Raises Refusal where a record or checkpoint is in its way."""
    refuse_existing_record(options, settings)
    trainer = make_trainer(options, images, settings, device, rank)
    return Run(options, trainer, start_or_resume(options, trainer, settings), is_chief=rank == 0)


def train(runs: Sequence[Run]) -> None:
    """Train the runs to their end: in turns where their steps are CUDA graphs, else one after the other."""
    chief, count = runs[0].is_chief, len(runs[0].trainer.images)
    bar = tqdm(
        total=sum(run.trainer.epochs for run in runs) * count,
        initial=sum(len(run.trainer.history.lr) for run in runs) * count,
        unit=" images",
        unit_scale=True,
        mininterval=0.5 if sys.stderr.isatty() else 60,
        disable=not chief,
    )
    with bar:
        works = [run.steps(bar.update) for run in runs]
        for together in [works] if runs[0].trainer.is_captured else [[work] for work in works]:
            in_turns(together)


def in_turns(works: Sequence[Iterator[None]]) -> None:
    """Take one step of each in turn until all are done."""
    done = object()
    left = list(works)
    while left:
        left = [work for work in left if next(work, done) is not done]


def run(options: Options) -> list[Path]:
    """Train as the options say. The paths of the records, in all processes but the first none."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = choose_device(options.device)
    images, source = read_images(options.data, options.image_size, options.download)
    singles = single_runs(options)
    bfloat16 = uses_bfloat16(singles[0], device)
    runs: list[Run] = []
    for single in singles:
        settings = describe(single, images, source, bfloat16, world)
        seen = runs[0].trainer.data if runs else images  # which are on the device then
        runs.append(prepare(single, seen, settings, device, rank))
    if world > 1:
        dist.barrier()  # all have looked for a checkpoint before the first one writes it
    for each in runs:
        if each.is_chief:
            parameters, done = measure.parameters(each.trainer.model), len(each.trainer.history.lr)
            print(
                f"{each.name}: {parameters:,} parameters, {len(images.train_images):,} images ({source}), epochs "
                f"{done + 1} to {options.epochs}, {device}, {each.rest['settings']['precision']}, processes: {world}",
                flush=True,
            )
        each.save()  # so that a full disk is seen before the first epoch and not after it
    in_turns_now = len(runs) if runs[0].trainer.is_captured else 1
    train(runs)
    return [each.record(in_turns_now) for each in runs if each.is_chief]


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the other processes where torchrun started this one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    on_gpu = choose_device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or say in a sentence why not."""
    options = parse(arguments)
    try:
        with process_group(options.device):
            records = run(options)
        for record in records:
            print(f"recorded in {record}")
    except (DataError, Refusal, FloatingPointError, ValueError) as error:
        sys.exit(f"train.py: {error}")
    except KeyboardInterrupt:
        sys.exit("train.py: interrupted; the last whole epoch is kept, go on with --resume.")


if __name__ == "__main__":
    main()
