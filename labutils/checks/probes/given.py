"""What the checks hand to a learner's network beside numbers, written in a call's arguments as ``given:…``.

Blocks go by their names. Those of a net for any block take channels by position only, since blocks name them
differently. A list is written out, as in ``given:[1, 2]``, and made anew for each call.
"""

import json
from typing import Any

import torch
from torch import Tensor, nn


class Narrow(nn.Module):
    """A 3x3 convolution between two 1x1s, output 2 x channels. It doubles, so that a signal outlives many blocks."""

    expansion = 2

    def __init__(self, in_channels: int, channels: int, /, stride: int = 1) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, 4, 1, bias=False)
        self.conv = nn.Conv2d(4, 4, 3, stride, padding=1, bias=False)
        self.expand = nn.Conv2d(4, 2 * channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.expand(self.conv(self.reduce(x)).relu())


class Flat(nn.Module):
    """Average pooling and two 1x1 convolutions, output 1 x channels. It doubles, too."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, /, stride: int = 1) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride, padding=1)
        self.reduce = nn.Conv2d(in_channels, 4, 1, bias=False)
        self.expand = nn.Conv2d(4, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.expand(self.reduce(self.pool(x))).relu()


class Slim(nn.Module):
    """A 3x3 convolution to four channels and a 1x1 convolution. It has no ``expansion``. It doubles, too."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3, stride, padding=1, bias=False)
        self.expand = nn.Conv2d(4, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.expand(self.conv(x).relu())


class Smooth(Flat):
    """The same as Flat, its second argument under another name."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, stride)


class Counted(nn.Module):
    """A block to be counted: as many parameters as it should have, in one tensor without values. Its output is zero."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, /, stride: int = 1) -> None:
        super().__init__()
        self.out_channels, self.stride = self.expansion * channels, stride
        shape_changes = stride != 1 or in_channels != self.out_channels
        shortcut = in_channels * self.out_channels + 2 * self.out_channels if shape_changes else 0
        self.weights = nn.Parameter(torch.empty(self.branch(in_channels, channels) + shortcut))

    def branch(self, in_channels: int, channels: int) -> int:
        """The number of parameters beside the shortcut's."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-(-size // self.stride) for size in x.shape[2:])
        return x.new_zeros(len(x), self.out_channels, height, width)


class CountedBasic(Counted):
    """As many parameters as the block of ResNet-34."""

    def branch(self, in_channels: int, channels: int) -> int:
        """Two 3x3 convolutions and their BNs."""
        return 9 * in_channels * channels + 9 * channels**2 + 4 * channels


class CountedBottleneck(Counted):
    """As many parameters as the block of ResNet-50."""

    expansion = 4

    def branch(self, in_channels: int, channels: int) -> int:
        """A 1x1, a 3x3 and a 1x1 convolution and their BNs."""
        return in_channels * channels + 9 * channels**2 + 4 * channels**2 + 12 * channels


GIVEN: dict[str, Any] = {
    "Narrow": Narrow,
    "Flat": Flat,
    "Slim": Slim,
    "Smooth": Smooth,
    "BasicBlock": CountedBasic,
    "Bottleneck": CountedBottleneck,
}
PREFIX = "given:"


def resolve(args: tuple[Any, ...]) -> list[Any]:
    """The arguments with what is given in place of its name. Raises KeyError for an unknown name.

    Each number is an object of its own, so that one that is compared by ``is`` is found out.
    """
    return [_resolved(arg) for arg in args]


def _resolved(arg: Any) -> Any:
    if isinstance(arg, str) and arg.startswith(PREFIX):
        return _given(arg.removeprefix(PREFIX))
    return int(str(arg)) if type(arg) is int else arg


def _given(text: str) -> Any:
    return json.loads(text) if text.startswith("[") else GIVEN[text]
