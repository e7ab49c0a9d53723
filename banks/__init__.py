"""Programs that prove the checks: wrong ones that must be rejected, and right ones that must not.

A module for each exercise holds functions, each of which returns the objects of one learner: one object, or a tuple
where the exercise asks for several. SHARED lists those that a module has from another. Expectations are written by
hand, before the checks see the program. :mod:`banks.hostile` holds submissions that attack the grader.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from labutils.checks.exercises import IDS

Maker = Callable[[], Any]
Function = TypeVar("Function", bound=Callable[..., Any])
AS_FOUND = (
    "This still does what the broken program does: compare its symptom with the specification, or take the first hint."
)


@dataclass(frozen=True)
class Program:
    """``first`` names the check that must fail first ("" for a right program), ``says`` the misconception in words."""

    name: str
    make: Maker
    first: str = ""
    says: str = ""

    def objects(self) -> tuple[Any, ...]:
        """What the learner hands to the check."""
        made = self.make()
        return made if isinstance(made, tuple) else (made,)


def wrong(first: str, says: str) -> Callable[[Function], Function]:
    """Mark a wrong program: the check that must fail first, and a sentence to the learner on what is misunderstood."""

    def mark(make: Function) -> Function:
        make.expected = (first, says)  # pyright: ignore[reportFunctionMemberAccess]
        return make

    return mark


def right(make: Function) -> Function:
    """Mark a program that is right, though written differently."""
    make.expected = ("", "")  # pyright: ignore[reportFunctionMemberAccess]
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


def everything(wrong: bool) -> list[tuple[str, Program]]:
    """All wrong, or all right, programs with their exercises."""
    return [(exercise, program) for exercise in IDS for program in programs(exercise) if bool(program.first) == wrong]
