"""What a probe is, and how one is called."""

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import torch

VOWELS = ("a", "e", "i", "o", "u", "ndarray")  # as they are spoken

Facts = dict[str, Any]
Objects = tuple[Any, ...]
Args = tuple[Any, ...]
Shape = tuple[int, ...]


class Unusable(Exception):
    """What the learner's code gave back can't be used. The message says so to the learner."""


PROBES: dict[str, Callable[..., Facts]] = {}


def probe(function: Callable[..., Facts]) -> Callable[..., Facts]:
    """Make a function known as a probe, under its name."""
    PROBES[function.__name__] = function
    return function


def observe(name: str, objects: Objects, args: Args, input_shape: Shape, salt: int, **options: Any) -> Facts:
    """The facts that a probe finds. Random numbers start from the salt each time, so that chance plays no part.

    ``input_shape`` is (N, C, H, W), or (C, H, W) where the probe makes the batches. Raises Unusable where the objects
    give what can't be used, and whatever they raise themselves.
    """
    torch.default_generator.manual_seed(salt)  # torch.manual_seed also notes it for GPUs, which takes as long as a pass
    with without_compiling():
        return PROBES[name](objects, args, input_shape, salt, **options)


def without_compiling() -> contextlib.AbstractContextManager[Any]:
    """Where ``torch.compile`` is in use, what it was given runs as it was written, in a tenth of the time."""
    if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):  # since PyTorch 2.6
        return torch.compiler.set_stance("force_eager")
    return contextlib.nullcontext()


def kind(value: object) -> str:
    """What a value is, for a message: the name of its type with an article."""
    if value is None:
        return "None"
    name = "class" if issubclass(type(value), type) else type(value).__name__
    return f"{'an' if name.lower().startswith(VOWELS) else 'a'} {name}"
