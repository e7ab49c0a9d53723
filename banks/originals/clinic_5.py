"""Original for ``clinic-5``."""

from collections.abc import Callable

from torch import nn


def build_net(block: Callable[..., nn.Module], blocks: int, num_classes: int = 10) -> nn.Module:
    layers = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    in_channels = 16
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        layers.append(block(in_channels, channels, stride))
        layers += [block(channels, channels) for _ in range(blocks - 1)]
        in_channels = channels
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes)
    return nn.Sequential(*layers, *head)
