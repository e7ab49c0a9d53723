"""Of the banks' programs, wrong ones fail for the reason written there, right ones pass, and some do neither."""

import json
import os
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import nn

from banks import Program, Verdict, everything, programs
from banks.write import KILL_TABLE, hints
from labutils.checks import engine, exercises
from labutils.checks.engine import Case, Exam
from labutils.checks.probes.given import resolve
from labutils.checks.result import CheckResult, Result
from labutils.checks.transport import Local, guarded

SALTS = range(1, 1 + int(os.environ.get("SALTS", "2")))
ONLY_SHAPE_AND_COUNT = ("shape", "parameter count")
KILLS: dict[str, Any] = json.loads(KILL_TABLE.read_text(encoding="utf-8"))


def names(pairs: list[tuple[str, Program]]) -> list[Any]:
    return [pytest.param(exercise, program, id=f"{exercise}:{program.name}") for exercise, program in pairs]


@pytest.mark.parametrize(("exercise", "program"), names(everything("wrong")))
def test_a_wrong_program_fails_first_where_expected_its_misconception_is_named_and_its_kills_are_as_written(
    exercise: str, program: Program
) -> None:
    definition = exercises.load(exercise)
    with guarded():
        exam = Exam(definition, Local(program.objects()))
        failure = first_failure(exam)
        assert failure is not None, "not rejected"
        said = engine.misconception(exam, Result(exercise, (failure,), 0, definition.max_score))
        kills = {check: list(calls) for check, calls in engine.rejecting(exam).items()}
    assert (failure.name, failure.status) == (program.first, "failed"), failure
    assert said == program.says, "run make bank"
    assert KILLS[exercise]["wrong"][program.name] == {"says": program.says, "rejected by": kills}, "run make bank"


@pytest.mark.parametrize(("exercise", "program"), names(everything("right")))
def test_a_right_program_passes(exercise: str, program: Program) -> None:
    with guarded():
        result = engine.examine(Exam(exercises.load(exercise), Local(program.objects())))
    assert result.passed, result
    assert result.score == result.max_score


@pytest.mark.parametrize(("exercise", "program"), names(everything("review")))
def test_a_program_for_a_person_neither_passes_nor_is_rejected(exercise: str, program: Program) -> None:
    with guarded():
        result = engine.examine(Exam(exercises.load(exercise), Local(program.objects())))
    assert result.undecided, result
    assert not result
    assert result.score < result.max_score


def first_failure(exam: Exam) -> CheckResult | None:
    """The first check that fails, those behind it not made."""
    return next((result for result in engine.check_results(exam) if result.status in ("failed", "error")), None)


def verdict(exam: Exam) -> tuple[Verdict, str]:
    """What the checks come to, and which fails first, those behind it not made."""
    open_ones = False
    for result in engine.check_results(exam):
        if result.status in ("failed", "error"):
            return "wrong", result.name
        open_ones |= result.status != "passed"
    return ("review" if open_ones else "right"), ""


@pytest.mark.slow
@pytest.mark.parametrize("salt", SALTS)
@pytest.mark.parametrize("exercise", exercises.IDS)
def test_no_verdict_depends_on_the_salt(exercise: str, salt: int) -> None:
    definition = exercises.load(exercise)
    for program in programs(exercise):
        with guarded():
            found = verdict(Exam(definition, Local(program.objects()), salt))
        assert found == (program.verdict, program.first), program.name


def test_the_banks_are_large_enough() -> None:
    wrong = Counter(exercise for exercise, _ in everything("wrong"))
    right = Counter(exercise for exercise, _ in everything("right"))
    assert sum(wrong.values()) >= 150
    assert sum(right.values()) >= 60
    for exercise in exercises.IDS:
        assert wrong[exercise] >= 6, exercise
        assert right[exercise] >= 3, exercise


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_of_wrong_programs_that_look_the_same_the_same_is_said(exercise: str) -> None:
    for one, other in combinations(engine.bank()[exercise]["wrong"], 2):
        same = one["first"] == other["first"] and engine.alike(one["fingerprint"], other["fingerprint"])
        assert not same or one["says"] == other["says"], (one["says"], other["says"])


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_what_make_bank_wrote_is_fresh(exercise: str) -> None:
    definition = exercises.load(exercise)
    wrong = [program for program in programs(exercise) if program.verdict == "wrong"]
    kept, kills = engine.bank()[exercise], KILLS[exercise]
    assert kept["hints"] == hints(definition), "run make bank"
    listed = [(entry["first"], entry["says"]) for entry in kept["wrong"]]
    assert listed == [(program.first, program.says) for program in wrong], "run make bank"
    assert list(kills["wrong"]) == [program.name for program in wrong], "run make bank"
    counts = Counter(program.verdict for program in programs(exercise))
    assert (kills["right"], kills["review"]) == (counts["right"], counts["review"]), "run make bank"
    checks = {check.name: {"points": check.points, "explanatory": check.explanatory} for check in definition.checks}
    assert kills["checks"] == checks, "run make bank"


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_each_check_rejects_something_alone_or_is_marked_as_explanatory(exercise: str) -> None:
    kills = {name: program["rejected by"] for name, program in KILLS[exercise]["wrong"].items()}
    for check in exercises.load(exercise).checks:
        alone = [name for name, table in kills.items() if table.keys() == {check.name}]
        assert check.explanatory == (not alone), f"{check.name} rejects alone: {alone}"


FUNCTIONS = ("cost", "training-loop", "three-forms", "clinic-8")
MODULES = [exercise for exercise in exercises.IDS if exercise not in FUNCTIONS]


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_each_case_of_a_function_rejects_something_alone_or_is_marked_as_explanatory(exercise: str) -> None:
    definition = exercises.load(exercise)
    kills = [program["rejected by"] for program in KILLS[exercise]["wrong"].values()]
    for case in {case for check in definition.checks for case in definition.cases_of(check)}:
        call = case.call(definition.names[0])
        alone = any({c for cases in table.values() for c in cases} == {call} for table in kills)
        assert case.explanatory == (not alone), call


def wrong_only_at(case: Case, reference: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The reference, but for one more parameter and an output that is off where it is called as in this case."""

    def make(*args: Any) -> nn.Module:
        try:
            module = reference(*args)
        except ValueError:
            if args != case.args:
                raise
            return nn.Identity()
        if args == tuple(resolve(case.args)):
            module.one_more = nn.Parameter(torch.zeros(()))
            module.register_forward_hook(lambda _module, _given, output: output.add(1))  # pyright: ignore
        return module

    return make


@pytest.mark.parametrize("exercise", MODULES)
def test_a_module_that_is_wrong_at_one_case_alone_is_rejected(exercise: str) -> None:
    definition = exercises.load(exercise)
    (reference,) = definition.reference()
    for case in dict.fromkeys(case for check in definition.checks for case in definition.cases_of(check)):
        with guarded():
            exam = Exam(definition, Local((wrong_only_at(case, reference),)))
            assert first_failure(exam) is not None, case


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_shape_and_count_give_at_most_30_percent(exercise: str) -> None:
    definition = exercises.load(exercise)
    cheap = sum(check.points for check in definition.checks if check.name in ONLY_SHAPE_AND_COUNT)
    assert cheap <= 0.3 * definition.max_score
    assert definition.max_score == 10
