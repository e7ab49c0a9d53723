"""Counts from the papers, equality with torchvision, and clear refusals."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from labutils import models
from labutils.vision import load_torchvision


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


COUNTS = {
    20: {None: 269_722, "A": 269_722, "B": 272_474, "C": 283_962},
    56: {None: 853_018, "A": 853_018, "B": 855_770, "C": 900_858},
    110: {None: 1_727_962, "A": 1_727_962, "B": 1_730_714, "C": 1_826_202},
}


@pytest.mark.parametrize("depth", COUNTS)
@pytest.mark.parametrize("shortcut", [None, "A", "B", "C"])
def test_cifar_nets_have_the_papers_parameters(depth: int, shortcut: models.Shortcut | None) -> None:
    assert count(models.cifar_resnet(depth, shortcut)) == COUNTS[depth][shortcut]


@pytest.mark.parametrize(("depth", "per_class"), [(8, 65), (20, 65)])
def test_classes_and_channels_change_head_and_stem_alone(depth: int, per_class: int) -> None:
    small, large = models.cifar_resnet(depth), models.cifar_resnet(depth, num_classes=100, in_channels=1)
    assert count(large) - count(small) == 90 * per_class - 2 * 9 * 16
    assert large(torch.randn(2, 1, 8, 8)).shape == (2, 100)


IMAGENET_NETS = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
)


@pytest.mark.parametrize("name", IMAGENET_NETS)
def test_imagenet_nets_equal_torchvisions(name: str) -> None:
    torch.manual_seed(0)
    ours = getattr(models, name)(num_classes=7).double()
    with torch.device("meta"):
        theirs = getattr(load_torchvision().models, name)(num_classes=7).double()
    weights = ours.state_dict()
    shapes = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in weights.items()} == shapes
    theirs.load_state_dict({key: value.clone() for key, value in weights.items()}, assign=True)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for train in (True, False):
        with torch.no_grad():
            expected = theirs.train(train)(x)
            tolerance = 1e-9 * expected.abs().max().item()
            torch.testing.assert_close(ours.train(train)(x), expected, rtol=1e-9, atol=tolerance)


@pytest.mark.parametrize("make", [models.resnet18, lambda: models.cifar_resnet(20, "B")], ids=["ImageNet", "CIFAR"])
def test_he_initialisation(make: Callable[[], nn.Module]) -> None:
    """Scaled by He's standard deviation, every convolution's weights are drawn from the standard normal."""
    torch.manual_seed(0)
    drawn = []
    for conv in (module for module in make().modules() if isinstance(module, nn.Conv2d)):
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        z = conv.weight.detach().flatten() / (2 / fan_out) ** 0.5
        assert z.var().item() == pytest.approx(1, abs=5 * (2 / len(z)) ** 0.5)
        drawn.append(z)
    z = torch.cat(drawn)
    assert z.mean().item() == pytest.approx(0, abs=5 * len(z) ** -0.5)
    assert (z**4).mean().item() == pytest.approx(3, abs=5 * (96 / len(z)) ** 0.5)  # 1.8 if they were uniform


def silenced(block: models.BasicBlock) -> models.BasicBlock:
    nn.init.zeros_(block.bn2.weight)
    nn.init.zeros_(block.bn2.bias)
    return block


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_a_silent_block_is_relu_and_its_plain_twin_is_zero(shortcut: models.Shortcut) -> None:
    x = torch.randn(2, 4, 5, 7)
    assert silenced(models.BasicBlock(4, 4, shortcut=shortcut))(x).equal(x.relu())
    assert silenced(models.BasicBlock(4, 4, shortcut=None))(x).eq(0).all()


def test_option_a_subsamples_and_appends_zeros() -> None:
    x = torch.randn(2, 3, 5, 7)
    y: Tensor = models.PadShortcut(3, 8, 2)(x)
    assert y.shape == (2, 8, 3, 4)
    assert y[:, :3].equal(x[:, :, ::2, ::2])
    assert y[:, 3:].eq(0).all()


@pytest.mark.parametrize("shortcut", ["A", "B", "C"])
@pytest.mark.parametrize(("out_channels", "stride"), [(4, 1), (8, 1), (4, 2), (8, 2)])
def test_blocks_of_every_shape(shortcut: models.Shortcut, out_channels: int, stride: int) -> None:
    y = models.BasicBlock(4, out_channels, stride, shortcut)(torch.randn(2, 4, 9, 6))
    assert y.shape == (2, out_channels, 9 if stride == 1 else 5, 6 // stride)


@pytest.mark.parametrize(
    ("depth", "advice"), [(21, "try 20 or 26"), (2, "try 8 or 14"), (-4, "try 8 or 14"), (1, "try 8 or 14")]
)
def test_an_impossible_depth_is_refused(depth: int, advice: str) -> None:
    with pytest.raises(ValueError, match=rf"6n\+2 .* not {depth}; {advice}"):
        models.cifar_resnet(depth)


def test_an_unknown_shortcut_is_refused() -> None:
    with pytest.raises(ValueError, match="'A', 'B', 'C', or None for the plain twin, not 'D'"):
        models.cifar_resnet(20, "D")  # pyright: ignore[reportArgumentType]


def test_a_shortcut_that_would_drop_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="from 8 to 4"):
        models.PadShortcut(8, 4, 1)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_zero_init_silences_every_branch(name: str) -> None:
    net = getattr(models, name)()
    models.zero_init(net)
    x = torch.randn(2, net.layer1[1].conv1.in_channels, 8, 8).relu()
    assert net.layer1[1:](x).equal(x)
    assert net.layer4[0](torch.ones(1, net.layer4[0].conv1.in_channels, 4, 4)).shape[-1] == 2


def test_bottlenecks_of_every_shape() -> None:
    x = torch.randn(2, 16, 9, 6)
    for channels, stride, size in ((4, 1, (9, 6)), (8, 1, (9, 6)), (4, 2, (5, 3))):
        assert models.Bottleneck(16, channels, stride)(x).shape == (2, 4 * channels, *size)
    assert isinstance(models.Bottleneck(16, 4).downsample, nn.Identity)
    assert isinstance(models.Bottleneck(16, 8).downsample, nn.Sequential)


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="3 groups don't divide 16 channels"):
        models.grouped3x3(16, groups=3)
    with pytest.raises(ValueError, match="8 channels at group width 4 give no whole number of channels a group"):
        models.Bottleneck(32, 8, groups=4, group_width=4)


def test_a_block_without_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="BasicBlock has no groups: 32 groups of width 4 need Bottleneck"):
        models.ResNet(models.BasicBlock, [2, 2, 2, 2], groups=32, group_width=4)


def test_an_image_below_the_total_stride_is_refused() -> None:
    net = models.resnet18().eval()
    for height, width in ((31, 64), (64, 31)):
        words = f"an image of {height}x{width} pixels is smaller than this network's total stride of 32"
        with pytest.raises(ValueError, match=words):
            net(torch.randn(1, 3, height, width))
    assert net(torch.randn(1, 3, 32, 64)).shape == (1, 1000)
