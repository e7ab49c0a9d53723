"""Programs for ``clinic-1``."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, right, wrong

WIDTHS = (16, 32, 64)


class ResidualBlock(nn.Module):
    """The block that the sheet gives."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class Zero(nn.Module):
    """In place of a shortcut, nothing is added."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(())


class Base(nn.Module):
    """The right net. The wrong ones change one thing."""

    first_strides = (1, 2, 2)

    def __init__(self, blocks: int, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.stages = nn.Sequential()
        in_channels = 16
        for channels, stride in zip(WIDTHS, self.first_strides, strict=True):
            self.stages.append(self.stage(in_channels, channels, self.strides(stride, blocks)))
            in_channels = channels
        self.fc = nn.Linear(64, num_classes)

    def strides(self, stride: int, blocks: int) -> list[int]:
        return [stride] + [1] * (blocks - 1)

    def stage(self, in_channels: int, channels: int, strides: list[int]) -> nn.Module:
        made = nn.Sequential()
        for stride in strides:
            made.append(ResidualBlock(in_channels, channels, stride))
            in_channels = channels
        return made

    def stem(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(self.conv1(x)))

    def average(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.average(self.stages(self.stem(x))))


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__()
            raise NotImplementedError

    return Net


@wrong("builds", "The number of classes has no default: StagedNet(3) must work, too.")
def classes_without_default() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int) -> None:
            super().__init__(blocks, num_classes)

    return Net


@wrong("shape", "Each stage expects 16 channels: the width of the stage before it is not handed on.")
def width_not_handed_on() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, strides: list[int]) -> nn.Module:
            return super().stage(16, channels, strides)

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
        def average(self, x: Tensor) -> Tensor:
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
                stage.append(ResidualBlock(self.in_channels, channels, stride))
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
        def strides(self, stride: int, blocks: int) -> list[int]:
            return [1] * (blocks - 1) + [stride]

    return Net


@wrong(
    "parameter count", "The first block of a stage has stride 1 and the others have the stride: it is the other way."
)
def stride_everywhere_else() -> type[nn.Module]:
    class Net(Base):
        def strides(self, stride: int, blocks: int) -> list[int]:
            return [1] + [stride] * (blocks - 1)

    return Net


@wrong("parameter count", "Every second block has the stride, so a stage of three blocks halves its map twice.")
def stride_in_every_second_block() -> type[nn.Module]:
    class Net(Base):
        def strides(self, stride: int, blocks: int) -> list[int]:
            return [1 if number % 2 else stride for number in range(blocks)]

    return Net


@wrong("parameter count", "Stage 1 halves the map as well; it should keep the size.")
def first_stage_halves() -> type[nn.Module]:
    class Net(Base):
        first_strides = (2, 2, 2)

    return Net


@wrong("parameter count", "A stage has one block too many: `blocks` more come after the first one.")
def one_block_too_many() -> type[nn.Module]:
    class Net(Base):
        def strides(self, stride: int, blocks: int) -> list[int]:
            return [stride] + [1] * blocks

    return Net


@wrong("parameter count", "A stage always has three blocks, whatever `blocks` says.")
def always_three_blocks() -> type[nn.Module]:
    class Net(Base):
        def strides(self, stride: int, blocks: int) -> list[int]:
            return [stride, 1, 1]

    return Net


@wrong("parameter count", "A stage's later blocks are one and the same module, so they share their weights.")
def same_block_repeated() -> type[nn.Module]:
    class Net(Base):
        def stage(self, in_channels: int, channels: int, strides: list[int]) -> nn.Module:
            rest = [ResidualBlock(channels, channels)] * (len(strides) - 1)
            return nn.Sequential(ResidualBlock(in_channels, channels, strides[0]), *rest)

    return Net


@wrong("parameter count", "The stages are kept in a plain list, so the net does not know their parameters.")
def stages_in_a_plain_list() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks, num_classes)
            self.kept = list(self.stages)
            self.stages = nn.Sequential()

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for stage in self.kept:
                x = stage(x)
            return self.fc(self.average(x))

    return Net


@wrong("parameter count", "The stem's convolution has a bias: bias=False is missing.")
def stem_with_bias() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks, num_classes)
            self.conv1 = nn.Conv2d(3, 16, 3, padding=1)

    return Net


@wrong("output in training", "Stage 3 keeps the size of the map; it should halve it once more.")
def last_stage_keeps_the_size() -> type[nn.Module]:
    class Net(Base):
        first_strides = (1, 2, 1)

    return Net


@wrong("output in training", "There is a max-pool behind the stem, as in the nets for large images; here is none.")
def pooled_stem() -> type[nn.Module]:
    class Net(Base):
        def stem(self, x: Tensor) -> Tensor:
            return F.max_pool2d(super().stem(x), 3, 2, 1)

    return Net


@wrong("output in training", "The ReLU of the stem is missing.")
def no_relu_in_stem() -> type[nn.Module]:
    class Net(Base):
        def stem(self, x: Tensor) -> Tensor:
            return self.bn1(self.conv1(x))

    return Net


@wrong(
    "output in training",
    "The average is taken over a square as wide as the map, so that part of a high map is left out.",
)
def square_average() -> type[nn.Module]:
    class Net(Base):
        def average(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, x.shape[3]).flatten(1)

    return Net


@wrong("output in training", "A softmax follows the linear layer; class scores are what the linear layer gives.")
def softmax_at_the_end() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).softmax(1)

    return Net


@wrong("output in evaluation", "The stem's BN uses the batch's statistics in evaluation mode, too.")
def stem_bn_always_training() -> type[nn.Module]:
    class Net(Base):
        def stem(self, x: Tensor) -> Tensor:
            bn = self.bn1
            out = F.batch_norm(self.conv1(x), bn.running_mean, bn.running_var, bn.weight, bn.bias, training=True)
            return F.relu(out)

    return Net


@wrong("gradients", "The steps of a stage all call the block that was made last: a lambda looks its name up late.")
def block_bound_late() -> type[nn.Module]:
    class Stage(nn.Module):
        def __init__(self, in_channels: int, channels: int, strides: list[int]) -> None:
            super().__init__()
            self.first = ResidualBlock(in_channels, channels, strides[0])
            self.rest = nn.ModuleList()
            self.steps: list[Callable[[Tensor], Tensor]] = []
            for stride in strides[1:]:
                block = ResidualBlock(channels, channels, stride)
                self.rest.append(block)
                self.steps.append(lambda x: block(x))  # noqa: B023

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            for step in self.steps:
                x = step(x)
            return x

    class Net(Base):
        def stage(self, in_channels: int, channels: int, strides: list[int]) -> nn.Module:
            return Stage(in_channels, channels, strides)

    return Net


@wrong("parameter count", "The blocks have no shortcut: `ResidualBlock` is asked for.")
def plain_blocks() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks, num_classes)
            for module in self.modules():
                if isinstance(module, ResidualBlock):
                    module.shortcut = nn.Sequential(Zero())

    return Net


@wrong("parameter count", "The stem has no BN.")
def stem_without_bn() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks, num_classes)
            self.bn1 = nn.Identity()

    return Net


@wrong("parameter count", "The linear layer has no bias; only the convolutions go without.")
def linear_without_bias() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, blocks: int, num_classes: int = 10) -> None:
            super().__init__(blocks, num_classes)
            self.fc = nn.Linear(64, num_classes, bias=False)

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
            stage = [ResidualBlock(self.in_channels, channels, stride)]
            for _ in range(blocks - 1):
                stage.append(ResidualBlock(channels, channels))
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
