"""Programs for ``resnet-50``."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import parts, right, wrong
from banks.parts import USUAL

Block = Any
WIDTHS = (64, 128, 256, 512)


class Base(nn.Module):
    """The right net. The wrong ones change one thing."""

    parts = USUAL
    strides = (1, 2, 2, 2)

    def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1: Any = self.parts.conv(3, 64, 7, 2)
        self.bn1: Any = self.parts.norm(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.Sequential()
        channels = 64
        for width, number, stride in zip(WIDTHS, layers, self.strides, strict=True):
            self.stages.append(self.stage(block, channels, width, number, stride))
            channels = width * block.expansion
        self.avgpool: nn.Module = nn.AdaptiveAvgPool2d(1)
        self.fc = self.parts.linear(channels, num_classes)

    def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
        first = block(channels, width, stride)
        return nn.Sequential(first, *(block(width * block.expansion, width, 1) for _ in range(number - 1)))

    def stem(self, x: Tensor) -> Tensor:
        return self.maxpool(self.parts.relu["stem"](self.bn1(self.conv1(x))))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.stages(self.stem(x))).flatten(1))


def with_parts(made_of: parts.Parts) -> type[Base]:
    """The right net made of other parts."""

    class Net(Base):
        parts = made_of

    return Net


SHARED = [
    *parts.programs(
        with_parts,
        places=("stem",),
        first={"large_eps": "details", "leaky_stem": "one colour"},
        without=("a_little_leaky_stem", "relu6_stem"),
    ),
    parts.named(
        "leaky_by_a_thousandth",
        partial(with_parts, USUAL.after("stem", partial(F.leaky_relu, negative_slope=1e-3))),
        "wrong",
        "details",
        "The stem's ReLU lets a thousandth of what is negative through, as a leaky ReLU does.",
    ),
]


@wrong("builds", "The shortcut is handed to the block as a fourth argument: here the block makes its own.")
def shortcut_handed_over() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            out = width * block.expansion
            shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            rest = [block(out, width, 1, None) for _ in range(number - 1)]
            return nn.Sequential(block(channels, width, stride, shortcut), *rest)

    return Net


@wrong("shape", "The expansion is taken for 4: it is an attribute of the block, and 4 only for the bottleneck.")
def expansion_always_4() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.stages = nn.Sequential()
            channels = 64
            for width, number, stride in zip(WIDTHS, layers, self.strides, strict=True):
                rest = [block(4 * width, width) for _ in range(number - 1)]
                self.stages.append(nn.Sequential(block(channels, width, stride), *rest))
                channels = 4 * width
            self.fc = nn.Linear(channels, num_classes)

    return Net


@wrong("shape", "The expansion is forgotten: the next block gets the width, not the width times the expansion.")
def expansion_forgotten() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.stages = nn.Sequential()
            channels = 64
            for width, number, stride in zip(WIDTHS, layers, self.strides, strict=True):
                rest = [block(width, width) for _ in range(number - 1)]
                self.stages.append(nn.Sequential(block(channels, width, stride), *rest))
                channels = width
            self.fc = nn.Linear(channels, num_classes)

    return Net


@wrong("shape", "The later blocks of a stage are made for the stage's input: they get the first block's output.")
def channels_not_updated() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            return nn.Sequential(*(block(channels, width, 1 if i else stride) for i in range(number)))

    return Net


@wrong("shape", "The block is asked for its output's width; its second argument is the width before the expansion.")
def expanded_twice() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            out = width * block.expansion
            return nn.Sequential(block(channels, out, stride), *(block(out, out) for _ in range(number - 1)))

    return Net


@wrong("shape", "The linear layer takes 512 channels, whatever the block's expansion is.")
def linear_takes_512() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.fc = nn.Linear(512, num_classes)

    return Net


@wrong("shape", "The global average is missing: the map is flattened as it is.")
def no_average() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.stages(self.stem(x)).flatten(1))

    return Net


@wrong("shape", "The average is taken over 7x7 pixels, which fits images of 224x224 only.")
def average_over_7x7() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.avgpool = nn.AvgPool2d(7)

    return Net


@wrong("shape", "The batch's axis is dropped, too, when the batch is a single image, often by `squeeze()`.")
def squeezed() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.avgpool(self.stages(self.stem(x))).squeeze())

    return Net


@wrong("shape", "The linear layer has 1000 outputs, whatever num_classes says.")
def always_1000_classes() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers)

    return Net


@wrong("parameter count", "The block that was given is ignored: the net is always built of the same own block.")
def block_ignored() -> type[nn.Module]:
    class Own(nn.Module):
        expansion = 1

        def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.bn1(self.conv1(x)))

    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(Own, layers, num_classes)

    return Net


@wrong("parameter count", "The stem's convolution is 3x3, as for small images; here it is 7x7.")
def stem_3x3() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)

    return Net


@wrong("parameter count", "The stem's convolution has a bias, which the BN behind it makes useless.")
def stem_with_bias() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)

    return Net


@wrong("parameter count", "The stem has no BN.")
def stem_without_bn() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.bn1 = nn.Identity()

    return Net


@wrong("parameter count", "The linear layer has no bias: only the convolutions go without.")
def linear_without_bias() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.fc = nn.Linear(512 * block.expansion, num_classes, bias=False)

    return Net


@wrong("parameter count", "Each stage has one block too many: the first one counts, too.")
def one_block_too_many() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            return super().stage(block, channels, width, number + 1, stride)

    return Net


@wrong("parameter count", "The numbers in `layers` are not used: each stage has two blocks.")
def layers_ignored() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, [2] * len(layers), num_classes)

    return Net


@wrong(
    "parameter count", "The net doesn't know the parameters of its blocks, often because they are kept in a plain list."
)
def blocks_in_a_list() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.kept = list(self.stages)
            self.stages = nn.Sequential()

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for stage in self.kept:
                x = stage(x)
            return self.fc(self.avgpool(x).flatten(1))

    return Net


@wrong("builds", "num_classes has no default: ResNet(block, layers) must work, with 1000 classes.")
def classes_without_default() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int) -> None:
            super().__init__(block, layers, num_classes)

    return Net


@wrong("shape", "The default is 10 classes; ImageNet has 1000.")
def ten_classes_by_default() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 10) -> None:
            super().__init__(block, layers, num_classes)

    return Net


@wrong("parameter count", "A stage never has more than two blocks.")
def two_blocks_at_most() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            return super().stage(block, channels, width, min(number, 2), stride)

    return Net


@wrong("full size", "A stage never has more than three blocks.")
def three_blocks_at_most() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            return super().stage(block, channels, width, min(number, 3), stride)

    return Net


@wrong("parameter count", "Stages of more than one block have one block too few.")
def one_block_too_few() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            return super().stage(block, channels, width, max(1, number - 1), stride)

    return Net


@wrong("output in training", "A ReLU follows the linear layer; the scores go out as they are.")
def last_relu() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    return Net


@wrong(
    "output in training", "The average is taken over a square as wide as the map, which is right for square maps only."
)
def square_window() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stages(self.stem(x))
            return self.fc(F.avg_pool2d(x, x.shape[3]).flatten(1))

    return Net


@wrong(
    "parameter count",
    "A stage's later blocks share their weights, often because `[block] * n` repeats one and the same block.",
)
def one_block_repeated() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            rest = [block(width * block.expansion, width)] * (number - 1)
            return nn.Sequential(block(channels, width, stride), *rest)

    return Net


@wrong("output in training", "The max-pool is missing.")
def no_max_pool() -> type[nn.Module]:
    class Net(Base):
        def stem(self, x: Tensor) -> Tensor:
            return F.relu(self.bn1(self.conv1(x)))

    return Net


@wrong("output in training", "The max-pool has no padding, so it loses the map's border.")
def max_pool_without_padding() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.maxpool = nn.MaxPool2d(3, 2)

    return Net


@wrong("output in training", "The max-pool is 2x2: it must be 3x3 with stride 2.")
def max_pool_2x2() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.maxpool = nn.MaxPool2d(2, ceil_mode=True)

    return Net


@wrong("output in training", "The stem's convolution has stride 1: it must halve the map.")
def stem_without_stride() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.conv1.stride = (1, 1)

    return Net


@wrong("one colour", "The stem has no ReLU.")
def stem_without_relu() -> type[nn.Module]:
    class Net(Base):
        def stem(self, x: Tensor) -> Tensor:
            return self.maxpool(self.bn1(self.conv1(x)))

    return Net


@wrong("output in training", "The first stage has stride 2, too: the max-pool has halved the map for it already.")
def stride_in_all_stages() -> type[nn.Module]:
    class Net(Base):
        strides = (2, 2, 2, 2)

    return Net


@wrong("output in training", "Stages 1 to 3 have the stride: it belongs to stages 2 to 4.")
def stride_one_stage_early() -> type[nn.Module]:
    class Net(Base):
        strides = (2, 2, 2, 1)

    return Net


@wrong("output in training", "No stage halves the map.")
def no_strides() -> type[nn.Module]:
    class Net(Base):
        strides = (1, 1, 1, 1)

    return Net


@wrong("output in training", "Every block of a stage has the stride: only the first one halves the map.")
def stride_in_every_block() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            rest = [block(width * block.expansion, width, stride) for _ in range(number - 1)]
            return nn.Sequential(block(channels, width, stride), *rest)

    return Net


@wrong("output in training", "A stage's last block has the stride: it belongs to the first one.")
def stride_in_last_block() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            strides = [1] * (number - 1) + [stride]
            inputs = [channels] + [width * block.expansion] * (number - 1)
            return nn.Sequential(*(block(*both) for both in zip(inputs, [width] * number, strides, strict=True)))

    return Net


@wrong("output in training", "The net adds a ReLU behind each stage: what follows an addition is the block's affair.")
def relu_behind_stages() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            return nn.Sequential(super().stage(block, channels, width, number, stride), nn.ReLU())

    return Net


@wrong("output in training", "The map's maximum is taken at the end, not its average.")
def maximum_at_the_end() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.avgpool = nn.AdaptiveMaxPool2d(1)

    return Net


@wrong("output in training", "The net ends in a softmax: the loss function takes the scores as they are.")
def softmax() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).softmax(1)

    return Net


@wrong("output in evaluation", "The stem's BN normalises by the batch in evaluation mode, too.")
def stem_without_running_statistics() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.bn1 = nn.BatchNorm2d(64, track_running_stats=False)

    return Net


@wrong("gradients", "The stem is computed under no_grad, so it learns nothing.")
def stem_without_gradient() -> type[nn.Module]:
    class Net(Base):
        @torch.no_grad()
        def stem(self, x: Tensor) -> Tensor:
            return super().stem(x)

    return Net


@wrong(
    "builds",
    "The block is called with an argument's name that not every block has; give in_channels and channels by position.",
)
def block_called_with_names() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            inner = width * block.expansion
            first = block(in_channels=channels, channels=width, stride=stride)
            return nn.Sequential(first, *(block(in_channels=inner, channels=width) for _ in range(number - 1)))

    return Net


@wrong(
    "builds",
    "The block is called with an argument's name that not every block has; give in_channels and channels by position.",
)
def block_called_with_out_channels() -> type[nn.Module]:
    class Net(Base):
        def stage(self, block: Block, channels: int, width: int, number: int, stride: int) -> nn.Module:
            inner = width * block.expansion
            first = block(in_channels=channels, out_channels=width, stride=stride)
            return nn.Sequential(first, *(block(in_channels=inner, out_channels=width) for _ in range(number - 1)))

    return Net


@wrong("shape", "forward returns None, often because its `return` is missing.")
def nothing_returned() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().forward(x)

    return Net


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def other_momentum() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.01

    return Net


@right
def torchvision_style() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__()
            self.inplanes = 64
            self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
            self.layer1 = self._make_layer(block, 64, layers[0])
            self.layer2 = self._make_layer(block, 128, layers[1], stride=2)
            self.layer3 = self._make_layer(block, 256, layers[2], stride=2)
            self.layer4 = self._make_layer(block, 512, layers[3], stride=2)
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(512 * block.expansion, num_classes)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                elif isinstance(module, nn.BatchNorm2d):
                    nn.init.constant_(module.weight, 1)
                    nn.init.constant_(module.bias, 0)

        def _make_layer(self, block: Block, planes: int, blocks: int, stride: int = 1) -> nn.Sequential:
            layers = [block(self.inplanes, planes, stride)]
            self.inplanes = planes * block.expansion
            for _ in range(1, blocks):
                layers.append(block(self.inplanes, planes, stride=1))
            return nn.Sequential(*layers)

        def forward(self, x: Tensor) -> Tensor:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(torch.flatten(self.avgpool(x), 1))

    return Net


@right
def function_of_one_sequential():  # noqa: ANN201
    def make(block: Block, numbers: list[int], classes: int = 1000) -> nn.Module:
        numbers = [*numbers]
        parts: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True)]
        parts += [nn.MaxPool2d(3, 2, 1)]
        have, want = 64, 64
        while numbers:
            for i in range(numbers.pop(0)):
                parts.append(block(have, want, 2 if i == 0 and want > 64 else 1))
                have = want * block.expansion
            want *= 2
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(have, classes))

    return make


@right
def list_of_blocks_and_lazy_linear() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, block: Block, layers: list[int], num_classes: int = 1000) -> None:
            super().__init__()
            self.blocks = nn.ModuleList()
            inputs = [64] + [block.expansion * 64 * 2**i for i in range(4) for _ in range(layers[i])]
            widths = [64 * 2**i for i in range(4) for _ in range(layers[i])]
            for k, (before, width) in enumerate(zip(inputs, widths, strict=False)):
                halves = k > 0 and widths[k - 1] != width
                self.blocks.append(block(before, width, stride=1 + halves))
            self.head = nn.LazyLinear(num_classes)
            self.stem = nn.Sequential(nn.LazyConv2d(64, 7, 2, 3, bias=False), nn.LazyBatchNorm2d())

        def forward(self, x: Tensor) -> Tensor:
            x = F.max_pool2d(F.pad(self.stem(x).relu(), (1, 1, 1, 1)), 3, 2)
            for block in self.blocks:
                x = block(x)
            return self.head(x.mean((2, 3)))

    return Net


@right
def relu_behind_the_pool_and_1x1_head() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__(block, layers, num_classes)
            self.fc = nn.Conv2d(512 * block.expansion, num_classes, 1)

        def stem(self, x: Tensor) -> Tensor:
            return F.relu(self.maxpool(self.bn1(self.conv1(x.contiguous(memory_format=torch.channels_last)))))

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.stages(self.stem(x))).mean((-1, -2))

    return Net


@right
def width_of_the_head_by_a_trial() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, block: Block, layers: Sequence[int], num_classes: int = 1000) -> None:
            super().__init__()
            self.features = nn.Sequential(self.stem(), self.stages(block, 64, [64, 128, 256, 512], list(layers)))
            self.features.eval()
            with torch.no_grad():
                found = self.features(torch.zeros(1, 3, 32, 32)).shape[1]
            self.score = nn.Parameter(torch.zeros(num_classes, found))
            self.offset = nn.Parameter(torch.zeros(num_classes))
            for parameter in self.parameters():
                nn.init.normal_(parameter, std=0.02)

        def stem(self) -> nn.Module:
            conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))

        def stages(self, block: Block, have: int, widths: list[int], numbers: list[int]) -> nn.Sequential:
            if not widths:
                return nn.Sequential()
            first = block(have, widths[0], 1 if widths[0] == 64 else 2)
            out = widths[0] * block.expansion
            rest = (block(out, widths[0], 1) for _ in range(numbers[0] - 1))
            return nn.Sequential(first, *rest, *self.stages(block, out, widths[1:], numbers[1:]))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(F.adaptive_avg_pool2d(self.features(x), 1)[:, :, 0, 0], self.score, self.offset)

    return Net
