"""A learner's module made ready for a probe: built, filled with values, and called."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from .fill import BOTH, MEAN, VARIANCE, Layout, fill, known_statistics, noise
from .given import resolve
from .registry import Args, Objects, Shape, Unusable, kind

LAYERS = tuple(f"torch.nn.modules.{name}" for name in ("conv", "linear", "batchnorm"))
Layouts = tuple[tuple[str, Layout], ...]  # by the names of parameters and buffers


def made(objects: Objects, args: Args) -> nn.Module:
    """The module that the learner's class or function makes, without ``torch.compile``. Raises Unusable for others."""
    model = objects[0](*resolve(args))
    if not isinstance(model, nn.Module):
        raise Unusable(f"it gave {kind(model)} where a module was expected")
    compiled = getattr(model, "_orig_mod", None)
    return (compiled if isinstance(compiled, nn.Module) else model).train()


def output_of(model: nn.Module, x: Tensor) -> Tensor:
    """What ``model(x)`` returns. Raises Unusable if that is no tensor."""
    y = model(x)
    if not isinstance(y, Tensor):
        raise Unusable(f"forward returned {kind(y)} where a tensor was expected")
    return y


def complete(objects: Objects, args: Args, input_shape: Shape, salt: int) -> nn.Module:
    """A fresh module, after a forward pass where layers wait for one to get their parameters. Raises Unusable."""
    model = made(objects, args)
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        with torch.no_grad():
            output_of(model.eval(), noise(input_shape, salt))
    return model.train()


def prepared(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> nn.Module:
    """A fresh module whose parameters and statistics have the values of :func:`fill`. Raises Unusable."""
    return with_statistics(objects, args, input_shape, salt, layouts, uniform)[0]


def with_statistics(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> tuple[nn.Module, dict[str, str]]:
    """The same module, and its buffers that are running statistics, with their roles."""
    model = complete(objects, args, input_shape, salt)
    statistics = statistics_of(model, input_shape, salt)
    fill(model, salt, statistics, dict(layouts), uniform)
    return model.train(), statistics


def statistics_of(model: nn.Module, input_shape: Shape, salt: int) -> dict[str, str]:
    """The buffers that are running statistics: those of PyTorch's BNs, and what a pass in training mode changes.

    Other buffers are constants, which are the module's own affair. Buffers are left as they were.
    """
    known = known_statistics(model)
    buffers = dict(model.named_buffers())
    roles = {name: _role(buffer) for name, buffer in buffers.items() if name not in known}
    perhaps = {name: role for name, role in roles.items() if role}
    if not perhaps:
        return known
    before = {name: buffer.clone() for name, buffer in buffers.items()}
    with torch.no_grad():
        output_of(model, noise((max(2, input_shape[0]), *input_shape[1:]), salt))
        moved = {name for name in perhaps if not torch.equal(before[name], dict(model.named_buffers())[name])}
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
    return known | {name: role for name, role in perhaps.items() if name in moved}


def _role(buffer: Tensor) -> str:
    """What a fresh buffer would be if it were a running statistic, or ""."""
    if not buffer.is_floating_point() or not buffer.dim() or not buffer.numel():
        return ""
    zeros, ones = buffer == 0, buffer == 1
    if not (zeros | ones).all():
        return ""
    return MEAN if zeros.all() else VARIANCE if ones.all() else BOTH


@contextlib.contextmanager
def in_float64(model: nn.Module) -> Iterator[nn.Module]:
    """The model in float64 inside, and in float32 after, as other modules may share its layers."""
    try:
        yield model.double()
    finally:
        model.float()


def tensors(model: nn.Module) -> list[tuple[str, Shape, bool]]:
    """The parameters: name, shape, and whether a layer of ``torch.nn`` holds it, whose layout is known."""
    layers = {place: type(module).__module__ in LAYERS for place, module in model.named_modules()}
    return [
        (name, tuple(parameter.shape), layers[name.rpartition(".")[0]]) for name, parameter in model.named_parameters()
    ]


def random_states() -> tuple[Any, ...]:
    """The states of the random numbers of PyTorch, NumPy and Python."""
    numpy_state: Any = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), numpy_state[1].tobytes(), numpy_state[2], random.getstate()


def kind_of_numbers(tensor: Tensor) -> str:
    """The type of a tensor's numbers, and the device where that is another one than the CPU."""
    name = str(tensor.dtype).removeprefix("torch.")
    return name if tensor.device.type == "cpu" else f"{name} on the device {tensor.device.type}"
