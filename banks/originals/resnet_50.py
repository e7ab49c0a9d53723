"""Original for ``resnet-50``."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class ResNet(nn.Module):
    def __init__(self, block: Any, layers: Sequence[int], num_classes: int = 1000) -> None:
        super().__init__()
        self.in_channels = 64
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self.make_stage(block, 64, layers[0])
        self.layer2 = self.make_stage(block, 128, layers[1], stride=2)
        self.layer3 = self.make_stage(block, 256, layers[2], stride=2)
        self.layer4 = self.make_stage(block, 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.expansion, num_classes)

    def make_stage(self, block: Any, channels: int, blocks: int, stride: int = 1) -> nn.Sequential:
        first = block(self.in_channels, channels, stride)
        self.in_channels = channels * block.expansion
        rest = [block(self.in_channels, channels) for _ in range(blocks - 1)]
        return nn.Sequential(first, *rest)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        return self.fc(self.avgpool(x).flatten(1))
