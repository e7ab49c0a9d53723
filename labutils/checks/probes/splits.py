"""Probes of a function that takes a grouped block's weights apart."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fill import noise
from .registry import Args, Facts, Objects, Shape, Unusable, kind, probe


def weights(args: Args, salt: int) -> list[Tensor]:
    """Weights (C x d, in, 1, 1), (C x d, d, 3, 3) and (out, C x d, 1, 1); ``args`` are in, C, d, out and their kind.

    The kind is "float32", "float64" or "parameters", which are float32 as well.
    """
    in_channels, cardinality, width, out_channels, sort = args
    inner = cardinality * width
    made = [
        noise((inner, in_channels, 1, 1), salt) / math.sqrt(in_channels),
        noise((inner, width, 3, 3), salt) / math.sqrt(9 * width),
        noise((out_channels, inner, 1, 1), salt) / math.sqrt(inner),
    ]
    if sort == "float64":
        return [weight.double() / 3 for weight in made]  # no number that float32 could hold
    return [nn.Parameter(weight) for weight in made] if sort == "parameters" else made


def changes(given: Sequence[Tensor], before: Sequence[Tensor]) -> list[str]:
    """In words, what a call changed in the weights that it was given."""
    found = []
    for number, (weight, copy) in enumerate(zip(given, before, strict=True), 1):
        if weight.dtype != copy.dtype:
            found.append(f"w{number} has become {named(weight.dtype)}")
        elif weight.shape != copy.shape:
            found.append(f"w{number} has got the shape {tuple(weight.shape)}")
        elif not torch.equal(weight, copy):
            found.append(f"w{number} holds other numbers")
        elif weight.requires_grad != copy.requires_grad:
            found.append(f"w{number} has its requires_grad changed")
    return found


def named(dtype: torch.dtype) -> str:
    """A type's name without "torch."."""
    return str(dtype).removeprefix("torch.")


def triples(objects: Objects, args: Args, salt: int) -> tuple[list[list[Tensor]], Facts]:
    """What ``split_paths`` returns, and in words what it is. There are no triples where it is something else."""
    given = weights(args, salt)
    before = [weight.detach().clone().requires_grad_(weight.requires_grad) for weight in given]
    with torch.enable_grad():
        returned: Any = objects[0](*given, args[1])
    facts: Facts = {
        "kind": "a list",
        "length": -1,
        "entry": "",
        "shapes": [],
        "types": [],
        "given": named(before[0].dtype),
    }
    facts["changes"] = changes(given, before)
    if not isinstance(returned, list | tuple):
        return [], {**facts, "kind": kind(returned)}
    facts["length"] = len(returned)
    for entry in returned:
        if not isinstance(entry, list | tuple):
            return [], {**facts, "entry": kind(entry)}
        if len(entry) != 3 or not all(isinstance(weight, Tensor) for weight in entry):
            inside = ", ".join(kind(weight) for weight in entry[:4])
            found = f"a {type(entry).__name__} of {len(entry)} ({inside}{', …' if len(entry) > 4 else ''})"
            return [], {**facts, "entry": found}
    paths = [[weight.detach() for weight in entry] for entry in returned]
    facts["shapes"] = [[str(tuple(weight.shape)) for weight in path] for path in paths]
    columns = zip(*paths, strict=True)
    facts["types"] = [" and ".join(sorted({named(weight.dtype) for weight in column})) for column in columns]
    return paths, {**facts, "entry": "triple"}


@probe
def split(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What kind of thing ``split_paths`` returns, the shapes and types in it, and what became of the weights given."""
    return triples(objects, args, salt)[1]


@probe
def paths(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The outputs (paths, N, out, H, W) of the paths that ``split_paths`` returns, and their sum, in float64."""
    found, facts = triples(objects, args, salt)
    if not found:
        raise Unusable(f"it gave {facts['kind']} without triples in it")
    x = noise(input_shape, salt + 1).double()
    outputs = [F.conv2d(F.conv2d(F.conv2d(x, w1), w2, padding=1), w3) for w1, w2, w3 in _doubles(found)]
    stacked = torch.stack(outputs)
    return {"outputs": stacked, "sum": stacked.sum(0)}


def _doubles(found: list[list[Tensor]]) -> list[list[Tensor]]:
    return [[weight.double() for weight in path] for path in found]
