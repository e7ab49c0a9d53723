"""The exercises, one module each, in the order of the sheets."""

from functools import cache
from importlib import import_module

from labutils.checks.engine import Exercise

IDS = (
    "residual-block",
    "shortcut-a",
    "pre-activation",
    "small-resnet",
    "plain-twin",
    "training-loop",
    "bottleneck",
    "resnet-50",
    "cost",
    "resnext-block",
    "three-forms",
    *(f"clinic-{number}" for number in range(1, 9)),
)


@cache
def load(exercise: str) -> Exercise:
    """The exercise of this id. Raises KeyError for an unknown one."""
    if exercise not in IDS:
        raise KeyError(exercise)
    return import_module(f"{__name__}.{exercise.replace('-', '_')}").EXERCISE


def of_sheet(sheet: str) -> list[Exercise]:
    """The exercises of a sheet such as ``01-residual-block``, in its order. Raises KeyError for an unknown one."""
    found = [exercise for exercise in map(load, IDS) if exercise.sheet == sheet]
    if not found:
        raise KeyError(sheet)
    return found


def sheets() -> list[str]:
    """The sheets that have exercises, in order."""
    return list(dict.fromkeys(load(name).sheet for name in IDS))
