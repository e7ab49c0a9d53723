"""What networks cost, against the counts of the papers and of torchvision."""

import pytest
import torch
from torch import Tensor, nn

from labutils import measure, models

IMAGE = (3, 224, 224)
COUNTS = {
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "resnet152": (60_192_808, 11_513_626_624),
    "resnext50_32x4d": (25_028_904, 4_230_479_872),
    "resnext101_32x8d": (88_791_336, 16_414_015_488),
    "resnext101_64x4d": (83_455_272, 15_460_270_080),
}


def build(name: str) -> models.ResNet:
    """The net with shapes and no values."""
    with torch.device("meta"):
        return getattr(models, name)()


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_macs_of_the_imagenet_nets(name: str) -> None:
    net = build(name)
    assert (measure.parameters(net), measure.macs(net, IMAGE)) == COUNTS[name]


V1_MACS = {"resnet50": 3_857_973_248, "resnet101": 7_570_194_432, "resnet152": 11_282_415_616}


@pytest.mark.parametrize("name", V1_MACS)
def test_macs_with_the_papers_stride(name: str) -> None:
    net = build(name)
    for block in (net.layer2[0], net.layer3[0], net.layer4[0]):
        assert isinstance(block, models.Bottleneck)
        block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
    assert measure.macs(net, IMAGE) == V1_MACS[name]


OPTION_A = {"resnet18": (11_515_688, 1_794_805_760), "resnet34": (21_623_848, 3_644_493_824)}


@pytest.mark.parametrize("name", OPTION_A)
def test_parameters_and_macs_with_option_a(name: str) -> None:
    net = build(name)
    for stage, channels in ((net.layer2, 64), (net.layer3, 128), (net.layer4, 256)):
        first = stage[0]
        assert isinstance(first, models.BasicBlock)
        first.downsample = models.PadShortcut(channels, 2 * channels, 2)
    assert (measure.parameters(net), measure.macs(net, IMAGE)) == OPTION_A[name]


CIFAR_MACS = {20: 40_551_040, 32: 68_862_592, 44: 97_174_144, 56: 125_485_696, 110: 252_887_680}


@pytest.mark.parametrize("depth", CIFAR_MACS)
def test_macs_of_the_cifar_nets(depth: int) -> None:
    extra_macs: dict[models.Shortcut | None, int] = {None: 0, "A": 0, "B": 262_144}
    for shortcut, extra in extra_macs.items():
        net = models.cifar_resnet(depth, shortcut)
        assert measure.macs(net, (3, 32, 32)) == CIFAR_MACS[depth] + extra


TABLE_2 = {
    (1, 64): (69_632, 25_557_032, 4.089),
    (2, 40): (69_760, 25_425_000, 4.125),
    (4, 24): (69_888, 25_292_968, 4.160),
    (8, 14): (71_456, 25_603_016, 4.267),
    (32, 4): (70_144, 25_028_904, 4.230),
}


@pytest.mark.parametrize(("groups", "width"), TABLE_2)
def test_cardinality_against_width(groups: int, width: int) -> None:
    block_weights, parameters, gmacs = TABLE_2[groups, width]
    with torch.device("meta"):
        net = models.ResNet(models.Bottleneck, [3, 4, 6, 3], groups=groups, group_width=width)
        block = models.Bottleneck(256, 64, groups=groups, group_width=width)
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    assert sum(conv.weight.numel() for conv in convolutions) == block_weights
    assert measure.parameters(net) == parameters
    assert round(measure.macs(net, IMAGE) / 1e9, 3) == gmacs


def test_resnext_101_32x4d_is_not_torchvisions_32x8d() -> None:
    with torch.device("meta"):
        paper = models.ResNet(models.Bottleneck, [3, 4, 23, 3], groups=32, group_width=4)
    assert measure.parameters(paper) == 44_177_704
    assert round(measure.macs(paper, IMAGE) / 1e9, 3) == 7.970


MEBIBYTES = {"resnet18": 21.2, "resnet34": 30.8, "resnet50": 82.1, "resnext50_32x4d": 107.3}


@pytest.mark.parametrize("name", MEBIBYTES)
def test_activation_memory(name: str) -> None:
    kept = measure.activation_bytes(getattr(models, name)(), torch.randn(1, *IMAGE))
    assert round(kept / 2**20, 1) == MEBIBYTES[name]


def test_activation_memory_of_a_layer_counted_by_hand() -> None:
    x = torch.randn(2, 3, 8, 8)
    conv = nn.Conv2d(3, 5, 3)
    assert measure.activation_bytes(conv, x) == 4 * x.numel()
    assert measure.activation_bytes(nn.Sequential(conv, nn.ReLU()), x) == 4 * (x.numel() + 2 * 5 * 6 * 6)
    assert measure.activation_bytes(nn.Sequential(conv, nn.ReLU(inplace=True)), x) == 4 * (x.numel() + 2 * 5 * 6 * 6)


class Twice(nn.Module):
    """Uses one linear layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x.flatten(1)))


def test_a_shared_layer_has_its_parameters_once_and_its_macs_twice() -> None:
    assert measure.parameters(Twice()) == 20
    assert measure.macs(Twice(), (1, 2, 2)) == 32


def test_measuring_leaves_the_model_as_it_was() -> None:
    net = models.cifar_resnet(8).eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    measure.macs(net, (3, 32, 32))
    measure.activation_bytes(net, torch.randn(2, 3, 32, 32))
    assert not net.training
    assert all(value.equal(before[key]) for key, value in net.state_dict().items())


def test_time_is_the_median_of_the_calls_after_a_first_one() -> None:
    calls: list[int] = []
    assert measure.median_seconds(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4
