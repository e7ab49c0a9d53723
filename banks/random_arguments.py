"""Random arguments for the exercises that ask for a module, with the shape (C, H, W) of an image that fits."""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Args = tuple[Any, ...]
Image = tuple[int, int, int]
Draw = Callable[[random.Random], tuple[Args, Image]]


class Convolution(nn.Module):
    """A block of one strided convolution that is as wide as it is told to be."""

    expansion = 1

    def __init__(self, first: int, second: int, stride: int = 1) -> None:
        super().__init__()
        self.inner = nn.Conv2d(first, 2, 3, stride, 1, bias=False)
        self.outer = nn.Conv2d(2, self.expansion * second, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(3 * self.outer(self.inner(x)))


class Wide(Convolution):
    """The same, three times as wide."""

    expansion = 3


class Normalised(nn.Module):
    """A block of average pooling, BN and a 1x1 convolution, whose parameters have other names."""

    expansion = 1

    def __init__(self, inputs: int, outputs: int, step: int = 1, /) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(1, step)
        self.bn = nn.BatchNorm2d(inputs)
        self.mix = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.bn(self.pool(x)))


def _trailing(chance: random.Random, args: Args, defaults: Args) -> Args:
    """The arguments, often without those at the end that are optional."""
    left_out = chance.choice((0, 0, *range(len(defaults) + 1)))
    return args[: len(args) - left_out]


def _size(chance: random.Random, largest: int) -> tuple[int, int]:
    return chance.randint(1, largest), chance.randint(1, largest)


def _channels(chance: random.Random) -> tuple[int, int]:
    """Channels in and out: as many, twice as many, half, or any."""
    one = chance.randint(1, 9)
    return chance.choice(((one, one), (one, one), (one, 2 * one), (2 * one, one), (one, chance.randint(1, 9))))


def block(chance: random.Random) -> tuple[Args, Image]:
    """In, out, stride=1."""
    inputs, outputs = _channels(chance)
    args = _trailing(chance, (inputs, outputs, chance.randint(1, 4)), (1,))
    return args, (inputs, *_size(chance, 9))


def padded(chance: random.Random) -> tuple[Args, Image]:
    """In, out, stride, where too few channels out are to be refused."""
    inputs, outputs = _channels(chance)
    return (inputs, outputs, chance.randint(1, 4)), (inputs, *_size(chance, 9))


def bottleneck(chance: random.Random) -> tuple[Args, Image]:
    """In, mid, stride=1."""
    middle = chance.randint(1, 4)
    inputs = chance.choice((4 * middle, 4 * middle, middle, 8 * middle, 2 * middle, chance.randint(1, 9)))
    args = _trailing(chance, (inputs, middle, chance.randint(1, 4)), (1,))
    return args, (inputs, *_size(chance, 9))


def resnext(chance: random.Random) -> tuple[Args, Image]:
    """In, out, cardinality, group width, stride=1."""
    inputs, outputs = _channels(chance)
    cardinality, width = chance.randint(1, 4), chance.randint(1, 4)
    args = _trailing(chance, (inputs, outputs, cardinality, width, chance.randint(1, 4)), (1,))
    return args, (inputs, *_size(chance, 9))


def small_net(chance: random.Random) -> tuple[Args, Image]:
    """Depth, classes=10, in=1, width=16. Most depths that are drawn at random are to be refused."""
    depth = chance.choice((8, 8, 14, 20, chance.randint(-10, 19), chance.randint(-10, 19)))
    args = (depth, chance.randint(1, 12), chance.randint(1, 4), chance.randint(1, 3))
    args = _trailing(chance, args, (10, 1, 16))
    return args, (args[2] if len(args) > 2 else 1, *_size(chance, 7))


def large_net(chance: random.Random) -> tuple[Args, Image]:
    """Block, layers, classes=1000."""
    layers = [chance.choice((1, 1, 2, 3)) for _ in range(4)]
    args = (chance.choice((Convolution, Wide)), layers, chance.randint(1, 12))
    if chance.random() < 0.05:
        args = (Convolution, layers)
    return args, (3, *_size(chance, 33))


def staged_net(chance: random.Random) -> tuple[Args, Image]:
    """Blocks, classes=10."""
    return _trailing(chance, (chance.choice((1, 1, 1, 2, 3)), chance.randint(1, 12)), (10,)), (3, *_size(chance, 5))


def any_block_net(chance: random.Random) -> tuple[Args, Image]:
    """Block, blocks, classes=10."""
    kind = chance.choice((Convolution, Normalised))
    args = _trailing(chance, (kind, chance.choice((1, 1, 2, 4)), chance.randint(1, 12)), (10,))
    return args, (3, *_size(chance, 8))


def grouped(chance: random.Random) -> tuple[Args, Image]:
    """Channels, width, groups, which divide the width."""
    channels, groups = chance.randint(1, 9), chance.randint(1, 4)
    return (channels, groups * chance.randint(1, 4), groups), (channels, *_size(chance, 9))


def channels_alone(chance: random.Random) -> tuple[Args, Image]:
    """Channels."""
    channels = chance.randint(1, 12)
    return (channels,), (channels, *_size(chance, 9))


MODULES: dict[str, Draw] = {
    "residual-block": block,
    "shortcut-a": padded,
    "pre-activation": block,
    "small-resnet": small_net,
    "plain-twin": small_net,
    "bottleneck": bottleneck,
    "resnet-50": large_net,
    "resnext-block": resnext,
    "clinic-1": staged_net,
    "clinic-2": grouped,
    "clinic-3": channels_alone,
    "clinic-4": bottleneck,
    "clinic-5": any_block_net,
    "clinic-6": channels_alone,
    "clinic-7": block,
}
