"""A step as one CUDA graph. Without a GPU, what surrounds the graph is tested, with a stand-in for it."""

import copy
import dataclasses
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from labutils.augment import crop_and_flip
from labutils.data import ImageData, digits
from labutils.graphs import CapturedStep, Step
from labutils.models import cifar_resnet
from labutils.training import Trainer, step_schedule

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA GPU here: that a captured step computes the same was NOT tested"
)


class Graphs:
    """Stands in for CUDA graphs: what is captured computes nothing yet, and reads the index that it was captured with.

    A step that has to be ``refused`` raises, as ``.item()`` does in a capture.
    """

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.lengths: list[int] = []

    def __call__(self, step: Step, index: Tensor) -> Step:
        if self.refused:
            raise RuntimeError(self.refused)
        self.lengths.append(len(index))
        held = index.clone()
        return lambda index: step(held.copy_(index))


def test_a_step_is_taken_as_it_is_three_times_and_then_replayed_for_each_length() -> None:
    seen: list[Tensor] = []
    graphs = Graphs()
    step = CapturedStep(lambda index: seen.append(index.clone()), graphs)
    batches = [torch.arange(start, start + length) for start in range(5) for length in (4, 2)]
    for number, batch in enumerate(batches):
        assert graphs.lengths == [4][: number > 6] + [2][: number > 7]
        step(batch)
    assert all(one.equal(other) for one, other in zip(seen, batches, strict=True))


def test_a_step_that_cant_be_captured_is_said_once_and_taken_as_it_is() -> None:
    seen: list[Tensor] = []
    step = CapturedStep(seen.append, Graphs(refused="operation not permitted when stream is capturing\nmore words"))
    for _ in range(3):
        step(torch.arange(4))
    with pytest.warns(UserWarning, match="so its kernels start one by one: operation not permitted .* capturing$"):
        step(torch.arange(4))
    with warnings.catch_warnings(action="error"):
        for _ in range(5):
            step(torch.arange(2))
    assert [len(index) for index in seen] == [4] * 4 + [2] * 5
    assert not step.works


@pytest.fixture(scope="module")
def few() -> ImageData:
    """130 training digits: two full batches of 64 and one of 2."""
    data = digits()
    return dataclasses.replace(data, train_images=data.train_images[:130], train_labels=data.train_labels[:130])


def trainer(data: ImageData, **options: Any) -> Trainer:
    """Seven epochs of three steps."""
    torch.manual_seed(0)
    recipe = {"epochs": 7, "batch_size": 64, "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "seed": 0}
    recipe |= {"schedule": step_schedule, "augment": crop_and_flip, "device": "cpu"}
    return Trainer(cifar_resnet(8, in_channels=1), data, **(recipe | options))


def losses_of_21_steps(training: Trainer) -> list[float]:
    before, losses = 0.0, []
    for _ in range(7):
        before = 0.0
        for _ in training.steps_of_an_epoch():
            total = training.totals[0].item()
            losses.append(total - before)
            before = total
    return losses


def test_a_replayed_step_with_its_rate_in_a_tensor_computes_what_the_usual_step_does(few: ImageData) -> None:
    usual, replayed = trainer(few), trainer(few)
    graphs = Graphs()
    replayed.step = CapturedStep(replayed._train_step, graphs)
    replayed.rate = torch.tensor(0.05)
    replayed.optimizer.param_groups[0]["lr"] = replayed.rate
    assert losses_of_21_steps(replayed) == pytest.approx(losses_of_21_steps(usual), rel=1e-5)
    assert graphs.lengths == [64, 2]
    assert replayed.history.lr == usual.history.lr


def test_on_a_processor_nothing_is_captured_and_all_is_equal_to_the_last_bit(few: ImageData) -> None:
    usual, asked = trainer(few), trainer(few, capture=True)
    assert losses_of_21_steps(asked) == losses_of_21_steps(usual)
    assert not asked.is_captured


@needs_cuda
def test_on_a_gpu_a_captured_step_computes_what_the_usual_step_does(few: ImageData) -> None:
    usual, captured = (trainer(few, device="cuda", capture=capture) for capture in (False, True))
    assert losses_of_21_steps(captured) == pytest.approx(losses_of_21_steps(usual), rel=1e-3)
    assert captured.is_captured
    assert isinstance(captured.step, CapturedStep)
    assert captured.step.graphs.keys() == {64, 2}


@needs_cuda
def test_on_a_gpu_a_captured_run_goes_on_from_its_state(few: ImageData) -> None:
    whole, second = trainer(few, device="cuda", capture=True), trainer(few, device="cuda", capture=True)
    for _ in range(2):
        whole.run_epoch()
    second.load_state_dict(copy.deepcopy(whole.state_dict()))
    for training in (whole, second):
        for _ in range(3):
            training.run_epoch()
    assert second.history.train_loss == pytest.approx(whole.history.train_loss, rel=1e-3)
    assert second.history.lr == whole.history.lr
