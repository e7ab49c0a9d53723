"""One right program for each exercise, as a learner would write it, with nothing but PyTorch.

Their source is what :mod:`banks.mutants` changes in one place at a time.
"""

from functools import cache
from pathlib import Path
from typing import Any

from labutils.checks import exercises


@cache
def source(exercise: str) -> str:
    """The text of an exercise's original."""
    path = Path(__file__).parent / f"{exercise.replace('-', '_')}.py"
    return path.read_text(encoding="utf-8")


def objects(exercise: str, text: str) -> tuple[Any, ...]:
    """What a program's text defines under the exercise's names. Raises whatever the text raises when it is run."""
    scope: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, "<program>", "exec"), scope)
    return tuple(scope[name] for name in exercises.load(exercise).names)
