"""Programs for ``clinic-4``."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, bottlenecks, projections, right, wrong
from banks.bottleneck import called
from banks.bottlenecks import Block

SHARED = bottlenecks.shared((bottlenecks, projections), called, {"stride_on_first": ("output in training", AS_FOUND)})


@wrong("shape", "The output always has 12 channels: mid_channels is never read.")
def mid_channels_ignored() -> Callable[..., nn.Module]:
    return lambda in_channels, mid_channels, stride=1: Block(in_channels, 3, 12, stride)


@wrong("builds", "The stride has no default: NarrowBlock(16, 4) must work, too.")
def stride_without_default() -> Callable[..., nn.Module]:
    def make(in_channels: int, mid_channels: int, stride: int) -> nn.Module:
        return called(Block)(in_channels, mid_channels, stride)

    return make


@wrong("parameter count", "The first 1x1 has become a 3x3 so that it sees all pixels; only the stride should move.")
def first_1x1_widened() -> Callable[..., nn.Module]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, 1, groups)
            self.conv1 = self.conv(inputs, inner, 3, stride)

    return called(Own)


@right
def broken_block_with_strides_exchanged() -> Callable[..., nn.Module]:
    class Own(Block):
        def strides(self, stride: int) -> tuple[int, int, int]:
            return stride, 1, 1

        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.conv1.stride, self.conv2.stride = self.conv2.stride, self.conv1.stride

    return called(Own)


@right
def loop_over_layers() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.layers = nn.ModuleList()
            before = in_channels
            for channels, size, step in ((mid_channels, 1, 1), (mid_channels, 3, stride), (4 * mid_channels, 1, 1)):
                conv = nn.Conv2d(before, channels, size, step, size // 2, bias=False)
                self.layers.append(nn.Sequential(conv, nn.BatchNorm2d(channels)))
                before = channels
            self.project = None
            if stride > 1 or in_channels != before:
                self.project = projections.projected(in_channels, before, stride)

        def forward(self, x: Tensor) -> Tensor:
            x = x.contiguous(memory_format=torch.channels_last)
            out = x
            for number, layer in enumerate(self.layers):
                out = layer(out.clamp(min=0) if number else out)
            return F.relu(out.add(x if self.project is None else self.project(x)), inplace=True)

    return Block
