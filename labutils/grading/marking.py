"""Marks one submission: its child is asked, and the verdict is made here."""

import hashlib
import platform
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import torch

from labutils.checks import engine
from labutils.checks.engine import Exam, Exercise
from labutils.checks.result import WHY_UNDECIDED, Result
from labutils.checks.transport import Local
from labutils.grading.records import Mark, Record, Status, overall
from labutils.grading.remote import Child, Gone, Limits, Remote
from labutils.grading.submissions import LARGEST_SUBMISSION

KILLED = "signal 9"
MOST_PASSED_OVER = 2  # cells that answer nothing and end the child


def mark(
    submission: str, file: str, content: bytes, sheet: str, exercises: Sequence[Exercise], limits: Limits, salt: int = 0
) -> Record:
    """Mark a submission: ``content`` is that of ``file``, a notebook or a MyST page.

    ``salt`` fixes the weights; by default they are drawn anew for each exercise. Nothing that a submission does is
    raised: its statuses say it. Raises OSError where no process can be started.
    """
    start = time.monotonic()
    marks = _Marking(content, "md" if file.endswith(".md") else "ipynb", exercises, limits, salt).marks()
    return Record(
        submission=submission,
        file=file,
        sheet=sheet,
        status=overall([mark.status for mark in marks]),
        score=sum(mark.score for mark in marks),
        max_score=sum(mark.max_score for mark in marks),
        marks=marks,
        source_sha256=hashlib.sha256(content).hexdigest(),
        seconds=round(time.monotonic() - start, 2),
        settings={"time": limits.time, "memory": limits.memory, "namespaces": limits.namespaces},
        versions=versions(),
    )


def unmarked(
    submission: str, file: str, sheet: str, exercises: Sequence[Exercise], status: Status, message: str
) -> Record:
    """The record of a submission in which nothing was marked, with no points. ``message`` says why, to the student.

    With the status infra that is our fault, and says nothing about the submission.
    """
    return Record(
        submission=submission,
        file=file,
        sheet=sheet,
        status=status,
        score=0,
        max_score=sum(exercise.max_score for exercise in exercises),
        marks=[_without_points(exercise, status, message) for exercise in exercises],
        source_sha256="",
        seconds=0.0,
        settings={},
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """The versions that a mark may depend on."""
    return {
        "labutils": _version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
    }


def _version() -> str:
    try:
        return version("labutils")
    except PackageNotFoundError:  # run from its source, as in an autograder
        return "source"


def _without_points(exercise: Exercise, status: Status, message: str) -> Mark:
    return Mark(exercise.id, status, 0, exercise.max_score, message)


class _Marking:
    """Starts children until each exercise has a mark. A child that is gone costs the exercise, or cell, it was at."""

    def __init__(self, content: bytes, kind: str, exercises: Sequence[Exercise], limits: Limits, salt: int) -> None:
        self.content = content
        self.kind = kind
        self.exercises = {exercise.id: exercise for exercise in exercises}
        self.limits = limits
        self.salt = salt
        self.found: dict[str, Mark] = {}
        self.passed_over: set[int] = set()
        self.at_fault: list[str] = []
        self.cell: int | None = None
        self.retried = False

    @property
    def open(self) -> list[Exercise]:
        """The exercises without a mark."""
        return [exercise for name, exercise in self.exercises.items() if name not in self.found]

    def marks(self) -> list[Mark]:
        """The marks, in the sheet's order."""
        if len(self.content) > LARGEST_SUBMISSION:
            size = f"{len(self.content) / 1e6:.0f} MB"
            self._close(self.open, "error", f"The file has {size}, more than {LARGEST_SUBMISSION >> 20} MB.")
        while self.open:
            self.at_fault, self.cell = [], None
            try:
                self._with_one_child()
            except Gone as gone:
                self._blame(gone)
        return [self.found[name] for name in self.exercises]

    def _blame(self, gone: Gone) -> None:
        perhaps_ours = gone.status == "infra" or (gone.status == "crashed" and KILLED in str(gone))
        if perhaps_ours and not self.retried:  # the machine may have been short of memory
            self.retried = True
            return
        if self.cell is not None and not self.at_fault and len(self.passed_over) < MOST_PASSED_OVER:
            self.passed_over.add(self.cell)
            return
        guilty = [exercise for exercise in self.open if exercise.id in self.at_fault]
        self._close(guilty or self.open, gone.status, str(gone))

    def _close(self, exercises: Sequence[Exercise], status: Status, message: str) -> None:
        for exercise in exercises:
            self.found[exercise.id] = _without_points(exercise, status, message)

    def _with_one_child(self) -> None:
        names = {exercise.id: exercise.names for exercise in self.open}
        with Child(self.content, self.kind, names, self.limits) as child:
            reading = child.read()
            if reading.unreadable:
                self._close(self.open, "error", reading.unreadable)
                return
            missing = [exercise for exercise in self.open if exercise.id in reading.missing]
            self._close(missing, "missing", "No cell answers this exercise.")
            if not self.open:
                return
            child.wait_until_ready()
            self._execute(child, reading.pieces)
            for exercise in self.open:
                child.time_left = self.limits.time
                self.at_fault = [exercise.id]
                self.found[exercise.id] = self._examine(child, exercise)

    def _execute(self, child: Child, pieces: list[tuple[int, list[str]]]) -> None:
        """Run the submission's cells. One that ends the child is passed over next time, if it answers nothing."""
        child.time_left = self.limits.time
        for cell, exercises in pieces:
            if cell not in self.passed_over:
                self.cell, self.at_fault = cell, exercises
                if child.ask({"do": "execute", "cell": cell}).get("memory") is True:
                    raise Gone("memory", "it used more memory than it may")
        self.cell = None

    def _examine(self, child: Child, exercise: Exercise) -> Mark:
        remote = Remote(child, exercise.id)
        salt = self.salt or secrets.randbelow(1 << 31)
        result = engine.examine(Exam(exercise, remote, salt))
        misconception = ""
        if not result.passed:
            misconception = engine.misconception(Exam(exercise, remote, engine.PUBLIC_SALT), result)
        failure = result.first_failure
        mark = Mark(
            exercise.id,
            _status(result, remote, salt, exercise),
            result.score,
            result.max_score,
            message=failure.message if failure else _left_open(result, exercise),
            first_failure=failure.name if failure else "",
            asked=result.asked,
            misconception=misconception,
            salt=salt,
            checks=[asdict(check) for check in result.checks],
        )
        if mark.status == "error" and remote.refused:
            mark.message = f"It imports {remote.refused}, which holds the answer and is not available. {mark.message}"
        if mark.status == "protocol":
            mark.message = "it sent facts that no probe finds"
        if mark.status in ("protocol", "infra"):
            mark.score = 0
        return mark


def _left_open(result: Result, exercise: Exercise) -> str:
    """Which checks a person has to make, for how many points, and why, or "" where all of them passed."""
    points = {check.name: f"{check.points} point{'s' * (check.points != 1)}" for check in exercise.checks}
    names = [f"{check.name} ({points[check.name]})" for check in result.checks if check.status != "passed"]
    return f"A person decides what the grader could not: {', '.join(names)}. {WHY_UNDECIDED}" if names else ""


def _status(result: Result, remote: Remote, salt: int, exercise: Exercise) -> Status:
    if result.passed:
        return "passed"
    if result.undecided:
        return "review"
    if any(check.status == "error" for check in result.checks):
        ours = engine.examine(Exam(exercise, Local(exercise.reference()), salt))
        return "protocol" if ours.passed else "infra"
    if remote.out_of_memory:
        return "memory"
    if remote.refused or remote.unbound:
        return "error"
    return "partial" if result.score else "failed"
