"""Where one way to write an exercise can be read: it exists, and nobody is shown it too early."""

import importlib
import re

import pytest

from labutils.checks import exercises
from labutils.checks.result import CheckResult, Result
from labutils.checks.solutions import SOLUTIONS
from labutils.grading import remote
from tests.conftest import ROOT


def named(exercise: str) -> list[str]:
    """The classes and functions that the sentence names, with their modules."""
    return re.findall(r"`(labutils\.[\w.]+)`", SOLUTIONS[exercise])


def test_every_exercise_has_one() -> None:
    assert tuple(SOLUTIONS) == exercises.IDS
    assert all(map(named, SOLUTIONS))


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_what_it_names_is_there_to_be_read(exercise: str) -> None:
    for path in named(exercise):
        module, _, name = path.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert found.__module__ == module
    sections = re.findall(r'chapter (\d+), "([^"]+)"', SOLUTIONS[exercise])
    assert len(sections) == SOLUTIONS[exercise].count("chapter")
    for number, heading in sections:
        [chapter] = (ROOT / "chapters").glob(f"{int(number):02}-*.md")
        prose = re.sub(r"^```.*?^```", "", chapter.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert re.search(rf"^#+ {re.escape(heading)}$", prose, re.MULTILINE)


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_it_names_what_the_checks_compare_with(exercise: str) -> None:
    reference = {f"{one.__module__}.{one.__name__}" for one in exercises.load(exercise).reference()}
    own = {path for path in reference if path.startswith("labutils.checks.exercises.")}
    assert reference - own <= set(named(exercise))


def test_it_is_shown_only_where_the_exercise_is_solved() -> None:
    shown = ("One way to write it", "here")
    assert shown in Result("x", (CheckResult("a", "passed"),), 1, 1, solution="here").lines()
    for check in (CheckResult("a", "failed"), CheckResult("a", "undecided")):
        assert shown not in Result("x", (check,), 0, 1, solution="here").lines()


def test_a_graded_submission_gets_none_of_them() -> None:
    folder = remote.PACKAGE
    given = [folder / path for path in remote.CHILD_MODULES.values() if path]
    texts = [path.read_text(encoding="utf-8") for path in (*given, *(folder / "checks/probes").glob("*.py"))]
    assert len(texts) > 8
    assert "labutils.checks.solutions" not in remote.CHILD_MODULES
    assert not any("solutions" in text or sentence in text for text in texts for sentence in SOLUTIONS.values())
