"""Blocks that the checks hand to a learner's network, named in a call's arguments as ``given:<name>``."""

from typing import Any

from torch import Tensor, nn


class Narrow(nn.Module):
    """One 3x3 convolution around a sum, output 2 x channels."""

    expansion = 2

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, 4, 1, bias=False)
        self.conv = nn.Conv2d(4, 4, 3, stride, padding=1, bias=False)
        self.expand = nn.Conv2d(4, 2 * channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.expand(self.conv(self.reduce(x)).relu())


class Flat(nn.Module):
    """Average pooling and a 1x1 convolution, output 1 x channels."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride, padding=1)
        self.reduce = nn.Conv2d(in_channels, 4, 1, bias=False)
        self.expand = nn.Conv2d(4, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.expand(self.reduce(self.pool(x))).relu()


GIVEN: dict[str, Any] = {"Narrow": Narrow, "Flat": Flat}
PREFIX = "given:"


def resolve(args: tuple[Any, ...]) -> list[Any]:
    """The arguments with the names of given blocks replaced by the blocks."""
    return [GIVEN[arg.removeprefix(PREFIX)] if isinstance(arg, str) and arg.startswith(PREFIX) else arg for arg in args]
