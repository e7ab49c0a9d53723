"""What the banks of ``small-resnet`` and ``plain-twin`` share: the net, and programs one step away from it."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import Maker, right, wrong


class Pair(nn.Module):
    """A block's two convolutions, and nothing around them. The exercises' blocks and the wrong ones build on it."""

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


class Net(nn.Module):
    """The net of three stages, whose blocks each exercise gives."""

    block: type[Pair] = Pair
    factors = (1, 2, 4)
    strides = (1, 2, 2)

    def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
        super().__init__()
        blocks = self.count(depth)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.Sequential()
        channels = width
        for factor, stride in zip(self.factors, self.strides, strict=True):
            self.stages.append(self.stage(channels, factor * width, blocks, stride))
            channels = factor * width
        self.fc = nn.Linear(channels, num_classes)

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


@wrong("builds", "The class is not written yet.")
def unwritten(base: type[Net]) -> type[nn.Module]:
    class Own(nn.Module):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__()
            raise NotImplementedError

    return Own


@wrong("refuses", "A wrong depth is an AssertionError; raise ValueError.")
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


@wrong("shape", "`squeeze()` drops the batch's axis, too, when the batch is a single image.")
def squeezed(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def pool(self, x: Tensor) -> Tensor:
            return F.adaptive_avg_pool2d(x, 1).squeeze()

    return Own


@wrong("shape", "The output is computed, but forward does not return it.")
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


@wrong("parameter count", "`[block] * n` repeats one and the same block, so its copies share their weights.")
def repeated_block(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [self.block(channels, channels)] * (blocks - 1) if blocks > 1 else []
            return nn.Sequential(self.block(in_channels, channels, stride), *rest)

    return Own


@wrong("parameter count", "The blocks are kept in a plain list, so the net doesn't know their parameters.")
def plain_list(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)
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
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)
            self.stem[0] = nn.Conv2d(in_channels, width, 3, padding=1)

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
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)
            self.stem[2] = nn.Identity()

    return Own


@wrong("output in training", "The map's largest value is taken; the average is asked for.")
def largest_value(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def pool(self, x: Tensor) -> Tensor:
            return x.amax((2, 3))

    return Own


@wrong("gradients", "bn1 is used after both convolutions of a block, and bn2 never.")
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
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.01

    return Own


@right
def convolutions_split_by_output(base: type[Net]) -> type[nn.Module]:
    class Split(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            half = outputs // 2
            self.a = nn.Conv2d(inputs, half, 3, stride, 1, bias=False)
            self.b = nn.Conv2d(inputs, half, 3, stride, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.a(x), self.b(x)], 1)

    class OwnBlock(base.block):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1 = Split(in_channels, out_channels, stride)  # pyright: ignore

    class Own(base):
        block = OwnBlock

    return Own


def programs(base: type[Net], expected: dict[str, tuple[str, str]]) -> list[Maker]:
    """The programs above, made from an exercise's right net.

    ``expected`` gives, by name, the check that must fail first and the misconception where this exercise has its own.
    Raises ValueError for a name that no program has.
    """
    builders = {name: value for name, value in globals().items() if hasattr(value, "expected")}
    if unknown := expected.keys() - builders.keys():
        raise ValueError(f"No program is called {', '.join(sorted(unknown))}.")
    own = {name: ("wrong", *check_and_words) for name, check_and_words in expected.items()}
    here = {name: build.expected for name, build in builders.items()} | own
    return [_program(build, base, here[name]) for name, build in builders.items()]


def _program(build: Callable[[type[Net]], object], base: type[Net], expected: tuple[str, ...]) -> Maker:
    def make() -> object:
        return build(base)

    make.__name__ = build.__name__
    make.expected = expected  # pyright: ignore[reportFunctionMemberAccess]
    return make
