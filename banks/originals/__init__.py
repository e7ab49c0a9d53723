"""One right program for each exercise, as a learner would write it, with nothing but PyTorch.

Each stands alone, without anything from another or from this package, since it is run as text: :mod:`banks.mutants`
changes it in one place at a time, and many programs of the banks are the original with a few words replaced.
"""

import re
from collections.abc import Mapping
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


def altered(exercise: str, changes: Mapping[str, str]) -> tuple[Any, ...]:
    """What the original defines with the keys of ``changes`` replaced by their values, all of them at once.

    A value's further lines are indented like the line in which its key stands. Raises ValueError for a key that does
    not stand there exactly once, and for keys that overlap.
    """
    text = source(exercise)
    for old in changes:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in the original of {exercise}, not once.")

    def new(found: re.Match[str]) -> str:
        line = text[: found.end()].rpartition("\n")[2]
        indent = line[: len(line) - len(line.lstrip())]
        return changes[found[0]].replace("\n", f"\n{indent}")

    changed, count = re.subn("|".join(map(re.escape, changes)), new, text)
    if count != len(changes):
        raise ValueError(f"Of {', '.join(map(repr, changes))}, some overlap in the original of {exercise}.")
    return objects(exercise, changed)
