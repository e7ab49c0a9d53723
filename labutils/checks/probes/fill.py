"""Values that depend on a shape and a salt only, the same on every platform and in every release of PyTorch.

Two networks whose parameters have equal shapes get equal weights from here, whatever their parameters are called and in
whatever order they were made. Where shapes differ, a layout says where in the usual tensors a parameter's values lie.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
Shape = tuple[int, ...]
# What lies from ``start`` to ``stop`` along ``axis`` of the usual tensor of a role and a shape.
Piece = tuple[str, Shape, int, int, int]
# Pieces one after the other, arranged in a shape, whose axes are then put in an order.
Layout = tuple[tuple[Piece, ...], Shape, Shape]
WEIGHT, MEAN, VARIANCE = "weight", "mean", "variance"
BOTH = "means and variances"  # in one tensor: means where it begins with 0, variances where with 1
UNIFORM = {WEIGHT: -0.5, MEAN: 0.25, VARIANCE: 1.25}


def noise(shape: Shape, salt: int) -> Tensor:
    """Uniform float32 values of mean 0 and standard deviation 1."""
    return _uniform(shape, salt) * math.sqrt(3)


def essential(shape: Iterable[int]) -> Shape:
    """The shape without its ones, so that a 1x1 convolution and a linear layer agree."""
    return tuple(size for size in shape if size != 1)


@lru_cache(1000)
def usual(role: str, shape: Shape, salt: int) -> Tensor:
    """The values, not to be changed, of a weight, of running means or of running variances, of an essential shape.

    Weights have variance 1 / (fan in). Scales and shifts lie between 0.25 and 1.25, means between -0.5 and 0.5, and
    variances between 0.5 and 1.5.
    """
    if role == MEAN:
        return _uniform(shape, salt + 1) / 2
    if role == VARIANCE:
        return _uniform(shape, salt + 2) / 2 + 1
    if len(shape) < 2:
        return _uniform(shape, salt) / 2 + 0.75
    return noise(shape, salt) / math.sqrt(math.prod(shape[1:]))


def fill(
    model: nn.Module,
    salt: int,
    statistics: Mapping[str, str] | None = None,
    layouts: Mapping[str, Layout] | None = None,
    uniform: bool = False,
) -> None:
    """Give every parameter and every running statistic of ``model`` its values, in place.

    ``statistics`` holds the roles of the buffers that are statistics, by default those of PyTorch's BNs. Tensors that
    have a layout, by their names, get what it says, and the others what is usual for their own shape. Statistics that
    are BOTH must be fresh. With ``uniform`` all values of one role are equal, so that no layout matters. Raises
    RuntimeError where a layout doesn't fit.
    """
    statistics = known_statistics(model) if statistics is None else statistics
    layouts = layouts or {}
    roles = {name: (parameter, WEIGHT) for name, parameter in model.named_parameters()}
    roles |= {name: (buffer, statistics[name]) for name, buffer in model.named_buffers() if name in statistics}
    with torch.no_grad():
        for name, (tensor, role) in roles.items():
            if role == BOTH:
                for part, places in ((MEAN, tensor == 0), (VARIANCE, tensor == 1)):
                    tensor[places] = laid_out(None, part, (int(places.sum()),), salt, uniform)
            else:
                tensor.copy_(laid_out(layouts.get(name), role, tuple(tensor.shape), salt, uniform))


def known_statistics(model: nn.Module) -> dict[str, str]:
    """The names of the running statistics of PyTorch's BNs, and whether they are means or variances."""
    return {
        f"{place}{'.' if place else ''}{name}": role
        for place, module in model.named_modules()
        if isinstance(module, _BatchNorm)
        for name, role in (("running_mean", MEAN), ("running_var", VARIANCE))
        if getattr(module, name) is not None
    }


def laid_out(layout: Layout | None, role: str, shape: Shape, salt: int, uniform: bool = False) -> Tensor:
    """The values of a tensor of this role and shape. Raises RuntimeError where the layout doesn't fit the shape."""
    if uniform:
        return torch.full(shape, UNIFORM[role])
    if layout is None:
        return usual(role, essential(shape), salt).reshape(shape)
    pieces, arranged, order = layout
    flat = torch.cat([_piece(piece, salt).flatten() for piece in pieces])
    return flat.reshape(arranged).permute(order).reshape(shape)


def pieces_of(tensor: Tensor, layout: Layout | None) -> list[tuple[str, Tensor]]:
    """The pieces that a tensor, such as a gradient, consists of, each with its name and its values in a row."""
    if layout is None:
        shape = essential(tensor.shape)
        return [(piece_name((WEIGHT, shape, -1, 0, 0)), tensor.flatten())]
    pieces, arranged, order = layout
    permuted = tensor.reshape([arranged[axis] for axis in order])
    flat = permuted.permute([order.index(axis) for axis in range(len(order))]).flatten()
    parts = flat.split([piece_size(piece) for piece in pieces])
    return [(piece_name(piece), part) for piece, part in zip(pieces, parts, strict=True)]


def piece_name(piece: Piece) -> str:
    """The piece as a text that sorts."""
    _, shape, axis, start, stop = piece
    return "x".join(map(str, shape)) + (f"[{axis}:{start}:{stop}]" if axis >= 0 else "")


def piece_shape(piece: Piece) -> Shape:
    """The shape that a piece has before it is arranged."""
    _, shape, axis, start, stop = piece
    return shape if axis < 0 else (*shape[:axis], stop - start, *shape[axis + 1 :])


def piece_size(piece: Piece) -> int:
    """The number of values in a piece."""
    return math.prod(piece_shape(piece))


def cut(tensor: Tensor, axis: int, start: int, stop: int) -> Tensor:
    """What lies from ``start`` to ``stop`` along ``axis``, or the whole tensor where that is negative."""
    return tensor if axis < 0 else tensor.narrow(axis, start, stop - start)


def _piece(piece: Piece, salt: int) -> Tensor:
    role, shape, axis, start, stop = piece
    return cut(usual(role, tuple(shape), salt), axis, start, stop)


def _uniform(shape: Shape, salt: int) -> Tensor:
    """Float32 values in [-1, 1)."""
    index = np.arange(math.prod(shape), dtype=np.uint64)
    mixed = _mix(index * _GOLDEN + _key(shape, salt))
    values = ((mixed >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)
    return torch.from_numpy(values.reshape(shape))


def _key(shape: Shape, salt: int) -> np.uint64:
    key = np.array([salt], np.uint64)
    for size in shape:
        key = _mix(key + np.uint64(size))
    return _mix(key)[0]


def _mix(value: Any) -> Any:
    """SplitMix64's mixing of 64-bit integers (Steele, Lea and Flood 2014)."""
    value = value + _GOLDEN
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
