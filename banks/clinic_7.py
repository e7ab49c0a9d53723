"""Programs for ``clinic-7``."""

import torch
from torch import Tensor, nn

from banks import AS_FOUND, programs, right, wrong
from banks.residual_block import Base

SHARED = [
    program.make
    for program in programs("residual-block")
    if program.verdict == "wrong" and program.name != "projection_on_stride_alone"  # as_found does the same
]


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


@wrong("shape", AS_FOUND)
def as_found() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return projection(in_channels, out_channels, stride) if stride != 1 else nn.Identity()

    return Block


@right
def shapes_compared() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if (1, in_channels) == (stride, out_channels):
                return nn.Sequential()
            return projection(in_channels, out_channels, stride)

        def forward(self, x: Tensor) -> Tensor:
            return (self.shortcut(x) + self.branch(x)).relu()

    return Block


@right
def two_conditions_in_a_row() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            self.downsample = None
            if stride != 1:
                self.downsample = projection(in_channels, out_channels, stride)
            elif in_channels != out_channels:
                self.downsample = projection(in_channels, out_channels, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.body(x)
            y += x if self.downsample is None else self.downsample(x)
            return torch.relu(y)

    return Block


@right
def pixels_picked_before_a_plain_projection() -> type[nn.Module]:
    class Pick(nn.Module):
        def __init__(self, stride: int) -> None:
            super().__init__()
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, :: self.stride, :: self.stride]

    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if stride == 1 and in_channels == out_channels:
                return nn.Identity()
            return nn.Sequential(Pick(stride), *projection(in_channels, out_channels, 1))

    return Block
