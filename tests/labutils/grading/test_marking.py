"""What a mark says where something could not be decided. The exercises are made up, the process is real."""

from collections.abc import Callable

import pytest

from labutils.checks.engine import UNDECIDED, Case, Check, Exam, Exercise
from labutils.checks.result import WHY_UNDECIDED
from labutils.grading import marking
from labutils.grading.records import Mark
from labutils.grading.remote import Limits
from tests.labutils.grading.conftest import SHEET, page

pytestmark = pytest.mark.slow


def saying(answer: str) -> Callable[[Exam, Case], str]:
    def judge(_exam: Exam, _case: Case) -> str:
        return answer

    return judge


RIGHT = Check("right", 4, saying(""), "")
OPEN = Check("open", 3, saying(UNDECIDED), "")
NEEDS_OPEN = Check("needs open", 2, saying(""), "", needs=("open",))
WRONG = Check("wrong", 1, saying("expected 1, got 2"), "write 1")


def exercise(name: str, *checks: Check, all_or_nothing: bool = False) -> Exercise:
    return Exercise(name, SHEET, ("Answer",), tuple, (Case(()),), checks, {}, all_or_nothing=all_or_nothing)


@pytest.fixture(scope="module")
def marks() -> dict[str, Mark]:
    """The marks of one submission by exercise."""
    exercises = [
        exercise("shortcut-a", RIGHT, OPEN, NEEDS_OPEN),
        exercise("clinic-1", RIGHT, OPEN, all_or_nothing=True),
        exercise("residual-block", RIGHT, OPEN, WRONG),
    ]
    record = marking.mark(
        "amy", "amy.md", page("class Answer:\n    pass\n").encode(), SHEET, exercises, Limits(time=60)
    )
    assert record.status == "review"
    assert record.score == 8
    return {mark.exercise: mark for mark in record.marks}


def test_what_is_open_is_named_and_what_is_decided_counts(marks: dict[str, Mark]) -> None:
    mark = marks["shortcut-a"]
    assert (mark.status, mark.score, mark.max_score) == ("review", 4, 9)
    open_ones = "open (3 points), needs open (2 points)"
    assert mark.message == f"A person decides what the grader could not: {open_ones}. {WHY_UNDECIDED}"
    assert (mark.first_failure, mark.asked, mark.misconception) == ("", "", "")


def test_where_all_points_are_given_or_none_there_are_none_so_far(marks: dict[str, Mark]) -> None:
    assert (marks["clinic-1"].status, marks["clinic-1"].score) == ("review", 0)


def test_where_something_is_wrong_nothing_waits_for_a_person(marks: dict[str, Mark]) -> None:
    mark = marks["residual-block"]
    assert (mark.status, mark.score, mark.first_failure) == ("partial", 4, "wrong")
    assert mark.message == "Answer(): expected 1, got 2"
