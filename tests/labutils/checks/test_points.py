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
    assert (result.score, result.max_score, result.passed, result.undecided) == (3, 10, False, False)
    assert [check.points for check in result.checks] == [3, 0, 0]
    assert result.headline == "residual-block: 3 of 10 points"


def test_all_or_nothing_gives_nothing_for_a_part() -> None:
    result = examined(definition(A, B, C, all_or_nothing=True))
    assert (result.score, result.max_score, result.passed) == (0, 10, False)
    assert result.headline == "residual-block: 0 of 10 points"


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_all_gives_all(all_or_nothing: bool) -> None:
    result = examined(definition(A, replace(A, name="d", points=2), all_or_nothing=all_or_nothing))
    assert (result.score, result.max_score, result.passed) == (5, 5, True)
    assert result.headline == "residual-block: 5 of 5 points, solved"


@pytest.mark.parametrize(("all_or_nothing", "score"), [(True, 0), (False, 3)])
def test_what_is_undecided_gives_no_points_and_a_person_decides(all_or_nothing: bool, score: int) -> None:
    result = examined(definition(A, C, replace(A, name="d", needs=("c",)), all_or_nothing=all_or_nothing))
    assert [check.status for check in result.checks] == ["passed", "undecided", "blocked"]
    assert (result.score, result.max_score, result.passed, result.undecided) == (score, 8, False, True)
    assert not result
    assert result.headline == f"residual-block: {score} of 8 points so far; a person decides about the rest"


def test_an_undecided_check_holds_the_call_at_which_it_was_first() -> None:
    def at_two(_exam: Exam, case: Case) -> str:
        return engine.UNDECIDED if case.args[0] > 1 else ""

    cases = tuple(Case((number,)) for number in (1, 2, 3))
    result = examined(definition(replace(C, judge=at_two, cases=cases)))
    assert result.checks == (CheckResult("c", "undecided", "BasicBlock(2)"),)


def test_only_where_something_is_undecided_a_person_decides() -> None:
    assert not Result("x", (), 0, 0).undecided
    for status in ("failed", "error", "interrupted"):
        assert not Result("x", (CheckResult("a", "undecided"), CheckResult("b", status)), 0, 1).undecided


def test_what_needs_a_failed_check_gives_no_points() -> None:
    result = examined(definition(A, B, replace(A, name="d", needs=("b",)), replace(A, name="e", needs=("a",))))
    assert [(check.status, check.points) for check in result.checks] == [
        ("passed", 3), ("failed", 0), ("blocked", 0), ("passed", 3),
    ]  # fmt: skip


def test_the_headline_is_text_in_html_whatever_the_exercise_is_called() -> None:
    html = Result("<b>&</b>", (CheckResult("a", "failed"),), 0, 1)._repr_html_()
    assert ">&lt;b&gt;&amp;&lt;/b&gt;: 0 of 1 points</caption>" in html
    assert "<b>" not in html
