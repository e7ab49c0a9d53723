"""A sheet is given out only if every program of its banks comes to the verdict that is written there."""

from typing import Any

import pytest

import banks
from banks import Program
from labutils import models
from labutils.checks import exercises
from labutils.grading import marking, release
from labutils.grading.records import Record
from labutils.grading.remote import Limits
from tests.labutils.grading.conftest import SHEET, mark_of, record_of

KNOWN = {program.name: program.make for program in banks.programs("residual-block")}
no_last_relu, even_elements_first = KNOWN["no_last_relu"], KNOWN["even_elements_first"]


@pytest.fixture(autouse=True)
def _sheet_is_graded_as_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def mark(submission: str, *_others: Any) -> Record:
        return record_of(submission, mark_of("passed", 10) if submission == "solved" else mark_of("failed"))

    monkeypatch.setattr(marking, "mark", mark)


def problems(monkeypatch: pytest.MonkeyPatch, *programs: Program) -> list[str]:
    """What is said against the first sheet if these are the programs of its first exercise."""

    def of_bank(exercise: str) -> tuple[Program, ...]:
        right = Program("reference", exercises.load(exercise).reference, "right")
        return programs if exercise == "residual-block" else (right,)

    monkeypatch.setattr(banks, "programs", of_bank)
    return release.verify(SHEET, Limits())


def test_programs_that_come_to_what_is_written_are_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = (
        Program("right", lambda: models.BasicBlock, "right"),
        Program("wrong", no_last_relu, "wrong", "silenced branch"),
        Program("open", even_elements_first, "review"),
    )
    assert problems(monkeypatch, *programs) == []


def test_what_comes_to_another_verdict_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = (
        Program("a", lambda: models.BasicBlock, "review"),
        Program("b", lambda: models.BasicBlock, "wrong", "shape"),
        Program("c", no_last_relu, "right"),
        Program("d", no_last_relu, "review"),
        Program("e", no_last_relu, "wrong", "shape"),
        Program("f", even_elements_first, "right"),
        Program("g", even_elements_first, "wrong", "shape"),
    )
    assert problems(monkeypatch, *programs) == [
        "residual-block: a was expected to be left undecided, and turned out to pass.",
        "residual-block: b was expected to fail 'shape' first, and turned out to pass.",
        "residual-block: c was expected to pass, and turned out to fail 'silenced branch' first.",
        "residual-block: d was expected to be left undecided, and turned out to fail 'silenced branch' first.",
        "residual-block: e was expected to fail 'shape' first, and turned out to fail 'silenced branch' first.",
        "residual-block: f was expected to pass, and turned out to be left undecided.",
        "residual-block: g was expected to fail 'shape' first, and turned out to be left undecided.",
    ]


def test_an_empty_bank_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch) == ["residual-block: its bank is empty."]
