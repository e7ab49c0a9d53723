"""Programs for ``clinic-2``."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, bottleneck_layouts, bottlenecks, resnext_block, right, wrong
from banks.bottlenecks import Block, conv


def called(block: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The block, as this exercise calls it."""

    def make(channels: int, width: int, groups: int) -> nn.Module:
        return block(channels, width, channels, 1, groups)

    return make


SHARED = bottlenecks.shared(
    (bottlenecks, bottleneck_layouts),
    called,
    {
        "pre_activation": (
            "silenced branch",
            "The BNs and ReLUs stand before the convolutions: this is the pre-activation block.",
        ),
        "no_shortcut": ("silenced branch", "The input isn't added: the branch alone comes out, as in a plain net."),
        "detached_shortcut": ("silenced branch", "No gradient goes back through the shortcut, as if it were detached."),
    },
)


def grouped(groups: Callable[[int, int], int]) -> Callable[..., nn.Module]:
    """The block with another number of groups, given the width and the right number."""
    return lambda channels, width, number: Block(channels, width, channels, 1, groups(width, number))


def with_3x3(made: Callable[[int, int], nn.Module]) -> type[Block]:
    """The block with another layer for its 3x3, given the width and the number of groups."""

    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv2 = made(inner, groups)

    return Own


@wrong("shape", "The groups are given in the place of the stride, so that the map shrinks and the 3x3 isn't grouped.")
def groups_as_stride() -> Callable[..., nn.Module]:
    return called(with_3x3(lambda width, groups: conv(width, width, 3, groups)))


@wrong("builds", "The 3x3 gives one group's channels, which the groups then don't divide: it must keep `width`.")
def output_of_one_group() -> Callable[..., nn.Module]:
    return called(with_3x3(lambda width, groups: conv(width, width // groups, 3, 1, groups)))


@wrong("shape", "The last 1x1 stays at `width`; it must go back to `channels`, so that the sum fits.")
def not_back_to_channels() -> Callable[..., nn.Module]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, inner, stride, groups)

    return called(Own)


@wrong("parameter count", AS_FOUND)
def broken_block() -> Callable[..., nn.Module]:
    return grouped(lambda width, groups: width // groups)


@wrong("parameter count", "`groups` is not used: the 3x3 is an ordinary convolution.")
def groups_ignored() -> Callable[..., nn.Module]:
    return grouped(lambda width, groups: 1)


@wrong("parameter count", "A group always gets four channels, as in the name 32x4d; it should have width // groups.")
def always_four_channels() -> Callable[..., nn.Module]:
    return grouped(lambda width, groups: max(width // 4, 1))


@wrong("parameter count", "Each channel is a group of its own, as in a depthwise convolution.")
def depthwise() -> Callable[..., nn.Module]:
    return grouped(lambda width, groups: width)


@wrong("parameter count", "The smaller one of `groups` and the width of a group is the number of groups.")
def fewer_of_groups_and_width() -> Callable[..., nn.Module]:
    return grouped(lambda width, groups: min(groups, width // groups))


@wrong("parameter count", "The larger one of `groups` and the width of a group is the number of groups.")
def more_of_groups_and_width() -> Callable[..., nn.Module]:
    return grouped(lambda width, groups: max(groups, width // groups))


@wrong("parameter count", "`width` is taken for the width of one group; it is that of all groups together.")
def width_times_groups() -> Callable[..., nn.Module]:
    return lambda channels, width, groups: Block(channels, width * groups, channels, 1, groups)


@wrong("builds", "A 1x1 convolution is grouped, too, though the groups needn't divide `channels`; only the 3x3 is.")
def everything_grouped() -> Callable[..., nn.Module]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv1 = conv(inputs, inner, groups=groups)
            self.conv3 = conv(inner, outputs, groups=groups)

    return called(Own)


@wrong("parameter count", "There is a projection on the shortcut, which should be the input itself.")
def projected() -> Callable[..., nn.Module]:
    class Own(Block):
        def projects(self, inputs: int, outputs: int, stride: int) -> bool:
            return True

    return called(Own)


@wrong(
    "parameter count",
    "All groups have the same weights, as of one small convolution; each should have its own.",
)
def groups_share_weights() -> Callable[..., nn.Module]:
    class Shared(nn.Module):
        def __init__(self, width: int, groups: int) -> None:
            super().__init__()
            self.groups = groups
            self.conv = nn.Conv2d(width // groups, width // groups, 3, 1, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.conv(part) for part in x.chunk(self.groups, 1)], 1)

    return called(with_3x3(Shared))


@wrong("output in training", "The channels are shuffled between the groups: that is ShuffleNet's block.")
def channels_shuffled() -> Callable[..., nn.Module]:
    return called(resnext_block.Shuffled)


@wrong(
    "gradients",
    "No gradient goes back through the groups' convolutions, as under no_grad: none of them learns.",
)
def groups_do_not_learn() -> Callable[..., nn.Module]:
    class Groups(nn.ModuleList):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.cat([conv(part) for conv, part in zip(self, x.chunk(len(self), 1), strict=True)], 1)

    def made(width: int, groups: int) -> nn.Module:
        return Groups(conv(width // groups, width // groups, 3) for _ in range(groups))

    return called(with_3x3(made))


@right
def paths_that_are_summed() -> type[nn.Module]:
    class Path(nn.Sequential):
        def __init__(self, channels: int, inner: int) -> None:
            super().__init__(
                nn.Conv2d(channels, inner, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, 1, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, channels, 1, bias=False),
            )

    class Block(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            self.paths = nn.ModuleList(Path(channels, width // groups) for _ in range(groups))
            self.bn = nn.BatchNorm2d(channels)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.bn(torch.stack([path(x) for path in self.paths]).sum(0)) + x)

    return Block


@right
def one_convolution_a_group() -> Callable[..., nn.Module]:
    class Groups(nn.ModuleList):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([conv(part) for conv, part in zip(self, x.chunk(len(self), 1), strict=True)], 1)

    def made(width: int, groups: int) -> nn.Module:
        return Groups(conv(width // groups, width // groups, 3) for _ in range(groups))

    return called(with_3x3(made))


@right
def weights_stacked_by_group() -> Callable[..., nn.Module]:
    class Stacked(nn.Module):
        def __init__(self, width: int, groups: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(groups, width // groups, width // groups, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.weight.flatten(0, 1), padding=1, groups=len(self.weight))

    return called(with_3x3(Stacked))
