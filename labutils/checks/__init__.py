"""Checks for the exercises: ``check(id, …)``, ``hint(id)`` and ``progress()``."""

import difflib
import os
from dataclasses import replace
from typing import Any

from torch import nn

from labutils.checks import engine, exercises, saved
from labutils.checks.engine import Exam, Exercise
from labutils.checks.probes.registry import kind
from labutils.checks.result import CheckResult, Result, Table
from labutils.checks.solutions import SOLUTIONS
from labutils.checks.transport import Local, TimeUp, guarded

__all__ = ["Result", "check", "hint", "progress"]

BY_HAND = "Nothing failed, but not everything could be decided, so grade this answer by hand."


def check(exercise: str, *objects: Any) -> Result:
    """Say whether ``objects`` solve the exercise: what a sheet asks for, such as a class, in the sheet's order.

    The result is true if they do, and says what failed first if not. It takes about a second. An interrupt ends it at
    once: the result is false then, and no attempt is counted. Nothing is raised, unless the environment variable
    LABUTILS_STRICT is 1: then AssertionError where the exercise is not solved, and KeyboardInterrupt at an interrupt.
    """
    strict = os.environ.get("LABUTILS_STRICT") == "1"
    name = _name(exercise)
    try:
        result = _checked(exercise, objects)
    except KeyboardInterrupt:
        if strict:
            raise
        return Result(name, (CheckResult("check", "interrupted"),), 0, 0)
    if strict and not result.passed:
        raise AssertionError(f"{result}\n{BY_HAND}" if result.undecided else str(result))
    return result


def _checked(exercise: object, objects: tuple[Any, ...]) -> Result:
    name = _name(exercise)
    problem = _call_problem(exercise, objects)
    if problem:
        return Result(name, (CheckResult("call", "failed", problem),), 0, 0)
    definition = exercises.load(name)
    result = _examined(definition, objects)
    if result.first_failure is None or result.first_failure.status != "error":
        saved.note(result)
    if result.passed:
        return replace(result, solution=SOLUTIONS[name])
    return result if result.undecided else replace(result, hint=_next_hint(definition))


def hint(exercise: str, number: int | None = None) -> None:
    """Print the hint of this number, from 1 on, or else the exercise's next one, and after the last that it was.

    What can't be shown is answered with what can. Nothing is raised.
    """
    name = _name(exercise)
    if name not in exercises.IDS:
        print(_capitalised(_unknown(exercise)))
        return
    hints = engine.bank()[name]["hints"]
    last = len(hints)
    if number is not None and (type(number) is not int or not 1 <= number <= last):
        print(f'There is no such hint: {name} has hints 1 to {last}, so call, for example, hint("{name}", 1).')
        return
    shown = saved.note_hint(name, last, number)
    if shown is not None:
        print(f"Hint {shown} of {last}: {hints[shown - 1]}")
        return
    print(f'That was the last of {last} hints; hint("{name}", {last}) shows it again.')
    if saved.load().get(name, {}).get("done"):
        print(f"One way to write it: {SOLUTIONS[name]}")


def progress() -> Table:
    """All exercises: which are done, which one comes next, which are open, and which wait for another one."""
    entries = saved.load()
    done = {name for name in exercises.IDS if name in entries and entries[name]["done"]}
    rows: list[tuple[str, ...]] = []
    coming = ""
    for name in exercises.IDS:
        definition = exercises.load(name)
        waiting = [other for other in definition.requires if other not in done]
        state = "done" if name in done else f"after {waiting[0]}" if waiting else "open" if coming else "next"
        coming = name if state == "next" else coming
        entry = entries.get(name)
        attempts = entry["attempts"] if entry else 0
        best = entry["best"] if entry and attempts else "–"
        rows.append((definition.sheet, name, state, f"{best} of {definition.max_score}", str(attempts)))
    title = f"{len(done)} of {len(exercises.IDS)} exercises done{', next: ' if coming else ''}{coming}"
    return Table(title, ("sheet", "exercise", "state", "best score", "attempts"), rows)


def _examined(definition: Exercise, objects: tuple[Any, ...]) -> Result:
    exam = Exam(definition, Local(objects))
    try:
        with guarded():
            result = engine.examine(exam)
            if result.first_failure is None or engine.is_unwritten(result.first_failure):
                return result
            return replace(result, misconception=engine.misconception(exam, result))
    except TimeUp as time_up:
        failure = CheckResult("time", "failed", str(time_up))
        return Result(definition.id, (failure,), 0, definition.max_score)


def _call_problem(exercise: object, objects: tuple[Any, ...]) -> str:
    name = _name(exercise)
    if name not in exercises.IDS:
        return _unknown(exercise)
    names = exercises.load(name).names
    call = f'check("{name}", {", ".join(names)})'
    if len(objects) != len(names):
        count = (
            "no object was" if not objects else "1 object was" if len(objects) == 1 else f"{len(objects)} objects were"
        )
        return f"{count} given; call {call}."
    for wanted, value in zip(names, objects, strict=True):
        if isinstance(value, nn.Module):
            return f"a module was given; give what makes it, so call {call} and not {wanted}(…)."
        if not callable(value):
            return f"{wanted} is {kind(value)}, which can't be called; call {call}."
    return ""


def _name(exercise: object) -> str:
    """What was given as an exercise's id: its text, or its type. None of the object's own methods is called."""
    if _is_text(exercise):
        return str.__str__(exercise)[:100]  # pyright: ignore[reportArgumentType]
    return f"<{type(exercise).__name__}>"


def _is_text(exercise: object) -> bool:
    return issubclass(type(exercise), str)


def _unknown(exercise: object) -> str:
    """What is wrong with something that is no exercise's id, and what to give instead, in a sentence."""
    name = _name(exercise)
    there_are = f"there are {', '.join(exercises.IDS)}."
    if not _is_text(exercise):
        return f"{kind(exercise)} was given where the name of an exercise was expected: {there_are}"
    if not name.strip():
        return f"the name of the exercise is empty: {there_are}"
    near = difflib.get_close_matches(name, exercises.IDS, n=3, cutoff=0.4)
    words = f"did you mean {' or '.join(near)}?" if near else there_are
    return f"there is no exercise called {name!r}: {words}"


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _next_hint(definition: Exercise) -> str:
    last = len(engine.bank()[definition.id]["hints"])
    shown = saved.load().get(definition.id, {}).get("hints", 0)
    if shown < last:
        return f'hint("{definition.id}") shows hint {shown + 1} of {last}.'
    return f'There are no more hints; hint("{definition.id}", {last}) shows the last one again.'
