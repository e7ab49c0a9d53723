"""The training loop and evaluation."""

import dataclasses
import io
import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import labutils.training
from labutils.augment import crop_and_flip
from labutils.data import ImageData, digits
from labutils.models import cifar_resnet
from labutils.training import History, Trainer, evaluate, fit, learning_rate, step_schedule


@pytest.fixture(scope="module")
def few() -> ImageData:
    """130 training and 60 test digits: two full batches and a small one."""
    data = digits()
    return dataclasses.replace(
        data,
        train_images=data.train_images[:130],
        train_labels=data.train_labels[:130],
        test_images=data.test_images[:60],
        test_labels=data.test_labels[:60],
    )


def small_net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return cifar_resnet(8, in_channels=1)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_fit_learns_and_tells_its_history(few: ImageData) -> None:
    history = fit(small_net(), few, epochs=12, batch_size=16, device="cpu", progress=False)
    assert [len(entries) for entries in dataclasses.astuple(history)] == [12] * 5
    assert history.train_loss[-1] < 0.2 < history.train_loss[0]
    assert history.train_error[-1] < 5 < history.train_error[0]
    assert history.test_error[-1] < history.test_error[0]
    assert history.seconds == sorted(history.seconds)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(few: ImageData) -> None:
    nets = [small_net() for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        fit(net, few, epochs=2, seed=seed, device="cpu", progress=False)
    assert weights(nets[0]).equal(weights(nets[1]))
    assert not weights(nets[0]).equal(weights(nets[2]))


def test_fit_is_sgd_with_momentum_decay_and_a_cosine(few: ImageData) -> None:
    """One batch an epoch, so each step can be followed by hand."""
    net, expected = small_net(), small_net()
    fit(net, few, epochs=3, batch_size=130, lr=0.1, device="cpu", progress=False)
    images, velocity = few.normalise(few.train_images), None
    for step in range(3):
        expected.train().zero_grad()
        nn.functional.cross_entropy(expected(images), few.train_labels).backward()
        gradient = [p.grad + 1e-4 * p.detach() for p in expected.parameters() if p.grad is not None]
        velocity = gradient if velocity is None else [0.9 * v + g for v, g in zip(velocity, gradient, strict=True)]
        lr = 0.1 * (1 + torch.cos(torch.tensor(torch.pi * step / 3)).item()) / 2
        with torch.no_grad():
            for parameter, v in zip(expected.parameters(), velocity, strict=True):
                parameter -= lr * v
    torch.testing.assert_close(weights(net), weights(expected), rtol=1e-3, atol=1e-4)


def test_the_first_loss_is_weighted_by_the_size_of_the_batches(few: ImageData) -> None:
    """With a learning rate of 0 nothing changes, so the epoch's loss is the mean over all images."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    history = fit(net, few, epochs=1, lr=0.0, device="cpu", progress=False)
    loss, error = evaluate(net, few, "train")
    assert history.train_loss[0] == pytest.approx(loss, rel=1e-5)
    assert history.train_error[0] == pytest.approx(error)
    assert history.test_error[0] == evaluate(net, few, "test")[1]


def test_fit_says_what_it_does_and_shows_progress(few: ImageData, capfd: pytest.CaptureFixture[str]) -> None:
    fit(small_net(), few, epochs=2, seed=7, device="cpu")
    out, err = capfd.readouterr()
    assert re.search(r"Training 75,002 parameters on 130 images for 2 epochs on cpu, seed 7", out)
    assert re.search(r"2/2 .*loss=.*test_error=", err)
    fit(small_net(), few, epochs=1, device="cpu", progress=False)
    assert capfd.readouterr() == ("", "")


def linear_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def test_a_loss_that_is_not_finite_stops_the_run_at_that_step(few: ImageData) -> None:
    """The first step takes the weights far away, the second sees what became of the loss."""
    losses: list[Tensor] = []
    net = linear_net()
    net.register_forward_hook(lambda net, inputs, logits: losses.append(logits.abs().max()))
    with pytest.raises(FloatingPointError, match=r"no longer finite in epoch 1: try a lower lr than 1e\+38"):
        fit(net, few, batch_size=16, lr=1e38, device="cpu", progress=False)
    assert len(losses) == 2


def test_several_processes_look_at_their_loss_together_every_so_many_steps(
    few: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is played: it has the same losses."""
    monkeypatch.setattr(labutils.training.dist, "all_reduce", lambda totals: totals.mul_(2))
    losses = []
    for steps in (1, 2, 100):
        monkeypatch.setattr(labutils.training, "STEPS_BETWEEN_LOOKS", steps)
        shared = trainer(few, batch_size=16, world=2)
        shared.run_epoch()
        losses.append(shared.history.train_loss)
    assert losses[0] == losses[1] == losses[2]  # to look changes nothing
    monkeypatch.setattr(labutils.training, "STEPS_BETWEEN_LOOKS", 3)
    taken: list[int] = []
    with pytest.raises(FloatingPointError, match="in epoch 1"):
        trainer(few, batch_size=16, world=2, lr=1e38).run_epoch(taken.append)
    assert len(taken) == 2  # the third is not reported


def test_an_epoch_that_ends_with_a_loss_that_is_not_finite_does_not_count(
    few: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labutils.training.dist, "all_reduce", lambda totals: totals.mul_(2))
    diverging = trainer(few, batch_size=16, world=2, lr=1e38)
    with pytest.raises(FloatingPointError, match="in epoch 1"):
        diverging.run_epoch()
    assert diverging.history == History()


def test_a_net_in_evaluation_mode_is_trained_in_training_mode(few: ImageData) -> None:
    nets = [small_net().train(), small_net().eval()]
    for net in nets:
        fit(net, few, epochs=2, device="cpu", progress=False)
        assert net.training
    assert weights(nets[0]).equal(weights(nets[1]))


class Idle(nn.Module):
    """A weight that the loss does not depend on, so that only its decay changes it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(10))

    def forward(self, x: Tensor) -> Tensor:
        return (0 * self.weight).expand(len(x), -1)


@pytest.mark.parametrize(("options", "decay"), [({}, 1e-4), ({"weight_decay": 1e-3}, 1e-3)])
def test_weights_decay_as_told_and_by_the_papers_value_by_default(
    few: ImageData, options: dict[str, Any], decay: float
) -> None:
    net = Idle()
    fit(net, few, epochs=1, batch_size=130, lr=10, device="cpu", progress=False, **options)
    torch.testing.assert_close(net.weight.detach(), torch.full((10,), 1 - 10 * decay))


def test_fit_warms_up_for_whole_epochs(few: ImageData) -> None:
    """Two steps an epoch; the rate is the one of the second."""
    history = fit(linear_net(), few, epochs=4, batch_size=65, lr=0.1, warmup=2, device="cpu", progress=False)
    falling = [0.1 * (1 + math.cos(math.pi * step / 4)) / 2 for step in (1, 3)]
    assert history.lr == pytest.approx([0.05, 0.1, *falling])


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_changes_nothing(few: ImageData, training: bool) -> None:
    net = small_net().train(training)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    loss, error = evaluate(net, few)
    assert net.training == training
    assert all(value.equal(before[key]) for key, value in net.state_dict().items())
    logits = net.eval()(few.normalise(few.test_images))
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, few.test_labels).item(), rel=1e-5)
    assert error == pytest.approx(100 * (logits.argmax(1) != few.test_labels).float().mean().item())


def test_the_rate_rises_over_the_warm_up_and_falls_to_zero() -> None:
    rates = [learning_rate(step, steps=12, warmup=4) for step in range(12)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1, 1]
    assert rates[8] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.05
    assert rates[4:] == sorted(rates[4:], reverse=True)


@pytest.mark.parametrize("warmup", [3, 4, -1])
def test_a_warm_up_that_is_negative_or_as_long_as_the_run_is_refused(few: ImageData, warmup: int) -> None:
    words = f"at least 0 and leave an epoch to train at lr: {warmup} of 3 don't"
    with pytest.raises(ValueError, match=words):
        fit(small_net(), few, epochs=3, warmup=warmup)


def trainer(data: ImageData, **options: Any) -> Trainer:
    """Four epochs of two full batches and a small one, with He et al.'s schedule."""
    recipe = {"epochs": 4, "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "augment": None}
    recipe |= {"schedule": step_schedule, "seed": 0, "device": "cpu"}
    return Trainer(small_net(), data, **(recipe | options))


def test_each_step_is_taken_at_the_rate_of_the_schedule(few: ImageData) -> None:
    training = trainer(few, lr=0.5)
    rates: list[float] = []
    for _ in range(4):
        training.run_epoch(lambda images: rates.append(training.optimizer.param_groups[0]["lr"]))
    assert rates == pytest.approx([0.5] * 6 + [0.05] * 3 + [0.005] * 3)
    assert training.history.lr == pytest.approx([0.5, 0.5, 0.05, 0.005])


def test_a_trainer_goes_on_from_its_state_as_if_nothing_had_happened(few: ImageData) -> None:
    whole, first = trainer(few, augment=crop_and_flip), trainer(few, augment=crop_and_flip)
    for _ in range(3):
        whole.run_epoch()
    first.run_epoch()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = trainer(few, augment=crop_and_flip, seed=1)
    second.load_state_dict(torch.load(file, weights_only=True))
    second.run_epoch()
    second.run_epoch()
    assert weights(second.model).equal(weights(whole.model))
    assert second.history.train_loss == whole.history.train_loss
    assert second.history.seconds == sorted(second.history.seconds)


def test_with_autocast_the_net_computes_in_bfloat16_and_keeps_its_weights_in_float32(few: ImageData) -> None:
    seen: list[torch.dtype] = []
    training = trainer(few, autocast=True)
    convolution = next(module for module in training.model.modules() if isinstance(module, nn.Conv2d))
    convolution.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    training.run_epoch()
    assert seen[:3] == [torch.bfloat16] * 3
    assert seen[3:] == [torch.float32]  # the test
    assert {parameter.dtype for parameter in training.model.parameters()} == {torch.float32}


def test_with_autocast_the_loss_is_taken_in_float32(few: ImageData) -> None:
    training = trainer(few, batch_size=130, lr=0.0, autocast=True)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        logits = training.model.train()(few.normalise(few.train_images))
    training.run_epoch()
    expected = nn.functional.cross_entropy(logits.float(), few.train_labels).item()
    assert training.history.train_loss == pytest.approx([expected], rel=3e-4)  # in bfloat16 it is 2e-3 away


def test_fit_augments_what_it_trains_on_and_nothing_else(few: ImageData) -> None:
    batches: list[Tensor] = []

    def note(images: Tensor, generator: torch.Generator) -> Tensor:
        batches.append(images)
        return crop_and_flip(images, generator)

    nets = [small_net() for _ in range(3)]
    for net, augment in zip(nets, (note, crop_and_flip, None), strict=True):
        fit(net, few, epochs=1, augment=augment, device="cpu", progress=False)
    assert [len(batch) for batch in batches] == [64, 64, 2]
    assert torch.cat(batches).sum().item() == pytest.approx(few.train_images.sum().item())
    assert weights(nets[0]).equal(weights(nets[1]))
    assert not weights(nets[0]).equal(weights(nets[2]))
