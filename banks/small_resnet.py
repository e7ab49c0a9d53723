"""Programs for ``small-resnet``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from banks import parts, residual_nets, right, small_nets, wrong
from banks.residual_nets import Block
from banks.residual_nets import Net as Base

SHARED = [
    *small_nets.programs(Base, {}),
    *residual_nets.programs(Base, {}),
    *parts.programs(
        lambda made_of: small_nets.with_parts(Base, made_of),
        first={"relu6_last": "output in training"},
        without=("relu6_stem",),
    ),
]


@wrong("builds", "Depths of 6n are asked for; it is 6n+2, since the stem and the linear layer count, too.")
def depth_without_2() -> type[nn.Module]:
    class Net(Base):
        def count(self, depth: int) -> int:
            if depth % 6 or depth < 6:
                raise ValueError("depth must be 6n")
            return depth // 6

    return Net


@wrong("shape", "num_classes and in_channels are swapped: num_classes comes first.")
def arguments_swapped() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, depth: int, in_channels: int = 1, num_classes: int = 10, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)

    return Net


@wrong("shape", "num_classes is ignored: there are always 10 outputs.")
def always_10_classes() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, 10, in_channels, width)

    return Net


@wrong("shape", "The pooling window is fixed to 8x8, so it fits 32x32 images only; average over the whole map.")
def window_of_8() -> type[nn.Module]:
    class Net(Base):
        def pool(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, 8).flatten(1)

    return Net


@wrong("parameter count", "The width is ignored: the stages are always 16, 32 and 64 wide.")
def width_ignored() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels)

    return Net


@wrong("builds", "The block's stride has no default: either give it one, or pass a stride to every block.")
def block_stride_without_default() -> type[nn.Module]:
    class Own(Block):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)

    class Net(Base):
        block = Own

    return Net


@wrong("builds", "A layer is assigned before super().__init__() is called, so the module can't take it.")
def super_forgotten() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            self.conv = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
            super().__init__()

    return Net


@right
def torchvision_style() -> type[nn.Module]:
    class BasicBlock(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int, downsample: nn.Module | None) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.downsample = downsample

        def forward(self, x: Tensor) -> Tensor:
            identity = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += identity
            return self.relu(out)

    class Net(nn.Module):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__()
            n = (depth - 2) // 6
            if n < 1 or depth != 6 * n + 2:
                raise ValueError(depth)
            self.inplanes = width
            self.conv1 = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.relu = nn.ReLU(inplace=True)
            self.layer1 = self._make_layer(width, n)
            self.layer2 = self._make_layer(2 * width, n, 2)
            self.layer3 = self._make_layer(4 * width, n, 2)
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(4 * width, num_classes)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

        def _make_layer(self, planes: int, blocks: int, stride: int = 1) -> nn.Sequential:
            downsample = None
            if stride != 1 or self.inplanes != planes:
                conv = nn.Conv2d(self.inplanes, planes, 1, stride, bias=False)
                downsample = nn.Sequential(conv, nn.BatchNorm2d(planes))
            layers = [BasicBlock(self.inplanes, planes, stride, downsample)]
            self.inplanes = planes
            layers += [BasicBlock(planes, planes, 1, None) for _ in range(1, blocks)]
            return nn.Sequential(*layers)

        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.bn1(self.conv1(x)))
            x = self.layer1(x)
            x = self.layer2(x)
            x = self.layer3(x)
            return self.fc(torch.flatten(self.avgpool(x), 1))

    return Net


@right
def one_flat_class() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, depth: int, classes: int = 10, colours: int = 1, w: int = 16) -> None:
            super().__init__()
            if depth % 6 != 2 or depth <= 2:
                raise ValueError("6n + 2, please")
            self.steps: list[tuple[int, bool]] = []
            self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
            self.projections, self.projection_norms = nn.ModuleDict(), nn.ModuleDict()
            self.add(colours, w)
            before = w
            for place in range(depth // 6 * 3):
                stage = place // (depth // 6)
                after = w << stage
                stride = 1 + (before != after)
                self.steps.append((stride, before != after))
                if before != after:
                    self.projections[str(place)] = nn.Conv2d(before, after, 1, stride, bias=False)
                    self.projection_norms[str(place)] = nn.BatchNorm2d(after)
                self.add(before, after, stride)
                self.add(after, after)
                before = after
            self.head = nn.Linear(before, classes)

        def add(self, before: int, after: int, stride: int = 1) -> None:
            self.convs.append(nn.Conv2d(before, after, 3, stride, 1, bias=False))
            self.norms.append(nn.BatchNorm2d(after))

        def layer(self, number: int, x: Tensor) -> Tensor:
            return self.norms[number](self.convs[number](x))

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.layer(0, x))
            for place, (_, changes) in enumerate(self.steps):
                y = self.layer(2 * place + 2, F.relu(self.layer(2 * place + 1, x)))
                if changes:
                    x = self.projection_norms[str(place)](self.projections[str(place)](x))
                x = F.relu(x + y, inplace=True)
            return self.head(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1))

    return Net


@right
def factory_of_lazy_layers():  # noqa: ANN201
    class Sum(nn.Module):
        def __init__(self, *parts: nn.Module) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([part(x) for part in self.parts]).sum(0)

    def conv_bn(channels: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
        return [nn.LazyConv2d(channels, size, stride, size // 2, bias=False), nn.LazyBatchNorm2d()]

    def block(channels: int, changes: bool) -> list[nn.Module]:
        body = nn.Sequential(*conv_bn(channels, 3, 1 + changes), nn.ReLU(), *conv_bn(channels))
        skip = nn.Sequential(*conv_bn(channels, 1, 2)) if changes else nn.Identity()
        return [Sum(body, skip), nn.ReLU()]

    def make(depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> nn.Module:
        n, rest = divmod(depth - 2, 6)
        if rest or n <= 0:
            raise ValueError(f"{depth} is not 6n + 2")
        net = nn.Sequential(*conv_bn(width), nn.ReLU())
        for stage in range(3):
            for number in range(n):
                net.extend(block(width * 2**stage, stage > 0 and number == 0))
        return net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(num_classes)])

    return make


@right
def convolution_as_classifier() -> type[nn.Module]:
    class Net(Base):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)
            self.fc = nn.Conv2d(4 * width, num_classes, 1)  # pyright: ignore

        def forward(self, x: Tensor) -> Tensor:
            x = x.contiguous(memory_format=torch.channels_last)
            return self.fc(self.stages(self.stem(x))).flatten(2).mean(2)

    return Net


@right
def pixels_dropped_after_the_convolution() -> type[nn.Module]:
    class Own(Block):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.stride = stride
            self.conv1.stride = (1, 1)
            if isinstance(self.shortcut, nn.Sequential):
                self.shortcut[0].stride = (1, 1)  # pyright: ignore

        def forward(self, x: Tensor) -> Tensor:
            first = self.conv1(x)[..., :: self.stride, :: self.stride]
            out = self.bn2(self.conv2(F.relu(self.bn1(first))))
            return F.relu(out + self.shortcut(x[..., :: self.stride, :: self.stride]))

    class Net(Base):
        block = Own

    return Net


@right
def checkpointed_stages() -> type[nn.Module]:
    class Net(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for stage in self.stages:
                x = checkpoint(stage, x, use_reentrant=False, preserve_rng_state=False)
                assert isinstance(x, Tensor)
            return self.fc(self.pool(x))

    return Net
