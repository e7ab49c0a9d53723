"""What a learner's function leaves behind is noticed, and set back where it would reach other programs."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from banks import programs
from banks.cost import good_macs, good_parameters
from banks.training_loop import good_evaluate, good_train
from labutils.checks import engine, exercises
from labutils.checks.engine import Exam
from labutils.checks.result import Result
from labutils.checks.transport import Local, guarded
from labutils.grading.child import wire

FUNCTIONS = ("training-loop", "cost", "three-forms", "clinic-8")


def examined(exercise: str, *objects: Any) -> Result:
    with guarded():
        return engine.examine(Exam(exercises.load(exercise), Local(objects)))


def message(result: Result) -> str:
    assert result.first_failure is not None
    return result.first_failure.message


@pytest.mark.parametrize(
    "draw", [lambda: torch.rand(()), np.random.rand, random.random], ids=["torch", "numpy", "random"]
)
@pytest.mark.parametrize("place", [0, 1], ids=["train_one_epoch", "evaluate"])
def test_a_function_that_draws_random_numbers_is_rejected_though_all_else_is_right(
    draw: Callable[[], Any], place: int
) -> None:
    functions: list[Callable[..., Any]] = [good_train, good_evaluate]
    right = functions[place]

    def drawing(*arguments: Any) -> Any:
        draw()
        return right(*arguments)

    functions[place] = drawing
    result = examined("training-loop", *functions)
    assert "drew random numbers" in message(result)
    assert [check.name for check in result.checks if check.status == "failed"] == [("weights", "accuracy")[place]]


def patch_class() -> None:
    forward = nn.Conv2d.forward
    nn.Conv2d.forward = lambda self, input: forward(self, input)


def patch_function() -> None:
    convolve = F.conv2d
    F.conv2d = lambda *args, **kwargs: convolve(*args, **kwargs)


@pytest.mark.parametrize(
    "leave",
    [
        patch_class,
        patch_function,
        lambda: register_module_forward_hook(lambda *_: None),
        lambda: torch.set_grad_enabled(False),
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_device("meta"),
    ],
    ids=["class", "function", "hook for all modules", "recording", "type", "device"],
)
def test_what_a_counter_leaves_in_pytorch_is_named_and_set_back(leave: Callable[[], Any]) -> None:
    def count_macs(model: nn.Module, input_shape: tuple[int, int, int]) -> int:
        total = good_macs(model, input_shape)
        leave()
        return total

    before = (nn.Conv2d.forward, F.conv2d, dict(nn.modules.module._global_forward_hooks))
    result = examined("cost", good_parameters, count_macs)
    assert [check.name for check in result.checks if check.status == "failed"] == ["nothing left behind"]
    assert (nn.Conv2d.forward, F.conv2d, dict(nn.modules.module._global_forward_hooks)) == before
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.empty(0).device.type == "cpu"


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_all_facts_can_cross_the_pipe_of_the_grader(exercise: str) -> None:
    definition = exercises.load(exercise)
    for program in programs(exercise):
        if program.first:
            continue
        exam = Exam(definition, Local(program.objects()))
        for case in definition.cases:
            for probe in definition.fingerprint:
                with guarded():
                    facts = exam.seen(probe, case)
                message = wire.encode(facts)
                head, _ = wire.sizes(message[: wire.FRAME.size])
                place = wire.FRAME.size + head
                received = wire.decode(message[wire.FRAME.size : place], message[place:])
                assert received.keys() == facts.keys()
