"""Recorded results say where they come from, and the margin rule is the course's."""

import json
from pathlib import Path

import pytest

from experiments.margins import SEEDS_LINE, strictest_bounds
from tests.conftest import ROOT

RECORDS = sorted((ROOT / "experiments" / "runs").glob("*.json"))


@pytest.mark.parametrize("file", RECORDS, ids=[file.stem for file in RECORDS])
def test_a_record_names_script_settings_versions_hardware_and_date(file: Path) -> None:
    record = json.loads(file.read_text())
    assert record["name"] == file.stem
    assert (ROOT / record["script"]).is_file()
    assert record["settings"]
    assert {"python", "torch"} <= record["versions"].keys()
    assert record["hardware"]
    assert len(record["date"].split("-")) == 3
    assert record["results"]


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
