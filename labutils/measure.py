"""What a network costs: parameters, multiply-adds, activation memory, time."""

import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode


def parameters(model: nn.Module) -> int:
    """The number of parameters, frozen ones included, a shared one counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def macs(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of the convolutions and linear layers for one image of shape (C, H, W).

    This is half of what ``torch.utils.flop_counter`` counts, since it counts a multiplication and an addition apart.
    Nothing is computed: the model's copy and the image have shapes but no values. Raises what ``forward`` raises.
    """
    model = copy.deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, *input_shape, device="meta"))
    return counter.get_total_flops() // 2


def activation_bytes(model: nn.Module, x: Tensor) -> int:
    """Bytes that autograd keeps for the backward pass of ``model(x)`` in training mode, ``x`` itself included.

    A memory block that several tensors share counts once. Parameters and buffers don't count. ``x`` is (N, C, H, W).
    The model's buffers and mode are left as they were. Raises what ``forward`` raises.
    """
    model = copy.deepcopy(model).train()
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = model(x)  # held until the count is read, so that no block is freed and used again
    del result
    return sum(kept.values())


def seconds(work: Callable[[], object]) -> float:
    """How long one call of ``work`` takes by the clock, in seconds. Raises what ``work`` raises."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median time of ``repeats`` calls of ``work``, after one call that is not counted. Raises what ``work`` raises."""
    work()
    return statistics.median(seconds(work) for _ in range(repeats))
