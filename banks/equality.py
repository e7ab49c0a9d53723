"""Whether two programs for an exercise do the same, on random arguments and inputs. It knows nothing of the checks.

What it calls equal has computed the same in float64: outputs, gradients, statistics, errors and side effects. The
arguments are drawn from all that an exercise's specification allows.
"""

import random
from collections.abc import Callable, Collection
from typing import Any

from banks.equality_of_functions import counters_differ, evaluations_differ, loops_differ, paths_differ
from banks.equality_of_modules import modules_differ
from banks.random_arguments import MODULES

Objects = tuple[Any, ...]
FUNCTIONS: dict[str, Callable[[random.Random, Objects, Objects], str]] = {
    "training-loop": lambda chance, one, other: (
        loops_differ(chance, one[0], other[0]) or evaluations_differ(chance, one[1], other[1])
    ),
    "cost": counters_differ,
    "three-forms": paths_differ,
    "clinic-8": lambda chance, one, other: evaluations_differ(chance, one[0], other[0]),
}


def difference(
    exercise: str, one: Objects, other: Objects, sets: int = 200, avoid: Collection[tuple[Any, ...]] = ()
) -> str:
    """In words, the first difference between two programs on ``sets`` random sets of arguments and inputs, or "".

    Where a module's arguments are among those to ``avoid``, others are drawn.
    """
    for number in range(sets):
        chance = random.Random(f"{exercise} {number}")
        found = _differ(exercise, chance, one, other, avoid)
        if found:
            return f"set {number}: {found}"
    return ""


def _differ(
    exercise: str, chance: random.Random, one: Objects, other: Objects, avoid: Collection[tuple[Any, ...]]
) -> str:
    if exercise in FUNCTIONS:
        return FUNCTIONS[exercise](chance, one, other)
    draw = MODULES[exercise]
    args, image = draw(chance)
    while args in avoid:
        args, image = draw(chance)
    return modules_differ(chance, one[0], other[0], args, image)
