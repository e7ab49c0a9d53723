"""What is observed of a learner's objects. It runs beside them, in the notebook or in the grader's child process.

A probe takes the learner's objects, the arguments of a call, an input's shape and a salt, and returns facts: a
dictionary of plain values and tensors. Probes judge nothing and know no expected value. They need nothing of
``labutils`` but each other.
"""

from collections.abc import Callable
from typing import Any

from . import functions, modules
from .modules import Unusable

Facts = dict[str, Any]

PROBES: dict[str, Callable[..., Facts]] = {
    probe.__name__: probe
    for module in (modules, functions)
    for probe in vars(module).values()
    if callable(probe) and getattr(probe, "is_probe", False)
}

__all__ = ["PROBES", "Facts", "Unusable"]
