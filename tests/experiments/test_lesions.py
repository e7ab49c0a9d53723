"""Blocks that are cut out or swapped, as experiments/lesions.py does it, in nets whose answer is known."""

import pytest
import torch
from torch import nn

from experiments import lesions
from labutils import models

SPARE = [f"layer{stage}.{position}" for stage in (1, 2, 3) for position in (1, 2)]  # of 20 layers


def net(depth: int, shortcut: models.Shortcut | None = "A") -> models.CifarResNet:
    torch.manual_seed(0)
    return models.cifar_resnet(depth, shortcut).eval()


def logits(net: models.CifarResNet) -> torch.Tensor:
    with torch.no_grad():
        return net(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("shortcut", [None, "A"])
def test_blocks_that_are_cut_out_leave_the_residual_nets_shortcut(shortcut: models.Shortcut | None) -> None:
    whole = net(14, shortcut)
    cut = lesions.without(whole, ["layer1.0", "layer2.0", "layer3.1"])
    left = {name: type(cut.get_submodule(name)) for name in lesions.block_names(whole)}
    assert left == {
        "layer1.0": nn.Identity,
        "layer1.1": models.BasicBlock,
        "layer2.0": models.PadShortcut,
        "layer2.1": models.BasicBlock,
        "layer3.0": models.BasicBlock,
        "layer3.1": nn.Identity,
    }
    assert all(type(whole.get_submodule(name)) is models.BasicBlock for name in left)


def test_a_projection_is_the_shortcut_that_is_left() -> None:
    whole = net(8, "B")
    cut = lesions.without(whole, ["layer2.0"])
    weights = [
        model.get_submodule(name).state_dict() for model, name in ((whole, "layer2.0.downsample"), (cut, "layer2.0"))
    ]
    assert weights[0].keys() == weights[1].keys()
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


def test_blocks_whose_branch_is_zero_are_not_missed() -> None:
    whole = net(20)
    missed = logits(lesions.without(whole, ["layer1.1"]))
    assert not missed.allclose(logits(whole))
    models.zero_init(whole)
    for names in (["layer1.1"], ["layer2.0", "layer3.2"], lesions.block_names(whole)):
        assert logits(lesions.without(whole, names)).equal(logits(whole))


def test_a_swap_of_equal_blocks_changes_nothing_and_of_others_something() -> None:
    whole = net(20)
    block = whole.layer2
    block[2].load_state_dict(block[1].state_dict())
    assert logits(lesions.swapped(whole, "layer2.1", "layer2.2")).equal(logits(whole))
    assert not logits(lesions.swapped(whole, "layer3.1", "layer3.2")).allclose(logits(whole))


def test_a_swap_and_the_same_swap_again_is_the_net_itself() -> None:
    whole = net(20)
    once = lesions.swapped(whole, "layer1.1", "layer1.2")
    assert logits(lesions.swapped(once, "layer1.1", "layer1.2")).equal(logits(whole))


@pytest.mark.parametrize(
    ("depth", "numbers"), [(8, []), (14, [1, 2]), (20, [1, 2, 5]), (56, [1, 2, 5, 10]), (110, [1, 2, 5, 10])]
)
def test_as_many_blocks_are_drawn_as_the_net_can_spare(depth: int, numbers: list[int]) -> None:
    spare = lesions.spare_blocks(net(depth))
    drawn = lesions.draw(spare, 0)
    assert list(drawn) == [str(number) for number in numbers]
    for number, draws in drawn.items():
        assert len(draws) == 10
        assert all(len(set(names)) == len(names) == int(number) for names in draws)
        assert {name for names in draws for name in names} <= set(spare)
    assert drawn == lesions.draw(spare, 0)
    assert not numbers or drawn != lesions.draw(spare, 1)


def blocks_left(net: models.CifarResNet) -> float:
    return sum(isinstance(module, models.BasicBlock) for module in net.modules())


def test_every_block_every_draw_and_every_swap_is_in_the_record(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    whole = net(20)
    assert lesions.spare_blocks(whole) == SPARE
    results = lesions.lesion_errors(whole, lesions.draw(SPARE, 0), blocks_left)
    assert results == {
        "whole": 9,
        "without": {f"layer{stage}.{position}": 8 for stage in (1, 2, 3) for position in (0, 1, 2)},
        "without_several": {"1": [8] * 10, "2": [7] * 10, "5": [4] * 10},
        "swapped": {f"layer{stage}.1<->layer{stage}.2": 9 for stage in (1, 2, 3)},
    }
    assert "lesions: 100%" in capfd.readouterr().err


def test_an_error_stands_where_its_lesion_does() -> None:
    """With blocks told apart by one weight each."""
    whole = net(20)

    def left(net: models.CifarResNet) -> list[models.BasicBlock]:
        return [module for module in net.modules() if isinstance(module, models.BasicBlock)]

    def number(net: models.CifarResNet) -> float:
        """The weights of the blocks that are left, each times its place."""
        return sum((i + 1) * block.bn1.weight[0].item() for i, block in enumerate(left(net)))

    for i, block in enumerate(left(whole)):
        nn.init.constant_(block.bn1.weight, 2.0**i)

    drawn = {"2": [["layer1.1", "layer3.2"], ["layer2.1", "layer2.2"]]}
    results = lesions.lesion_errors(whole, drawn, number)
    assert results["without"]["layer2.1"] == number(lesions.without(whole, ["layer2.1"]))
    assert results["without_several"]["2"] == [number(lesions.without(whole, names)) for names in drawn["2"]]
    assert results["swapped"]["layer2.1<->layer2.2"] == results["whole"] - 2**5 + 2**4
