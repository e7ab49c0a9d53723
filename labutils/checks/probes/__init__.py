"""What is observed of a learner's objects. It runs beside them, in the notebook or in the grader's child process.

A probe takes the learner's objects, the arguments of a call, an input's shape and a salt, and returns facts: a
dictionary of plain values and tensors. Probes judge nothing and know no expected value. They need nothing of
``labutils`` but each other.
"""

from . import counters, loops, modules, outputs, parts, splits  # noqa: F401 - each adds its probes to PROBES
from .registry import PROBES, Facts, Unusable, observe

__all__ = ["PROBES", "Facts", "Unusable", "observe"]
