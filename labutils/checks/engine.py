"""Exercises, their checks, and how a learner's objects go through them.

An exercise has cases (calls with an input) and checks. A check asks for facts about the learner's objects and about the
reference at one case, and says in words what is wrong. Both sides hold the same weights there (see ``probes.fill``), so
that behaviour is compared, not names.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labutils.checks.comparison import EXACT
from labutils.checks.probes import Facts
from labutils.checks.result import CheckResult, Result
from labutils.checks.transport import Failure, Local, TimeUp, Transport

PUBLIC_SALT = 20151210  # fingerprints are taken at this salt, and the notebook's checks made
BANK = Path(__file__).parent / "bank.json"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Case:
    """One call, ``name(*args)``, and an input of ``shape`` for what it returns. ``note`` says it in words instead.

    ``explanatory`` marks a case that may reject no program of the bank alone: it tells the learner something, or stands
    for a kind of arguments.
    """

    args: tuple[Any, ...]
    shape: tuple[int, ...] = ()
    note: str = ""
    explanatory: bool = False

    def call(self, name: str) -> str:
        """The call as the learner would write it, or the note."""
        if self.note:
            return self.note
        shown = (str(arg).removeprefix("given:") if isinstance(arg, str) else repr(arg) for arg in self.args)
        return f"{name}({', '.join(shown)})"


Judge = Callable[["Exam", Case], str]


@dataclass(frozen=True)
class Check:
    """One behaviour. ``judge`` returns "" where it is right, UNDECIDED, or a sentence on what was expected and found.

    ``asked`` says again what the exercise asks for there, so that it is true whatever was written. ``needs`` names
    checks without which this one says nothing.
    ``cases`` are those of the exercise by default. ``explanatory`` as for a case.
    """

    name: str
    points: int
    judge: Judge
    asked: str
    needs: tuple[str, ...] = ()
    cases: tuple[Case, ...] | None = None
    explanatory: bool = False


@dataclass(frozen=True)
class Exercise:
    """What a learner writes under ``names``, and how it is checked.

    ``reference`` returns the right objects. ``fingerprint`` names the facts, by probe, that tell wrong programs apart,
    at all cases or at those that are ``fingerprinted``. With ``all_or_nothing`` nothing is given for a part.
    ``requires`` names exercises to be done before.
    """

    id: str
    sheet: str
    names: tuple[str, ...]
    reference: Callable[[], tuple[Any, ...]]
    cases: tuple[Case, ...]
    checks: tuple[Check, ...]
    fingerprint: dict[str, tuple[str, ...]]
    fingerprinted: tuple[Case, ...] = ()
    requires: tuple[str, ...] = ()
    all_or_nothing: bool = False

    @property
    def max_score(self) -> int:
        """The points of all checks."""
        return sum(check.points for check in self.checks)

    def cases_of(self, check: Check) -> tuple[Case, ...]:
        """The cases at which a check is made."""
        return self.cases if check.cases is None else check.cases


@dataclass
class Exam:
    """Facts about one learner's objects and about the reference at one salt, each observed once.

    Those about the reference at the public salt are kept from exam to exam.
    """

    exercise: Exercise
    learner: Transport
    salt: int = PUBLIC_SALT
    notes: dict[Any, Any] = field(default_factory=dict)  # what checks have worked out from facts
    _seen: dict[Any, Facts | Failure] = field(default_factory=dict)
    _expected: dict[Any, Facts | Failure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reference = Local(self.exercise.reference())
        if self.salt == PUBLIC_SALT:
            self._expected = _expected_at_public_salt(self.exercise.reference)

    def seen(self, probe: str, case: Case, **options: Any) -> Facts:
        """Facts about the learner's objects. Raises Failure where their code gave none."""
        return self._observe(self._seen, self.learner, probe, case, options)

    def expected(self, probe: str, case: Case, **options: Any) -> Facts:
        """Facts about the reference. Raises Failure where the reference itself fails."""
        return self._observe(self._expected, self._reference, probe, case, options)

    def _observe(
        self, kept: dict[Any, Facts | Failure], transport: Transport, probe: str, case: Case, options: dict[str, Any]
    ) -> Facts:
        key = (probe, case, *sorted(options.items()))
        if key not in kept:
            try:
                kept[key] = transport.observe(probe, case.args, case.shape, self.salt, **options)
            except Failure as failure:
                kept[key] = failure
        facts = kept[key]
        if isinstance(facts, Failure):
            raise facts
        return facts


@cache
def _expected_at_public_salt(_reference: Callable[[], tuple[Any, ...]]) -> dict[Any, Facts | Failure]:
    return {}


def judge(exam: Exam, check: Check, case: Case) -> str:
    """What the check says of one case: "", UNDECIDED, or a sentence. TimeUp and an error of the check are raised."""
    try:
        return check.judge(exam, case)
    except Failure as failure:
        return str(failure)


def examine(exam: Exam) -> Result:
    """Make all checks in order, each up to the first case that fails. What needs another one than passed is blocked.

    Nothing is raised but a KeyboardInterrupt: an error of a check is its result, and so is a time limit.
    """
    return _result(exam, tuple(check_results(exam)))


def check_results(exam: Exam) -> Iterator[CheckResult]:
    """The checks' results one by one, as :func:`examine` makes them."""
    held: dict[str, bool] = {}
    stopped = ""
    for check in exam.exercise.checks:
        missing = [name for name in check.needs if not held[name]]
        if stopped or missing:
            result = CheckResult(check.name, "blocked", stopped or f"needs {missing[0]}")
        else:
            try:
                result = _checked(exam, check)
            except TimeUp as time_up:
                result = CheckResult(check.name, "failed", str(time_up), raised=True)
                stopped = "not reached"
            except Exception as error:
                ours = f"not your fault: {type(error).__name__}: {error}. Please report it."
                result = CheckResult(check.name, "error", ours)
        held[check.name] = result.status == "passed"
        yield result


def _checked(exam: Exam, check: Check) -> CheckResult:
    undecided: list[str] = []
    for case in exam.exercise.cases_of(check):
        call = case.call(exam.exercise.names[0])
        try:
            message = check.judge(exam, case)
        except Failure as failure:
            return CheckResult(check.name, "failed", f"{call}: {failure}", raised=True)
        if message == UNDECIDED:
            undecided.append(call)
        elif message:
            return CheckResult(check.name, "failed", f"{call}: {message}")
    if undecided:
        return CheckResult(check.name, "undecided", undecided[0])
    return CheckResult(check.name, "passed", points=check.points)


def _result(exam: Exam, results: tuple[CheckResult, ...]) -> Result:
    exercise = exam.exercise
    score = sum(result.points for result in results)
    if exercise.all_or_nothing and any(result.status != "passed" for result in results):
        score = 0
    result = Result(exercise.id, results, score, exercise.max_score)
    failure = result.first_failure
    if failure is None or failure.status == "error" or failure.raised:
        return result
    asked = next(check.asked for check in exercise.checks if check.name == failure.name)
    return replace(result, asked=asked)


def is_unwritten(failure: CheckResult) -> bool:
    """Whether a check failed for want of the learner's code, of which nothing more is to be said."""
    return "(NotImplementedError)" in failure.message


def rejecting(exam: Exam) -> dict[str, dict[str, str]]:
    """The checks that say no, whatever else failed before, each with the calls at which it does and what it says."""
    table: dict[str, dict[str, str]] = {}
    for check in exam.exercise.checks:
        for case in exam.exercise.cases_of(check):
            try:
                message = judge(exam, check, case)
            except Exception as error:  # the check needs another one, which has failed
                message = f"it raised {type(error).__name__}"
            if message not in ("", UNDECIDED):
                table.setdefault(check.name, {})[case.call(exam.exercise.names[0])] = message
    return table


def fingerprint(exam: Exam) -> Iterator[str | float]:
    """Numbers and words that tell wrong programs apart, one by one. Raises TimeUp.

    First come facts about the learner's objects at the cases that the exercise names: a tensor gives its shape and
    three sums over its values, and one of float64 over how far they are from the reference's, so that small faults
    differ. The last word stands for all that rejects them: checks, cases, how the sentences begin.
    """
    for case in exam.exercise.fingerprinted or exam.exercise.cases:
        for probe, names in exam.exercise.fingerprint.items():
            try:
                facts = exam.seen(probe, case)
            except Failure as failure:
                yield _words(failure)
            else:
                for name in names:
                    yield from _marks(_apart(facts[name], exam, probe, case, name))
    table = {
        check: {call: _beginning(message) for call, message in said.items()} for check, said in rejecting(exam).items()
    }
    yield hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]


def _apart(value: Any, exam: Exam, probe: str, case: Case, name: str) -> Any:
    """A tensor of float64 relative to the reference's, in units of what is still held for equal; else the value."""
    if not isinstance(value, Tensor) or value.dtype != torch.float64:
        return value
    expected = exam.expected(probe, case)[name]
    if value.shape != expected.shape:
        return value
    return (value - expected) / (EXACT * expected.abs().max().clamp(min=1e-3))


def _beginning(message: str) -> str:
    """What is the same in a sentence on all machines and under all releases of PyTorch."""
    return "raised" if "it raised" in message else re.sub(r"\d[\d.,]*", "#", message.partition(";")[0])[:40]


def _words(failure: Failure) -> str:
    """What was raised, as far as it is the same in all releases of PyTorch.

    What it says of autograd names the graph's nodes, after a colon, and they have changed. What it says is not
    implemented was a RuntimeError once.
    """
    if failure.kind == "RuntimeError" or (failure.kind == "NotImplementedError" and failure.raised):
        return f"RuntimeError: {failure.raised.partition(':')[0]}"
    return f"{failure.kind}: {failure.raised}"


def _marks(value: Any) -> Iterator[str | float]:
    if isinstance(value, list) and value and all(isinstance(item, float) for item in value):
        value = torch.tensor(value)
    if isinstance(value, Tensor):
        flat = value.double().flatten()
        waves = torch.cos(torch.arange(len(flat), dtype=torch.float64))
        yield str(tuple(value.shape))
        yield from (round(number, 4) for number in (flat.sum().item(), flat.abs().sum().item(), (flat @ waves).item()))
    elif isinstance(value, float):
        yield round(value, 5)
    elif isinstance(value, list):
        for item in value:
            yield from _marks(item)
    else:
        yield str(value)


def alike(one: Sequence[str | float], other: Sequence[str | float]) -> bool:
    """Whether two fingerprints are equal up to rounding."""
    return len(one) == len(other) and all(_close(a, b) for a, b in zip(one, other, strict=True))


def _close(a: str | float, b: str | float) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or (a != a and b != b) or abs(a - b) <= 1e-3 * max(abs(a), abs(b)) + 1e-3


@cache
def bank() -> dict[str, Any]:
    """Per exercise its ``hints`` and the known ``wrong`` programs, as ``make bank`` wrote them.

    A wrong program has the check that fails ``first``, the misconception that it ``says``, and its ``fingerprint``.
    """
    return json.loads(BANK.read_text(encoding="utf-8"))


def misconception(exam: Exam, result: Result) -> str:
    """The sentence of the known wrong program that the learner's objects behave like, or "". At the public salt.

    It is "" as well where the time is up before this is known.
    """
    failure = result.first_failure
    if failure is None or failure.status == "error":
        return ""
    known = [entry for entry in bank()[exam.exercise.id]["wrong"] if entry["first"] == failure.name]
    place = -1
    try:
        for place, mark in enumerate(fingerprint(exam)):
            known = [entry for entry in known if alike(entry["fingerprint"][place : place + 1], [mark])]
            if not known:
                return ""
    except TimeUp:
        return ""
    return next((entry["says"] for entry in known if len(entry["fingerprint"]) == place + 1), "")
