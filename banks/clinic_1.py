"""Programs for ``clinic-1``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, parts, residual_nets, right, small_nets, wrong
from banks.residual_nets import Block

WIDTHS = (16, 32, 64)


class Zero(nn.Module):
    """In place of a shortcut, nothing is added."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(())


class Base(residual_nets.Net):
    """The right net. The wrong ones change one thing."""

    def __init__(self, blocks: int, num_classes: int = 10) -> None:
        super().__init__(6 * blocks + 2, num_classes, 3)

    def strides_of(self, stride: int, blocks: int) -> list[int]:
        return [stride] + [1] * (blocks - 1)

    def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
        made = nn.Sequential()
        for its_stride in self.strides_of(stride, blocks):
            made.append(self.block(in_channels, channels, its_stride))
            in_channels = channels
        return made


OUTPUT = "output in training"
SHARED = [
    *small_nets.programs(
        Base,
        {"no_strides": (OUTPUT, "")},
        without=(*small_nets.OF_OTHER_ARGUMENTS, "stride_in_every_block"),
    ),
    *residual_nets.programs(
        Base,
        {
            **residual_nets.MADE_OF_BLOCKS,
            "option_a": ("parameter count", "The blocks that change the shape have a shortcut without parameters."),
            "option_c": ("parameter count", "Every block has a projection; only those that change the shape have one."),
            "nothing_added": (OUTPUT, ""),
            "only_projections_added": (OUTPUT, ""),
            "added_to_itself": (OUTPUT, ""),
            "stride_on_second": (OUTPUT, ""),
        },
    ),
    *parts.programs(
        lambda made_of: small_nets.with_parts(Base, made_of),
        first={"relu6_last": OUTPUT, "large_eps": "output in evaluation"},
        without=("relu6_stem",),
    ),
]


@wrong("builds", "The number of classes has no default: StagedNet(3) must work, too.")
def classes_without_default() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int) -> None:
            super().__init__(blocks, num_classes)

    return Net


@wrong("shape", "Each stage expects 16 channels: the width of the stage before it is not handed on.")
def width_not_handed_on() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return super().stage(16, channels, blocks, stride)

    return Net


@wrong("shape", "The linear layer always has 10 outputs, whatever num_classes says.")
def classes_ignored() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks)

    return Net


@wrong("shape", "The average is taken over 8x8 pixels, as images of 32x32 leave them; images may have any size.")
def made_for_32_pixels() -> type[nn.Module]:
    class Net(Base):
        def pool(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, 8).flatten(1)

    return Net


@wrong("parameter count", AS_FOUND)
def broken_net() -> type[nn.Module]:
    class BrokenNet(nn.Module):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__()
            self.in_channels = 16
            self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(16)
            self.layer1 = self.make_stage(16, blocks, stride=1)
            self.layer2 = self.make_stage(32, blocks, stride=2)
            self.layer3 = self.make_stage(64, blocks, stride=2)
            self.fc = nn.Linear(64, num_classes)

        def make_stage(self, channels: int, blocks: int, stride: int) -> nn.Module:
            stage = []
            for _ in range(blocks):
                stage.append(Block(self.in_channels, channels, stride))
                self.in_channels = channels
            return nn.Sequential(*stage)

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.fc(x.mean(dim=(2, 3)))

    return BrokenNet


@wrong("parameter count", "The stride is on a stage's last block; it belongs to the first one.")
def stride_in_last_block() -> type[nn.Module]:
    class Net(Base):
        def strides_of(self, stride: int, blocks: int) -> list[int]:
            return [1] * (blocks - 1) + [stride]

    return Net


@wrong(
    "parameter count", "The first block of a stage has stride 1 and the others have the stride: it is the other way."
)
def stride_everywhere_else() -> type[nn.Module]:
    class Net(Base):
        def strides_of(self, stride: int, blocks: int) -> list[int]:
            return [1] + [stride] * (blocks - 1)

    return Net


@wrong("parameter count", "Every second block has the stride, so a stage of three blocks halves its map twice.")
def stride_in_every_second_block() -> type[nn.Module]:
    class Net(Base):
        def strides_of(self, stride: int, blocks: int) -> list[int]:
            return [1 if number % 2 else stride for number in range(blocks)]

    return Net


@wrong("parameter count", "A stage always has three blocks, whatever `blocks` says.")
def always_three_blocks() -> type[nn.Module]:
    class Net(Base):
        def strides_of(self, stride: int, blocks: int) -> list[int]:
            return [stride, 1, 1]

    return Net


@wrong("output in evaluation", "The stem's BN uses the batch's statistics in evaluation mode, too.")
def stem_bn_always_training() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            conv, bn, _ = self.stem
            out = F.batch_norm(conv(x), bn.running_mean, bn.running_var, bn.weight, bn.bias, training=True)
            return self.fc(self.pool(self.stages(F.relu(out))))

    return Net


@wrong("parameter count", "The blocks have no shortcut: `Block` is asked for.")
def plain_blocks() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks, num_classes)
            for module in self.modules():
                if isinstance(module, Block):
                    module.shortcut = nn.Sequential(Zero())

    return Net


@right
def solution_of_the_sheet() -> type[nn.Module]:
    class StagedNet(nn.Module):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__()
            self.in_channels = 16
            self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(16)
            self.layer1 = self.make_stage(16, blocks, stride=1)
            self.layer2 = self.make_stage(32, blocks, stride=2)
            self.layer3 = self.make_stage(64, blocks, stride=2)
            self.fc = nn.Linear(64, num_classes)

        def make_stage(self, channels: int, blocks: int, stride: int) -> nn.Module:
            stage = [Block(self.in_channels, channels, stride)]
            for _ in range(blocks - 1):
                stage.append(Block(channels, channels))
            self.in_channels = channels
            return nn.Sequential(*stage)

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.fc(x.mean(dim=(2, 3)))

    return StagedNet


@right
def factory_of_one_sequential():  # noqa: ANN201
    class Sum(nn.Module):
        def __init__(self, *parts: nn.Module) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([part(x) for part in self.parts]).sum(0)

    def conv_bn(a: int, b: int, size: int, stride: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(a, b, size, stride, size // 2, bias=False), nn.BatchNorm2d(b))

    def block(a: int, b: int, stride: int) -> nn.Sequential:
        skip = nn.Identity() if (a, stride) == (b, 1) else conv_bn(a, b, 1, stride)
        return nn.Sequential(
            Sum(nn.Sequential(conv_bn(a, b, 3, stride), nn.ReLU(True), conv_bn(b, b, 3, 1)), skip), nn.ReLU()
        )

    def make(n: int, k: int = 10) -> nn.Module:
        layers: list[nn.Module] = [conv_bn(3, 16, 3, 1), nn.ReLU(True)]
        for number in range(3 * n):
            stage, place = divmod(number, n)
            starts = stage > 0 and place == 0
            layers.append(block(16 * 2 ** (stage - starts), 16 * 2**stage, 1 + starts))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, k))

    return make


@right
def lazy_layers_by_name() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, channels: int, starts: bool) -> None:
            super().__init__()
            stride = 2 if starts else 1
            self.conv1, self.bn1 = nn.LazyConv2d(channels, 3, stride, 1, bias=False), nn.LazyBatchNorm2d()
            self.conv2, self.bn2 = nn.LazyConv2d(channels, 3, 1, 1, bias=False), nn.LazyBatchNorm2d()
            if starts:
                self.project, self.bn3 = nn.LazyConv2d(channels, 1, 2, bias=False), nn.LazyBatchNorm2d()
            self.starts = starts

        def forward(self, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
            return (y + (self.bn3(self.project(x)) if self.starts else x)).clamp(min=0)

    class Net(nn.Module):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.LazyConv2d(16, 3, 1, 1, bias=False), nn.LazyBatchNorm2d(), nn.ReLU())
            self.names = [f"stage{stage}_block{number}" for stage in range(3) for number in range(blocks)]
            for name in self.names:
                stage = int(name[5])
                setattr(self, name, Block(WIDTHS[stage], stage > 0 and name.endswith("block0")))
            self.head = nn.LazyLinear(num_classes)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for name in self.names:
                x = getattr(self, name)(x)
            return self.head(F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0])

    return Net


@right
def thinned_before_bn_and_scored_per_pixel() -> type[nn.Module]:
    class ConvBN(nn.Module):
        def __init__(self, a: int, b: int, size: int, stride: int) -> None:
            super().__init__()
            self.conv, self.bn, self.stride = nn.Conv2d(a, b, size, 1, size // 2, bias=False), nn.BatchNorm2d(b), stride

        def forward(self, x: Tensor) -> Tensor:
            return self.bn(self.conv(x)[:, :, :: self.stride, :: self.stride])

    class Block(nn.Module):
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.one, self.two = ConvBN(a, b, 3, stride), ConvBN(b, b, 3, 1)
            self.skip = ConvBN(a, b, 1, stride) if stride > 1 else None

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.two(F.relu(self.one(x))).add(x if self.skip is None else self.skip(x)), inplace=True)

    class Net(nn.Module):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__()
            self.stem = ConvBN(3, 16, 3, 1)
            self.stages = nn.ModuleDict()
            for name, a, b, stride in (("a", 16, 16, 1), ("b", 16, 32, 2), ("c", 32, 64, 2)):
                self.stages[name] = nn.ModuleList([Block(a, b, stride), *(Block(b, b, 1) for _ in range(blocks - 1))])
            self.scores = nn.Conv2d(64, num_classes, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.stem(x.contiguous(memory_format=torch.channels_last)))
            for stage in self.stages.values():
                for block in stage:  # pyright: ignore[reportGeneralTypeIssues]
                    x = block(x)
            return self.scores(x).mean((2, 3))

    return Net
