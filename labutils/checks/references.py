"""References: right answers where the book's models have no such class or function."""

import copy
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labutils.models import BasicBlock, Shortcut, conv1x1, conv3x3, grouped3x3, make_shortcut, make_stage


def train_one_epoch(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
) -> float:
    """One step a batch of images (N, C, H, W) and labels (N,). The mean loss of all samples, each before its step.

    Raises ZeroDivisionError where there is no batch.
    """
    model.train()
    loss_sum, count = 0.0, 0
    for images, labels in batches:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(images)
        count += len(images)
    return loss_sum / count


@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The share, from 0 to 1, of images (N, C, H, W) whose largest output is that of their label (N,).

    Raises ZeroDivisionError where there is no batch.
    """
    model.eval()
    correct, count = 0, 0
    for images, labels in batches:
        correct += int((model(images).argmax(1) == labels).sum())
        count += len(labels)
    return correct / count


def count_parameters(model: nn.Module) -> int:
    """All parameters, a shared one once."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def count_macs(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of the convolutions and linear layers for one image of shape (C, H, W)."""
    total = 0

    def note(layer: nn.Conv2d | nn.Linear, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(note)
    model(torch.zeros(1, *input_shape))
    return total


def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The weights (w1, w2, w3) of each path of a block whose 3x3 is grouped, in the groups' order.

    (C x d, in, 1, 1), (C x d, d, 3, 3), (out, C x d, 1, 1) -> C triples of (d, in, 1, 1), (d, d, 3, 3), (out, d, 1, 1).
    """
    return list(zip(w1.chunk(cardinality), w2.chunk(cardinality), w3.chunk(cardinality, 1), strict=True))


class PreActBlock(nn.Module):
    """The block of He et al. 2016b: BN and ReLU come first, and nothing follows the addition.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.project = None
        if stride != 1 or in_channels != out_channels:
            self.project = conv1x1(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return y + (x if self.project is None else self.project(a))


class SmallResNet(nn.Module):
    """The (6n+2)-layer net for small images with option B, its stages ``width``, 2 and 4 times ``width`` wide.

    (N, in_channels, H, W) -> (N, num_classes). Raises ValueError for a depth that is not 6n+2 with n >= 1.
    """

    shortcut: Shortcut | None = "B"

    def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"depth must be 6n+2, such as 8, 14 or 20, not {depth}.")
        self.conv1 = conv3x3(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = make_stage(BasicBlock, width, width, blocks, 1, shortcut=self.shortcut)
        self.layer2 = make_stage(BasicBlock, width, 2 * width, blocks, 2, shortcut=self.shortcut)
        self.layer3 = make_stage(BasicBlock, 2 * width, 4 * width, blocks, 2, shortcut=self.shortcut)
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


class PlainNet(SmallResNet):
    """The plain twin: neither additions nor projections, all else equal."""

    shortcut = None


class PreBlock(nn.Module):
    """A pre-activation block with ReLU alone in front of each convolution. (N, channels, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(F.relu(x)))
        return x + self.bn2(self.conv2(F.relu(out)))


class GroupedBlock(nn.Module):
    """A bottleneck block of ``width`` channels inside, its 3x3 in ``groups`` groups. (N, channels, H, W) -> the same.

    Raises ValueError where the groups don't divide the width.
    """

    def __init__(self, channels: int, width: int, groups: int) -> None:
        super().__init__()
        self.conv1 = conv1x1(channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = grouped3x3(width, groups=groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, channels)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + x)


class ResNeXtBlock(nn.Module):
    """A bottleneck whose 3x3 has ``cardinality`` groups of ``group_width`` channels (Xie et al. 2017).

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self, in_channels: int, out_channels: int, cardinality: int, group_width: int, stride: int = 1
    ) -> None:
        super().__init__()
        inner = cardinality * group_width
        self.conv1 = conv1x1(in_channels, inner)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = grouped3x3(inner, stride, cardinality)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = conv1x1(inner, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = make_shortcut("B", in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


def build_net(block: Callable[..., nn.Module], blocks: int, num_classes: int = 10) -> nn.Module:
    """A net of three stages made of ``block(in_channels, out_channels, stride)``. (N, 3, H, W) -> (N, num_classes)."""
    layers: list[nn.Module] = [conv3x3(3, 16), nn.BatchNorm2d(16), nn.ReLU()]
    in_channels = 16
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        layers.append(block(in_channels, channels, stride))
        layers += [block(channels, channels) for _ in range(blocks - 1)]
        in_channels = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))
