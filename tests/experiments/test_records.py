"""Recorded results say where they come from, and the margin rule is the course's."""

import copy
import json
import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments import train
from experiments.margins import SEEDS_LINE, strictest_bounds
from labutils import data, recorded
from tests.conftest import ROOT

KINDS = {"A": "residual", "B": "residual-b", None: "plain"}
ANY_IMAGES = data.ImageData(  # as many as CIFAR-10 has, of one pixel
    torch.zeros(50_000, 1, 1, 1, dtype=torch.uint8),
    torch.zeros(50_000, dtype=torch.int64),
    torch.zeros(1, 1, 1, 1, dtype=torch.uint8),
    torch.zeros(1, dtype=torch.int64),
    torch.zeros(1),
    torch.ones(1),
    ("one",),
)
RECORDS = sorted((ROOT / "experiments" / "runs").glob("*.json"))


@pytest.mark.parametrize("file", RECORDS, ids=[file.stem for file in RECORDS])
def test_a_record_names_script_settings_versions_hardware_and_date(file: Path) -> None:
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["name"] == file.stem
    assert (ROOT / record["script"]).is_file()
    assert record["settings"]
    assert {"python", "torch"} <= record["versions"].keys()
    assert record["hardware"]
    assert len(record["date"].split("-")) == 3
    assert record["results"]


def problems_of_a_training_record(record: dict[str, Any], of_the_project: bool) -> list[str]:
    """What is wrong with a record of ``experiments/train.py``. The project's own are of CIFAR-10 and committed code."""
    settings, results, epochs = record["settings"], record["results"], record["settings"]["epochs"]
    series = [results[name] for name in ("train_loss", "train_error", "test_error", "lr", "seconds")]
    percents = results["train_error"] + results["test_error"]
    cifar = "depth" in settings
    kind = f"{KINDS[settings['shortcut']]}-{settings['depth']}" if cifar else f"{settings['model']}-"
    checks = {
        "script": record["script"] == "experiments/train.py",
        "name": record["name"].startswith(kind) and record["name"].endswith(f"-seed{settings['seed']}"),
        "one value an epoch": all(len(values) == epochs for values in series),
        "numbers": all(math.isfinite(value) for values in series for value in values),
        "percent": all(0 <= value <= 100 for value in percents),
        "seconds rise": results["seconds"] == sorted(set(results["seconds"])),
        "lr": all(0 < lr <= settings["lr"] for lr in results["lr"]),
        "parameters": results["parameters"] > 0,
        "named as short": settings["schedule"].startswith("short") == (cifar and epochs < 164),
        "checksum": re.fullmatch("[0-9a-f]{64}", settings["data_sha256"]) is not None,
        "data": bool(settings["data"]),
        "world size": settings["world_size"] >= 1,
        "versions": {"python", "torch", "torchvision", "numpy", "pillow"} <= record["versions"].keys(),
        "hardware": bool(record["hardware"]),
        "resumed": all(0 <= entry["after_epoch"] <= epochs for entry in record["resumed"]),
    }
    if of_the_project:
        commits = [record["git_commit"], *(entry["git_commit"] for entry in record["resumed"])]
        checks |= {
            "committed code": all(re.fullmatch("[0-9a-f]{40}", commit) for commit in commits),
            "CIFAR-10": cifar and settings["data"].startswith("CIFAR-10"),
        }
    return [name for name, fine in checks.items() if not fine]


def test_every_recorded_training_is_whole() -> None:
    records = [json.loads(file.read_text(encoding="utf-8")) for file in RECORDS]
    trained = [record for record in records if record["script"] == "experiments/train.py"]
    problems = {record["name"]: problems_of_a_training_record(record, of_the_project=True) for record in trained}
    assert not any(problems.values()), problems


@pytest.mark.parametrize("file", RECORDS, ids=[file.stem for file in RECORDS])
def test_a_record_is_laid_out_as_a_script_writes_it(file: Path) -> None:
    text = file.read_bytes().decode("utf-8")
    assert text == json.dumps(json.loads(text), indent=1) + "\n"


def test_the_recorded_trainings_differ_in_network_and_seed_alone() -> None:
    """Otherwise the pages would put runs side by side that can't be compared."""
    runs = recorded.trainings()
    assert all(recorded.protocol(run) == recorded.protocol(runs[0]) for run in runs)
    made = [(recorded.kind(run), run["settings"]["depth"], run["settings"]["seed"]) for run in runs]
    seeds = {seed for *_, seed in made}
    assert sorted(made) == sorted((kind, depth, seed) for kind, depth in {one[:2] for one in made} for seed in seeds)
    assert {one[:2] for one in made} >= {(kind, depth) for kind in ("plain", "residual") for depth in (20, 56)}


@pytest.mark.parametrize("run", recorded.trainings(), ids=lambda run: run["name"])
def test_the_command_beside_a_run_asks_for_its_settings(run: dict[str, Any]) -> None:
    options = train.parse(shlex.split(recorded.command(run))[2:])
    asked = train.describe(options, ANY_IMAGES, "", options.precision == "bfloat16", world=1)
    of_the_images = ("data", "data_sha256", "image_size")
    assert {name: asked[name] for name in asked if name not in of_the_images} == {
        name: value for name, value in run["settings"].items() if name not in of_the_images
    }
    assert options.name == run["name"]


@pytest.mark.parametrize("name", [name for name in recorded.names() if name.startswith("lesions-")])
def test_recorded_lesions_are_of_a_recorded_training(name: str) -> None:
    lesions, trained = recorded.load(name), recorded.load(name.removeprefix("lesions-"))
    assert lesions["settings"] == trained["settings"]
    assert lesions["git_commit"] == trained["git_commit"]
    blocks = (trained["settings"]["depth"] - 2) // 6
    places = [f"layer{stage}.{position}" for stage in (1, 2, 3) for position in range(blocks)]
    assert list(lesions["results"]["without"]) == places
    assert lesions["results"]["whole"] == pytest.approx(trained["results"]["test_error"][-1], abs=0.1)


GOOD = {
    "name": "plain-20-seed1",
    "script": "experiments/train.py",
    "settings": {
        "depth": 20,
        "shortcut": None,
        "seed": 1,
        "epochs": 2,
        "lr": 0.1,
        "schedule": "short: 2 epochs",
        "data": "CIFAR-10, the original archive",
        "data_sha256": "0" * 64,
        "world_size": 1,
    },
    "versions": {"python": "3", "torch": "2", "torchvision": "0", "numpy": "2", "pillow": "1"},
    "hardware": "a processor",
    "git_commit": "a" * 40,
    "resumed": [],
    "results": {
        "parameters": 1,
        "train_loss": [2.0, 1.0],
        "train_error": [80.0, 50.0],
        "test_error": [70.0, 60.0],
        "lr": [0.1, 0.001],
        "seconds": [1.0, 2.0],
    },
}
FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "name": lambda record: record.update(name="residual-20-seed1"),
    "one value an epoch": lambda record: record["results"]["train_loss"].pop(),
    "percent": lambda record: record["results"]["test_error"].__setitem__(0, 101),
    "numbers": lambda record: record["results"]["train_loss"].__setitem__(0, math.nan),
    "seconds rise": lambda record: record["results"]["seconds"].reverse(),
    "named as short": lambda record: record["settings"].update(schedule="full"),
    "checksum": lambda record: record["settings"].update(data_sha256="?"),
    "versions": lambda record: record["versions"].pop("pillow"),
    "committed code": lambda record: record.update(git_commit="a" * 40 + " with uncommitted changes"),
    "CIFAR-10": lambda record: record["settings"].update(data="folders of pictures"),
    "resumed": lambda record: record["resumed"].append({"after_epoch": 3, "git_commit": "b" * 40}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_record_is_found_out(fault: str) -> None:
    record = copy.deepcopy(GOOD)
    assert problems_of_a_training_record(record, of_the_project=True) == []
    FAULTS[fault](record)
    assert problems_of_a_training_record(record, of_the_project=True) == [fault]


def test_there_are_records() -> None:
    assert RECORDS


@pytest.mark.parametrize(
    ("values", "lowest", "highest"), [([100, 50, 200], 25, 400), ([0, 0, 0], 0, 0), ([3, 3, 3], 3, 3)]
)
def test_a_bound_is_twice_as_far_from_the_median_as_the_worst_value(
    values: list[float], lowest: float, highest: float
) -> None:
    assert strictest_bounds(values) == pytest.approx({"at_least": lowest, "at_most": highest})


def test_seeds_are_found_and_replaced() -> None:
    assert SEEDS_LINE.sub("SEEDS = (4, 5)", "a = 1\nSEEDS = (0, 1)\nb = 2") == "a = 1\nSEEDS = (4, 5)\nb = 2"
