"""Programs for ``clinic-5``."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, parts, residual_nets, right, small_nets, wrong

Block = Any
Net = Callable[..., nn.Module]


class PlainBlock(nn.Module):
    """The sheet's: two 3x3 convolutions without a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x))


class ResidualBlock(PlainBlock):
    """The sheet's: the same with a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, stride)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


class Base(small_nets.Net):
    """The right net. The wrong ones change one thing."""

    def __init__(self, block: Block, blocks: int, num_classes: int = 10) -> None:
        self.block = block
        super().__init__(6 * blocks + 2, num_classes, 3)


def stage_of(inputs: int, channels: int, blocks: int, stride: int, block: Block = ResidualBlock) -> nn.Module:
    """The sheet's stage with its default."""
    return nn.Sequential(block(inputs, channels, stride), *(block(channels, channels) for _ in range(blocks - 1)))


def net_of(*stages: nn.Module, num_classes: int) -> nn.Module:
    """The sheet's net around its stages."""
    stem = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


OUTPUT = "output in training"
SHARED = [
    *small_nets.programs(
        Base,
        {
            "stride_in_stage_1": (OUTPUT, "Stage 1 has a stride of 2, too; it keeps the map's size."),
            "stride_in_every_block": (OUTPUT, ""),
            "no_strides": (OUTPUT, ""),
        },
        without=(*small_nets.OF_OTHER_ARGUMENTS, "blocks_with_bias", "bn1_twice"),
    ),
    *residual_nets.programs(
        Base,
        residual_nets.MADE_OF_BLOCKS,
        without=(
            "option_a",
            "option_c",
            "nothing_added",
            "only_projections_added",
            "added_to_itself",
            "stride_on_second",
            "relu_before_addition",
            "no_last_relu",
            "detached_shortcuts",
            "wrong_index",
        ),
    ),
    *parts.programs(
        lambda made_of: small_nets.with_parts(Base, made_of),
        places=("stem",),
        first={"large_eps": "details"},
        without=("relu6_stem",),
    ),
]


@wrong("parameter count", AS_FOUND.replace("This", "With a block that it doesn't name itself, this"))
def as_found() -> Net:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> nn.Module:
        stages = stage_of(16, 16, blocks, 1), stage_of(16, 32, blocks, 2), stage_of(32, 64, blocks, 2)
        return net_of(*stages, num_classes=num_classes)

    return build_net


@wrong(
    "parameter count",
    "Blocks are made by a class named in the code, or by a default, not by the block that was given.",
)
def other_default() -> Net:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> nn.Module:
        plain = PlainBlock
        stages = (
            stage_of(16, 16, blocks, 1, plain),
            stage_of(16, 32, blocks, 2, plain),
            stage_of(32, 64, blocks, 2, plain),
        )
        return net_of(*stages, num_classes=num_classes)

    return build_net


@wrong("parameter count", "The block is passed to the first stage alone; the other two still use their default.")
def passed_to_one_stage() -> Net:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> nn.Module:
        stages = stage_of(16, 16, blocks, 1, block), stage_of(16, 32, blocks, 2), stage_of(32, 64, blocks, 2)
        return net_of(*stages, num_classes=num_classes)

    return build_net


@wrong(
    "parameter count", "Only a stage's first block is made by the given one; the rest are residual blocks as before."
)
def first_block_alone() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [ResidualBlock(channels, channels) for _ in range(blocks - 1)]
            return nn.Sequential(self.block(in_channels, channels, stride), *rest)

    return Net


@wrong("parameter count", "The given block makes the later blocks of a stage, but the first one is still residual.")
def all_but_the_first_block() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [self.block(channels, channels) for _ in range(blocks - 1)]
            return nn.Sequential(ResidualBlock(in_channels, channels, stride), *rest)

    return Net


@wrong(
    "parameter count", "A projection is put beside the blocks that change the shape; a shortcut is the block's affair."
)
def projection_in_the_net() -> type[nn.Module]:
    class Projected(nn.Module):
        def __init__(self, block: Block, inputs: int, channels: int, stride: int) -> None:
            super().__init__()
            self.block = block(inputs, channels, stride)
            self.project = nn.Conv2d(inputs, channels, 1, stride, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.block(x) + self.project(x)

    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [self.block(channels, channels) for _ in range(blocks - 1)]
            return nn.Sequential(Projected(self.block, in_channels, channels, stride), *rest)

    return Net


@wrong("output in training", "The net itself adds each block's input to its output, so every block becomes residual.")
def net_adds_shortcuts() -> type[nn.Module]:
    class Added(nn.Module):
        def __init__(self, block: nn.Module) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: Tensor) -> Tensor:
            return x + self.block(x)

    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [Added(self.block(channels, channels)) for _ in range(blocks - 1)]
            return nn.Sequential(self.block(in_channels, channels, stride), *rest)

    return Net


@wrong("builds", "block.expansion is asked for, but a block need have no such attribute.")
def asks_for_expansion() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return super().stage(in_channels, channels * self.block.expansion, blocks, stride)

    return Net


@wrong("builds", "The block is put into the stage without being called: it makes a layer only when it is called.")
def block_not_called() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return nn.Sequential(*[self.block] * blocks)

    return Net


@wrong("builds", "build_net is called with the block first and then the number of blocks, not the other way round.")
def arguments_swapped() -> Net:
    return lambda blocks, block, num_classes=10: Base(block, blocks, num_classes)


@wrong("shape", "num_classes is not used: the net always has 10 scores.")
def always_10_classes() -> Net:
    return lambda block, blocks, num_classes=10: Base(block, blocks)


@wrong("shape", "Without num_classes, the net has 1000 scores; the default is 10.")
def thousand_classes_by_default() -> Net:
    return lambda block, blocks, num_classes=1000: Base(block, blocks, num_classes)


@wrong("parameter count", "The number of blocks is written down as 3, and the argument is not used.")
def always_three_blocks() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return super().stage(in_channels, channels, 3, stride)

    return Net


@wrong("output in training", "A ReLU stands behind every stage; what follows a block is its own affair.")
def relu_behind_stages() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return nn.Sequential(super().stage(in_channels, channels, blocks, stride), nn.ReLU())

    return Net


@wrong("gradients", "forward calls a stage's second block again and again, and the third one never.")
def second_block_again() -> type[nn.Module]:
    class Stage(nn.Module):
        def __init__(self, first: nn.Module, rest: list[nn.Module]) -> None:
            super().__init__()
            self.first, self.second = first, rest[0] if rest else nn.Identity()
            self.rest = nn.ModuleList(rest)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            for _ in self.rest:
                x = self.second(x)
            return x

    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return Stage(
                self.block(in_channels, channels, stride), [self.block(channels, channels) for _ in range(blocks - 1)]
            )

    return Net


@wrong("builds", "build_net returns None, often because its `return` is missing.")
def no_net_returned() -> Callable[..., None]:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> None:
        Base(block, blocks, num_classes)

    return build_net


@right
def default_dropped() -> Net:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> nn.Module:
        stages = (
            stage_of(16, 16, blocks, 1, block),
            stage_of(16, 32, blocks, 2, block),
            stage_of(32, 64, blocks, 2, block),
        )
        return net_of(*stages, num_classes=num_classes)

    return build_net


@right
def class_with_functional_steps() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, make: Block, n: int, classes: int = 10) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 16, 3, padding="same", bias=False)
            self.bn = nn.BatchNorm2d(16)
            widths = [16] * (n + 1) + [32] * n + [64] * n
            self.blocks = nn.ModuleList(make(a, b, 1 if a == b else 2) for a, b in pairwise(widths))
            self.fc = nn.Linear(64, classes)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu_(self.bn(self.conv(x)))
            for block in self.blocks:
                x = block(x)
            return self.fc(x.mean((-2, -1)))

    return Net


@right
def keywords_and_named_parts() -> Net:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> nn.Module:
        net = nn.Sequential()
        net.add_module("conv", nn.LazyConv2d(16, 3, padding=1, bias=False))
        net.add_module("norm", nn.LazyBatchNorm2d())
        net.add_module("relu", nn.Threshold(0.0, 0.0))
        for i in range(3 * blocks):
            stage, place = divmod(i, blocks)
            starts = place == 0 and stage > 0
            outputs = 16 * 2**stage
            made = block(
                in_channels=outputs // 2 if starts else outputs, out_channels=outputs, stride=2 if starts else 1
            )
            net.add_module(f"stage{stage}_{place}", made)
        net.add_module("pool", nn.AdaptiveAvgPool2d((1, 1)))
        net.add_module("flat", nn.Flatten())
        net.add_module("fc", nn.LazyLinear(num_classes))
        return net

    return build_net


@right
def head_as_convolution() -> Net:
    def build_net(block: Block, blocks: int, num_classes: int = 10) -> nn.Module:
        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                parts = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
                for inputs, outputs in ((16, 16), (16, 32), (32, 64)):
                    parts += [block(inputs, outputs, outputs // inputs)]
                    parts += [block(outputs, outputs, 1) for _ in range(1, blocks)]
                self.parts = nn.Sequential(*parts)
                self.scores = nn.Conv2d(64, num_classes, 1)

            def forward(self, x: Tensor) -> Tensor:
                return self.scores(self.parts(x)).flatten(2).mean(2)

        return Net()

    return build_net
