"""Counts from the papers, equality with torchvision, and clear refusals."""

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


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
@pytest.mark.parametrize("train", [True, False])
def test_imagenet_nets_equal_torchvisions(name: str, train: bool) -> None:
    torch.manual_seed(0)
    ours = getattr(models, name)(num_classes=7).double().train(train)
    theirs = getattr(load_torchvision().models, name)(num_classes=7).double().train(train)
    shapes = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in ours.state_dict().items()} == shapes
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-10, atol=1e-10)


def test_he_initialisation() -> None:
    torch.manual_seed(0)
    convs = [module for module in models.resnet18().modules() if isinstance(module, nn.Conv2d)]
    for conv in convs:
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        assert conv.weight.var().item() == pytest.approx(2 / fan_out, rel=0.1)


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
