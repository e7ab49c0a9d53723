"""What an exercise's checks are worth together, and the line that says so."""

from dataclasses import replace

import pytest

from labutils.checks import engine, exercises
from labutils.checks.engine import Case, Check, Exam, Exercise
from labutils.checks.result import CheckResult, Result
from labutils.checks.transport import Local


def right(_exam: Exam, _case: Case) -> str:
    return ""


def wrong(_exam: Exam, _case: Case) -> str:
    return "expected 1, got 2"


def undecided(_exam: Exam, _case: Case) -> str:
    return engine.UNDECIDED


def definition(*checks: Check, all_or_nothing: bool = False) -> Exercise:
    """An exercise with these checks, each made once."""
    return replace(exercises.load("residual-block"), checks=checks, cases=(Case(()),), all_or_nothing=all_or_nothing)


def examined(exercise: Exercise) -> Result:
    return engine.examine(Exam(exercise, Local(exercise.reference())))


A, B, C = Check("a", 3, right, ""), Check("b", 5, wrong, "look"), Check("c", 2, undecided, "")


def test_a_part_gives_its_points() -> None:
    result = examined(definition(A, B, C))
    assert (result.score, result.max_score, result.passed) == (5, 10, False)
    assert [check.points for check in result.checks] == [3, 0, 2]
    assert result.headline == "residual-block: 5 of 10 points"


def test_all_or_nothing_gives_nothing_for_a_part() -> None:
    result = examined(definition(A, B, C, all_or_nothing=True))
    assert (result.score, result.max_score, result.passed) == (0, 10, False)
    assert result.headline == "residual-block: 0 of 10 points"


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_all_gives_all(all_or_nothing: bool) -> None:
    result = examined(definition(A, C, all_or_nothing=all_or_nothing))
    assert (result.score, result.max_score, result.passed) == (5, 5, True)
    assert result.headline == "residual-block: 5 of 5 points, solved"


def test_what_needs_a_failed_check_gives_no_points() -> None:
    result = examined(definition(A, B, replace(A, name="d", needs=("b",)), replace(A, name="e", needs=("a",))))
    assert [(check.status, check.points) for check in result.checks] == [
        ("passed", 3), ("failed", 0), ("blocked", 0), ("passed", 3),
    ]  # fmt: skip


def test_the_headline_is_text_in_html_whatever_the_exercise_is_called() -> None:
    html = Result("<b>&</b>", (CheckResult("a", "failed"),), 0, 1)._repr_html_()
    assert "<caption>&lt;b&gt;&amp;&lt;/b&gt;: 0 of 1 points</caption>" in html
    assert "<b>" not in html
