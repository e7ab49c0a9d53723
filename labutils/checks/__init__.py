"""Checks for the exercises: ``check(id, …)``, ``hint(id)`` and ``progress()``."""

import difflib
import os
from dataclasses import replace
from typing import Any

from torch import nn

from labutils.checks import engine, exercises, saved
from labutils.checks.engine import Exam, Exercise
from labutils.checks.result import CheckResult, Result, Table
from labutils.checks.transport import Local, TimeUp, guarded

__all__ = ["Result", "check", "hint", "progress"]


def check(exercise: str, *objects: Any) -> Result:
    """Say whether ``objects`` solve the exercise: what a sheet asks for, such as a class, in the sheet's order.

    The result is true if they do, and says what failed first if not. It takes about a second. An interrupt ends it at
    once: the result is false then, and no attempt is counted. Nothing is raised, unless the environment variable
    LABUTILS_STRICT is 1: then AssertionError where the exercise is not solved, and KeyboardInterrupt at an interrupt.
    """
    strict = os.environ.get("LABUTILS_STRICT") == "1"
    name = _name(exercise)
    try:
        result = _checked(name, objects)
    except KeyboardInterrupt:
        if strict:
            raise
        return Result(name, (CheckResult("check", "interrupted"),), 0, 0)
    if strict and not result.passed:
        raise AssertionError(str(result))
    return result


def _checked(name: str, objects: tuple[Any, ...]) -> Result:
    problem = _call_problem(name, objects)
    if problem:
        return Result(name, (CheckResult("call", "failed", problem),), 0, 0)
    definition = exercises.load(name)
    result = _examined(definition, objects)
    if result.first_failure is None or result.first_failure.status != "error":
        saved.note(result)
    return result if result.passed else replace(result, hint=_next_hint(definition))


def hint(exercise: str) -> None:
    """Print the next hint of the exercise, or for an unknown one which there are. Nothing is raised."""
    name = _name(exercise)
    if name not in exercises.IDS:
        print(_unknown(name))
        return
    hints = engine.bank()[name]["hints"]
    number = saved.note_hint(name, len(hints))
    print(f"Hint {number} of {len(hints)}: {hints[number - 1]}")


def progress() -> Table:
    """All exercises: which are done, which can be done next, and which wait for another one."""
    entries = saved.load()
    done = {name for name, entry in entries.items() if entry["done"]}
    rows = []
    for name in exercises.IDS:
        definition = exercises.load(name)
        entry = entries.get(name)
        waiting = [other for other in definition.requires if other not in done]
        state = "done" if name in done else f"after {waiting[0]}" if waiting else "next"
        attempts, best = (str(entry["attempts"]), str(entry["best"])) if entry else ("0", "–")
        rows.append((definition.sheet, name, state, f"{best} of {definition.max_score}", attempts))
    title = f"{len(done)} of {len(exercises.IDS)} exercises done"
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


def _call_problem(exercise: str, objects: tuple[Any, ...]) -> str:
    if exercise not in exercises.IDS:
        return _unknown(exercise)
    names = exercises.load(exercise).names
    call = f"check({exercise!r}, {', '.join(names)})"
    if len(objects) != len(names):
        return f"{len(objects)} objects were given; call {call}."
    for name, value in zip(names, objects, strict=True):
        if isinstance(value, nn.Module):
            return f"a module was given; give what makes it, so call {call} and not {name}(…)."
        if not callable(value):
            return f"{name} is {_kind(value)}, which can't be called; call {call}."
    return ""


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _name(exercise: object) -> str:
    """What was given as an exercise's id: its text, or its type. None of the object's own methods is called."""
    if issubclass(type(exercise), str):
        return str.__str__(exercise)[:100]  # pyright: ignore[reportArgumentType]
    return f"<{type(exercise).__name__}>"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, exercises.IDS, n=3, cutoff=0.4) if name[:1] != "<" else []
    words = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(exercises.IDS)}."
    return f"there is no exercise called {name!r}: {words}"


def _next_hint(definition: Exercise) -> str:
    hints = engine.bank()[definition.id]["hints"]
    shown = saved.load().get(definition.id, {}).get("hints", 0)
    call = f'hint("{definition.id}")'
    return (
        f"{call} shows hint {shown + 1} of {len(hints)}."
        if shown < len(hints)
        else f"{call} shows the last hint again."
    )
