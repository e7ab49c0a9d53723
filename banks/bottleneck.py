"""Programs for ``bottleneck``."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import bottleneck_layouts, bottlenecks, projections, right, wrong
from banks.bottlenecks import Block


def called(block: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The block, as this exercise calls it."""

    def make(in_channels: int, mid_channels: int, stride: int = 1) -> nn.Module:
        return block(in_channels, mid_channels, 4 * mid_channels, stride)

    return make


SHARED = bottlenecks.shared((bottlenecks, projections, bottleneck_layouts), called, {})


@wrong("shape", "The output always has 12 channels: mid_channels is never read.")
def mid_channels_ignored() -> Callable[..., nn.Module]:
    return lambda in_channels, mid_channels, stride=1: Block(in_channels, 3, 12, stride)


@wrong("builds", "The stride has no default: Bottleneck(64, 16) must work, too.")
def stride_without_default() -> Callable[..., nn.Module]:
    def make(in_channels: int, mid_channels: int, stride: int) -> nn.Module:
        return called(Block)(in_channels, mid_channels, stride)

    return make


@wrong("shape", "The last 1x1 gives mid_channels again: the output must be four times as wide.")
def not_expanded() -> Callable[..., nn.Module]:
    return lambda in_channels, mid_channels, stride=1: Block(in_channels, mid_channels, mid_channels, stride)


@wrong("shape", "The second argument is taken for the output's channels; it is the width inside, a quarter of them.")
def second_argument_is_output() -> Callable[..., nn.Module]:
    return lambda in_channels, out_channels, stride=1: Block(
        in_channels, max(out_channels // 4, 1), out_channels, stride
    )


@wrong("shape", "The input's channels are compared with mid_channels; what counts is the output, 4 x mid_channels.")
def projection_by_inner_width() -> Callable[..., nn.Module]:
    def make(in_channels: int, mid_channels: int, stride: int = 1) -> nn.Module:
        projects = stride != 1 or in_channels != mid_channels
        block = projections.where(lambda inputs, outputs, stride: projects)
        return block(in_channels, mid_channels, 4 * mid_channels, stride)

    return make


@wrong("shape", "Where in_channels equals mid_channels nothing is projected, though the output is four times as wide.")
def not_projected_from_inner_width() -> Callable[..., nn.Module]:
    def make(in_channels: int, mid_channels: int, stride: int = 1) -> nn.Module:
        projects = stride != 1 or in_channels not in (mid_channels, 4 * mid_channels)
        block = projections.where(lambda inputs, outputs, stride: projects)
        return block(in_channels, mid_channels, 4 * mid_channels, stride)

    return make


@wrong(
    "parameter count",
    "The first 1x1 widens already, so the 3x3 works on all channels: it must work on the narrow ones.",
)
def wide_inside() -> Callable[..., nn.Module]:
    return lambda in_channels, mid_channels, stride=1: Block(in_channels, 4 * mid_channels, 4 * mid_channels, stride)


@wrong("output in evaluation", "The running statistics of a BN are not buffers, as if they were plain attributes.")
def statistics_as_attributes() -> Callable[..., nn.Module]:
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
            self.mean, self.variance = torch.zeros(channels), torch.ones(channels)

        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.mean, self.variance, self.gamma, self.beta, self.training)

    return called(bottleneck_layouts.with_own_norm(Norm))


@right
def factory_of_sequentials() -> Callable[..., nn.Module]:
    class Residual(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            body, skip = self
            return torch.relu(torch.add(body(input), skip(input)))

    def layer(inputs: int, outputs: int, size: int, step: int = 1) -> list[nn.Module]:
        padding = "same" if step == 1 else size // 2
        return [nn.Conv2d(inputs, outputs, size, step, padding, bias=False), nn.BatchNorm2d(outputs)]

    def make(inputs: int, width: int, step: int = 1) -> nn.Module:
        outputs = width * 4
        skip = [] if (inputs, step) == (outputs, 1) else layer(inputs, outputs, 1, step)
        body = [
            *layer(inputs, width, 1),
            nn.ReLU(),
            *layer(width, width, 3, step),
            nn.ReLU(),
            *layer(width, outputs, 1),
        ]
        return Residual(nn.Sequential(*body), nn.Sequential(*skip))

    return make


@right
def parameters_and_functions() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            out = 4 * mid_channels
            self.stride = stride
            self.reduce = nn.Parameter(torch.randn(mid_channels, in_channels))
            self.spatial = nn.Parameter(torch.randn(mid_channels, mid_channels, 3, 3))
            self.expand = nn.Parameter(torch.randn(out, mid_channels))
            self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (mid_channels, mid_channels, out))
            self.project = None
            if stride > 1 or in_channels != out:
                self.project = nn.Parameter(torch.randn(out, in_channels))
                self.norms.append(nn.BatchNorm2d(out))

        def forward(self, x: Tensor) -> Tensor:
            y = self.norms[0](torch.einsum("oi,nihw->nohw", self.reduce, x)).clamp(min=0)
            y = self.norms[1](F.conv2d(y, self.spatial, stride=self.stride, padding=1)).clamp(min=0)
            y = self.norms[2](torch.einsum("oi,nihw->nohw", self.expand, y))
            if self.project is not None:
                x = x[:, :, :: self.stride, :: self.stride]
                x = self.norms[3](torch.einsum("oi,nihw->nohw", self.project, x))
            return (x + y).clamp(min=0)

    return Block
