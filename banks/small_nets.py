"""What the banks of ``small-resnet``, ``plain-twin`` and ``clinic-1`` share: a net, and programs one step away."""

from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import Maker, wrong
from banks.parts import USUAL, Apply, Parts, variations


class Pair(nn.Module):
    """A block's two convolutions, and nothing around them. The exercises' blocks and the wrong ones build on it."""

    parts = USUAL

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1: Any = self.parts.conv(in_channels, out_channels, 3, stride)
        self.bn1: Any = self.parts.norm(out_channels)
        self.conv2: Any = self.parts.conv(out_channels, out_channels, 3, 1)
        self.bn2: Any = self.parts.norm(out_channels)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.parts.relu["middle"](self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return self.parts.relu["last"](self.branch(x))


class Net(nn.Module):
    """The net of three stages, whose blocks each exercise gives."""

    block: Any = Pair  # a block of whatever class, called with channels before and after, and a stride
    parts = USUAL
    factors = (1, 2, 4)
    strides = (1, 2, 2)

    def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
        super().__init__()
        blocks = self.count(depth)
        self.stem: Any = nn.Sequential(
            self.parts.conv(in_channels, width, 3, 1), self.parts.norm(width), Apply(self.parts.relu["stem"])
        )
        self.stages = nn.Sequential()
        channels = width
        for factor, stride in zip(self.factors, self.strides, strict=True):
            self.stages.append(self.stage(channels, factor * width, blocks, stride))
            channels = factor * width
        self.fc = self.parts.linear(channels, num_classes)

    def count(self, depth: int) -> int:
        if (depth - 2) % 6 or depth < 8:
            raise ValueError("depth must be 6n+2")
        return (depth - 2) // 6

    def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
        first = self.block(in_channels, channels, stride)
        return nn.Sequential(first, *(self.block(channels, channels) for _ in range(blocks - 1)))

    def pool(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.stages(self.stem(x))))


def with_parts(base: type[Net], parts: Parts) -> type[Net]:
    """The same net made of other parts."""

    class OwnBlock(base.block):
        pass

    class Own(base):
        block = OwnBlock

    Own.parts = OwnBlock.parts = parts
    return Own


@wrong("builds", "The class is not written yet.")
def unwritten(base: type[Net]) -> type[nn.Module]:
    class Own(nn.Module):
        def __init__(self, *_args: Any, **_options: Any) -> None:
            super().__init__()
            raise NotImplementedError

    return Own


@wrong("refuses", "A wrong depth is an AssertionError; raise a ValueError.")
def asserted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            assert depth % 6 == 2
            assert depth > 2
            return depth // 6

    return Own


@wrong("refuses", "Depths that are not 6n+2 are not refused, but rounded down in silence.")
def rounded_down(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            return (depth - 2) // 6

    return Own


@wrong("refuses", "Depth 2 (n = 0) is accepted; n is at least 1.")
def depth_2_accepted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            if depth < 2 or (depth - 2) % 6:
                raise ValueError("depth must be 6n+2")
            return (depth - 2) // 6

    return Own


@wrong("refuses", "Depth 2 (n = 0) and depths below it are accepted; n is at least 1.")
def any_n_accepted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            if (depth - 2) % 6:
                raise ValueError("depth must be 6n+2")
            return (depth - 2) // 6

    return Own


@wrong("refuses", "A depth between two of the form 6n+2 is accepted; (depth - 2) / 6 must be whole.")
def other_depths_accepted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            if depth < 8:
                raise ValueError("depth must be at least 8")
            return (depth - 2) // 6

    return Own


@wrong("parameter count", "Only the paper's depths are accepted; any depth with a whole (depth - 2) / 6 is right.")
def depths_of_the_paper_alone(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            if depth not in (8, 20, 32, 44, 56, 110):
                raise ValueError("no such net")
            return super().count(depth)

    return Own


@wrong("refuses", "Every even depth from 8 on is accepted; (depth - 2) / 6 must be whole.")
def even_depths_accepted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            if depth % 2 or depth < 8:
                raise ValueError("depth must be even")
            return (depth - 2) // 6

    return Own


@wrong("refuses", "Depths below 2 are accepted, where n is negative; n is at least 1.")
def negative_n_accepted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            n, rest = divmod(depth - 2, 6)
            if rest or n == 0:
                raise ValueError("depth must be 6n+2")
            return n

    return Own


@wrong("refuses", "Depths of 3n+2 are accepted; the (depth - 2) / 6 of the specification must be whole.")
def depths_of_three_accepted(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            if (depth - 2) % 3 or depth < 8:
                raise ValueError("depth must be 3n+2")
            return (depth - 2) // 6

    return Own


@wrong("shape", "The default of in_channels is 3; it is 1.")
def colour_by_default(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 3, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)

    return Own


@wrong("shape", "in_channels is ignored: the stem always takes one channel.")
def in_channels_ignored(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, 1, width)

    return Own


@wrong("shape", "The batch's axis is dropped, too, when the batch is a single image, often by `squeeze()`.")
def squeezed(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def pool(self, x: Tensor) -> Tensor:
            return F.adaptive_avg_pool2d(x, 1).squeeze()

    return Own


@wrong("shape", "forward returns None, often because its `return` is missing.")
def nothing_returned(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def forward(self, x: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().forward(x)

    return Own


@wrong("shape", "The global average is missing: the map is flattened as it is.")
def no_average(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def pool(self, x: Tensor) -> Tensor:
            return x.flatten(1)

    return Own


@wrong("parameter count", "Every block of stages 2 and 3 has stride 2; only the first one of a stage has.")
def stride_in_every_block(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [self.block(channels, channels, stride) for _ in range(blocks - 1)]
            return nn.Sequential(self.block(in_channels, channels, stride), *rest)

    return Own


@wrong("parameter count", "Stage 1 has a stride of 2, too, and so a projection; it keeps the map's size.")
def stride_in_stage_1(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        strides = (2, 2, 2)

    return Own


@wrong(
    "parameter count",
    "A stage's later blocks share their weights, often because `[block] * n` repeats one and the same block.",
)
def repeated_block(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [self.block(channels, channels)] * (blocks - 1) if blocks > 1 else []
            return nn.Sequential(self.block(in_channels, channels, stride), *rest)

    return Own


@wrong(
    "parameter count", "The net doesn't know the parameters of its blocks, often because they are kept in a plain list."
)
def plain_list(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.kept = list(self.stages.children())
            self.stages = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for stage in self.kept:
                x = stage(x)
            return self.fc(self.pool(x))

    return Own


@wrong("parameter count", "The stem's convolution has a bias: no convolution on this sheet has one.")
def stem_with_bias(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            conv: Any = self.stem[0]
            conv.bias = nn.Parameter(torch.zeros(conv.out_channels))

    return Own


@wrong("parameter count", "The convolutions of the blocks have a bias: no convolution on this sheet has one.")
def blocks_with_bias(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
            self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)

    class Own(base):
        block = OwnBlock

    return Own


@wrong("map sizes", "No stage has a stride: the maps keep their size to the end.")
def no_strides(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        strides = (1, 1, 1)

    return Own


@wrong("output in training", "The stem has no ReLU.")
def stem_without_relu(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.stem[2] = nn.Identity()

    return Own


@wrong("output in training", "The map's largest value is taken; the average is asked for.")
def largest_value(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def pool(self, x: Tensor) -> Tensor:
            return x.amax((2, 3))

    return Own


@wrong("gradients", "One BN is used after both convolutions of a block, and the other one never.")
def bn1_twice(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn1(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    class Own(base):
        block = OwnBlock

    return Own


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def other_momentum(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.01

    return Own


@wrong("parameter count", "The net stops growing: a stage never has more than three blocks.")
def three_blocks_at_most(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            return min(super().count(depth), 3)

    return Own


@wrong("parameter count", "A stage never has more than two blocks.")
def two_blocks_at_most(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            return min(super().count(depth), 2)

    return Own


OF_OTHER_ARGUMENTS = (  # those about a depth and about the images' channels, which nets made of blocks aren't given
    "asserted",
    "rounded_down",
    "depth_2_accepted",
    "any_n_accepted",
    "other_depths_accepted",
    "even_depths_accepted",
    "negative_n_accepted",
    "depths_of_three_accepted",
    "depths_of_the_paper_alone",
    "colour_by_default",
    "in_channels_ignored",
)


def programs(base: type[Net], expected: dict[str, tuple[str, str]], without: Collection[str] = ()) -> list[Maker]:
    """The programs above, as :func:`banks.parts.variations` makes them."""
    return variations(globals(), base, expected, without)
