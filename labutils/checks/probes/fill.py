"""Values that depend on a shape and a salt only, the same on every platform and in every release of PyTorch.

Two networks whose parameters have equal shapes get equal weights from here, whatever their parameters are called and in
whatever order they were made.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

PERIOD = 4
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def noise(shape: tuple[int, ...], salt: int) -> Tensor:
    """Uniform float32 values of mean 0 and standard deviation 1."""
    index = np.arange(math.prod(shape), dtype=np.uint64)
    return torch.from_numpy(_uniform(index, _key(shape, salt)).reshape(shape)) * math.sqrt(3)


def essential(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without its ones, so that a 1x1 convolution and a linear layer agree."""
    return tuple(size for size in shape if size != 1)


def fill(model: nn.Module, salt: int, periodic: bool = False) -> None:
    """Give every parameter and every running statistic of ``model`` values that depend on its shape, in place.

    Scales and shifts lie between 0.25 and 1.25, weights have variance 1 / (fan in). Running statistics are told apart
    by their present value: zeros are means, ones are variances. With ``periodic``, values repeat every PERIOD channels
    and don't depend on the number of channels, so that a grouped convolution and its groups one by one hold the same.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(_weights(tuple(parameter.shape), salt, periodic))
        for buffer in model.buffers():
            if not buffer.is_floating_point() or not buffer.numel():
                continue
            first = buffer.flatten()[0].item()
            if first in (0, 1) and (buffer == first).all():
                values = _vector(tuple(buffer.shape), salt + 1 + int(first), periodic)
                buffer.copy_(values + 0.25 if first else values - 0.75)


def _weights(shape: tuple[int, ...], salt: int, periodic: bool) -> Tensor:
    if len(essential(shape)) < 2:
        return _vector(shape, salt, periodic)
    if periodic:
        padded = shape + (1,) * (4 - len(shape))
        index = [np.arange(size, dtype=np.uint64) for size in padded]
        index[0], index[1] = index[0] % PERIOD, index[1] % PERIOD
        mixed = np.zeros((1, 1, 1, 1), np.uint64)
        for axis, places in enumerate(np.ix_(*index)):
            mixed = _mix(mixed + places + np.uint64(axis + 1))
        return torch.from_numpy(_uniform(mixed, _key((), salt)).reshape(shape)) / 2
    fan_in = math.prod(essential(shape)[1:])
    return noise(essential(shape), salt).reshape(shape) / math.sqrt(fan_in)


def _vector(shape: tuple[int, ...], salt: int, periodic: bool) -> Tensor:
    index = np.arange(math.prod(shape), dtype=np.uint64)
    index, key = (index % PERIOD, _key((), salt)) if periodic else (index, _key(essential(shape), salt))
    values = _uniform(index, key)
    return torch.from_numpy(values.reshape(shape)) / 2 + 0.75


def _key(shape: tuple[int, ...], salt: int) -> np.uint64:
    key = np.array([salt], np.uint64)
    for size in shape:
        key = _mix(key + np.uint64(size))
    return _mix(key)[0]


def _uniform(index: np.ndarray, key: np.uint64) -> np.ndarray:
    """Float32 values in [-1, 1), one for each index."""
    mixed = _mix(index * _GOLDEN + key)
    return ((mixed >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def _mix(value: np.ndarray) -> np.ndarray:
    """SplitMix64's mixing of 64-bit integers (Steele, Lea and Flood 2014)."""
    value = value + _GOLDEN
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
