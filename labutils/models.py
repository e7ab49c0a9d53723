"""Residual networks and their plain twins, with torchvision's attribute names.

The classes are the ones that the chapters build line by line. Attribute names follow torchvision
(``conv1 bn1 conv2 bn2 downsample``, ``layer1`` ... ``fc``), so that the keys of a ``state_dict`` match.

``cifar_resnet(depth)`` with 10 classes and 3 input channels has 269,722 parameters at 20 layers, 853,018 at 56
and 1,727,962 at 110 (He et al. 2016, Table 6: 0.27M, 0.85M, 1.7M), with shortcut A as without any.
With 1000 classes ``resnet18`` has 11,689,512 parameters, ``resnet34`` 21,797,672, ``resnet50`` 25,557,032,
``resnet101`` 44,549,160, ``resnet152`` 60,192,808, ``resnext50_32x4d`` 25,028,904, ``resnext101_32x8d`` 88,791,336 and
``resnext101_64x4d`` 83,455,272, as in torchvision.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

Shortcut = Literal["A", "B", "C"]


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution without bias, since a BN follows.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """1x1 convolution without bias.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class PadShortcut(nn.Module):
    """Option A: keep every ``stride``-th pixel and append channels of zeros. It has no parameters.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    Raises ValueError where out_channels < in_channels.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ValueError(f"PadShortcut only adds channels: it can't go from {in_channels} to {out_channels}.")
        self.extra = out_channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.extra))


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """A strided 1x1 convolution and BN: the shortcut with parameters.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    return nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


def make_shortcut(option: Shortcut, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The shortcut that He et al. 2016 call option A, B or C.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    Raises ValueError for any other option, and where option A would have to drop channels.
    """
    if option not in get_args(Shortcut):
        raise ValueError(f"shortcut must be 'A', 'B', 'C', or None for the plain twin, not {option!r}.")
    shape_changes = stride != 1 or in_channels != out_channels
    if option == "C" or (option == "B" and shape_changes):
        return projection(in_channels, out_channels, stride)
    if option == "A" and shape_changes:
        return PadShortcut(in_channels, out_channels, stride)
    return nn.Identity()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them, or the plain stack where ``shortcut`` is None.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    Raises ValueError for an unknown shortcut.
    """

    expansion = 1

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, shortcut: Shortcut | None = "B") -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = None if shortcut is None else make_shortcut(shortcut, in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            out += self.downsample(x)
        return self.relu(out)


def grouped3x3(channels: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """3x3 convolution in ``groups`` groups, without bias.

    (N, channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)).
    Raises ValueError where the groups don't divide the channels.
    """
    if channels % groups:
        raise ValueError(f"{groups} groups don't divide {channels} channels.")
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=groups, bias=False)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution and a shortcut around them, the stride on the 3x3 ("v1.5").

    (N, in_channels, H, W) -> (N, 4 * channels, ceil(H / stride), ceil(W / stride)). The 3x3 has ``groups`` groups of
    ``channels * group_width / 64`` channels each (Xie et al. 2017); by default one group of ``channels``.
    Raises ValueError where that is not a whole number.
    """

    expansion = 4

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, groups: int = 1, group_width: int = 64
    ) -> None:
        super().__init__()
        if channels * group_width % 64:
            raise ValueError(
                f"{channels} channels at group width {group_width} give no whole number of channels a group."
            )
        width = channels * group_width // 64 * groups
        out_channels = channels * self.expansion
        self.conv1 = conv1x1(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = grouped3x3(width, stride, groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = make_shortcut("B", in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += self.downsample(x)
        return self.relu(out)


Block = type[BasicBlock] | type[Bottleneck]


def make_stage(
    block: Block, in_channels: int, channels: int, blocks: int, stride: int, **options: Any
) -> nn.Sequential:
    """``blocks`` blocks in a row. The first one changes the shape.

    (N, in_channels, H, W) -> (N, channels * block.expansion, ceil(H / stride), ceil(W / stride)). ``options`` go to
    every block; raises what the block raises for them.
    """
    first = block(in_channels, channels, stride, **options)
    out_channels = channels * block.expansion
    rest = (block(out_channels, channels, **options) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


def he_init(model: nn.Module) -> None:
    """Draw every convolution's weights from He's normal distribution, with variance 2 / (fan out), in place."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def zero_init(model: nn.Module) -> None:
    """Set the scale of the last BN of every block's branch to zero, in place (Goyal et al. 2017)."""
    for module in model.modules():
        if isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)
        elif isinstance(module, BasicBlock):
            nn.init.zeros_(module.bn2.weight)


class ResNet(nn.Module):
    """The ImageNet net of He et al. 2016, Table 1. (N, 3, H, W) -> (N, num_classes).

    ``groups`` and ``group_width`` make it the ResNeXt of Xie et al. 2017: the cardinality, and the channels of a group
    in the first stage. Raises ValueError for a block without groups, and in ``forward`` for images below 32x32.
    """

    def __init__(
        self, block: Block, layers: Sequence[int], num_classes: int = 1000, groups: int = 1, group_width: int = 64
    ) -> None:
        super().__init__()
        options = {}
        if (groups, group_width) != (1, 64):
            options = {"groups": groups, "group_width": group_width}
            if not issubclass(block, Bottleneck):
                raise ValueError(
                    f"{block.__name__} has no groups: {groups} groups of width {group_width} need Bottleneck."
                )
        widths = [channels * block.expansion for channels in (64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = make_stage(block, 64, 64, layers[0], 1, **options)
        self.layer2 = make_stage(block, widths[0], 128, layers[1], 2, **options)
        self.layer3 = make_stage(block, widths[1], 256, layers[2], 2, **options)
        self.layer4 = make_stage(block, widths[2], 512, layers[3], 2, **options)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[3], num_classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < 32:
            raise ValueError(
                f"an image of {x.shape[-2]}x{x.shape[-1]} pixels is smaller than this network's total stride of 32."
            )
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(num_classes: int = 1000) -> ResNet:
    """ResNet-18 with option B shortcuts: 11,689,512 parameters for 1000 classes."""
    return ResNet(BasicBlock, [2, 2, 2, 2], num_classes)


def resnet34(num_classes: int = 1000) -> ResNet:
    """ResNet-34 with option B shortcuts: 21,797,672 parameters for 1000 classes."""
    return ResNet(BasicBlock, [3, 4, 6, 3], num_classes)


def resnet50(num_classes: int = 1000) -> ResNet:
    """ResNet-50 v1.5: 25,557,032 parameters for 1000 classes."""
    return ResNet(Bottleneck, [3, 4, 6, 3], num_classes)


def resnet101(num_classes: int = 1000) -> ResNet:
    """ResNet-101 v1.5: 44,549,160 parameters for 1000 classes."""
    return ResNet(Bottleneck, [3, 4, 23, 3], num_classes)


def resnet152(num_classes: int = 1000) -> ResNet:
    """ResNet-152 v1.5: 60,192,808 parameters for 1000 classes."""
    return ResNet(Bottleneck, [3, 8, 36, 3], num_classes)


def resnext50_32x4d(num_classes: int = 1000) -> ResNet:
    """ResNeXt-50 of Xie et al. 2017: 25,028,904 parameters for 1000 classes."""
    return ResNet(Bottleneck, [3, 4, 6, 3], num_classes, groups=32, group_width=4)


def resnext101_32x8d(num_classes: int = 1000) -> ResNet:
    """torchvision's ResNeXt-101, twice the paper's group width: 88,791,336 parameters for 1000 classes."""
    return ResNet(Bottleneck, [3, 4, 23, 3], num_classes, groups=32, group_width=8)


def resnext101_64x4d(num_classes: int = 1000) -> ResNet:
    """ResNeXt-101 64x4d of Xie et al. 2017, Table 4: 83,455,272 parameters for 1000 classes."""
    return ResNet(Bottleneck, [3, 4, 23, 3], num_classes, groups=64, group_width=4)


class CifarResNet(nn.Module):
    """The net for small images of He et al. 2016, section 4.2: three stages of ``blocks`` blocks, 16, 32 and 64 wide.

    (N, in_channels, H, W) -> (N, num_classes).
    """

    def __init__(self, blocks: int, shortcut: Shortcut | None, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = make_stage(BasicBlock, 16, 16, blocks, 1, shortcut=shortcut)
        self.layer2 = make_stage(BasicBlock, 16, 32, blocks, 2, shortcut=shortcut)
        self.layer3 = make_stage(BasicBlock, 32, 64, blocks, 2, shortcut=shortcut)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def cifar_resnet(
    depth: int, shortcut: Shortcut | None = "A", num_classes: int = 10, in_channels: int = 3
) -> CifarResNet:
    """The (6n+2)-layer net for small images, or its plain twin where ``shortcut`` is None.

    (N, in_channels, H, W) -> (N, num_classes).
    Raises ValueError for a depth that is not 6n+2 with n >= 1, and for an unknown shortcut.
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        below = 6 * max(blocks, 1) + 2
        raise ValueError(
            f"depth must be 6n+2 with n >= 1 (8, 14, 20, ...), so not {depth}; try {below} or {below + 6}."
        )
    return CifarResNet(blocks, shortcut, num_classes, in_channels)
