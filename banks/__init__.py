"""Programs that prove the checks: wrong ones that must be rejected, right ones that must pass, and some to review.

A module for each exercise holds functions, each of which returns the objects of one learner: one object, or a tuple
where the exercise asks for several. SHARED lists those that a module has from another. Expectations are written by
hand, before the checks see the program. What is to review must neither pass nor be rejected: a person decides it.
:mod:`banks.hostile` holds submissions that attack the grader.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, TypeVar

from labutils.checks.exercises import IDS

Maker = Callable[[], Any]
Function = TypeVar("Function", bound=Callable[..., Any])
Verdict = Literal["wrong", "right", "review"]
AS_FOUND = (
    "This still does what the broken program does: compare its symptom with the specification, or take the first hint."
)


@dataclass(frozen=True)
class Program:
    """``verdict`` is what the checks must come to.

    For a wrong program, ``first`` names the check that must fail first, and ``says`` the misconception in words.
    """

    name: str
    make: Maker
    verdict: Verdict
    first: str = ""
    says: str = ""

    def objects(self) -> tuple[Any, ...]:
        """What the learner hands to the check."""
        made = self.make()
        return made if isinstance(made, tuple) else (made,)


def wrong(first: str, says: str) -> Callable[[Function], Function]:
    """Mark a wrong program: the check that must fail first, and a sentence to the learner on what is misunderstood."""

    def mark(make: Function) -> Function:
        make.expected = ("wrong", first, says)  # pyright: ignore[reportFunctionMemberAccess]
        return make

    return mark


def right(make: Function) -> Function:
    """Mark a program that is right, though written differently."""
    make.expected = ("right",)  # pyright: ignore[reportFunctionMemberAccess]
    return make


def review(make: Function) -> Function:
    """Mark a program in which nothing is wrong, but of which the checks can't know that it is right."""
    make.expected = ("review",)  # pyright: ignore[reportFunctionMemberAccess]
    return make


def marked(module: ModuleType) -> tuple[Any, ...]:
    """The functions of a module that are marked as right or wrong."""
    return tuple(value for value in vars(module).values() if hasattr(value, "expected"))


@cache
def programs(exercise: str) -> tuple[Program, ...]:
    """All programs of an exercise's bank."""
    module = import_module(f"{__name__}.{exercise.replace('-', '_')}")
    makers = (*marked(module), *getattr(module, "SHARED", ()))
    return tuple(Program(make.__name__, make, *make.expected) for make in makers)


def everything(verdict: Verdict) -> list[tuple[str, Program]]:
    """All programs with this verdict, and their exercises."""
    return [(exercise, program) for exercise in IDS for program in programs(exercise) if program.verdict == verdict]
