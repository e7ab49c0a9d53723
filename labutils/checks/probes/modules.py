"""Probes of modules: what a class, or a function that returns a module, builds and computes."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from .fill import essential, fill, noise
from .given import resolve

Facts = dict[str, Any]
Objects = tuple[Any, ...]
Args = tuple[Any, ...]
Shape = tuple[int, ...]


class Unusable(Exception):
    """What the learner's code gave back can't be used. The message says so to the learner."""


def probe(function: Callable[..., Facts]) -> Callable[..., Facts]:
    """Mark a function as a probe."""
    function.is_probe = True  # pyright: ignore[reportFunctionMemberAccess]
    return function


def kind(value: object) -> str:
    """The name of a value's type, for a message."""
    return "None" if value is None else f"a {type(value).__name__}"


def made(objects: Objects, args: Args) -> nn.Module:
    """The module that the learner's class or function makes. Raises Unusable for anything else."""
    model = objects[0](*resolve(args))
    if not isinstance(model, nn.Module):
        raise Unusable(f"it gave {kind(model)} where a module was expected")
    return model.train()


def output_of(model: nn.Module, x: Tensor) -> Tensor:
    """What ``model(x)`` returns. Raises Unusable if that is no tensor."""
    y = model(x)
    if not isinstance(y, Tensor):
        raise Unusable(f"forward returned {kind(y)} where a tensor was expected")
    return y


def prepared(objects: Objects, args: Args, input_shape: Shape, salt: int, periodic: bool = False) -> nn.Module:
    """A fresh module whose parameters and statistics have the values of :func:`fill`."""
    model = made(objects, args)
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        with torch.no_grad():
            output_of(model.eval(), noise(input_shape, salt))
    fill(model, salt, periodic)
    return model.train()


def parameter_shapes(model: nn.Module) -> list[str]:
    """The parameters' shapes without ones, sorted, as text."""
    return sorted("x".join(map(str, essential(tuple(p.shape)))) or "1" for p in model.parameters())


@probe
def build(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Whether a module comes out."""
    return {"type": type(made(objects, args)).__name__}


@probe
def refuse(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The name of the exception that the call raises, or ""."""
    try:
        objects[0](*resolve(args))
    except Exception as error:
        names = [cls.__name__ for cls in type(error).__mro__]
        return {"raised": "ValueError" if "ValueError" in names else names[0]}
    return {"raised": ""}


@probe
def shape(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The output's shape in evaluation mode, and the parameters."""
    model = prepared(objects, args, input_shape, salt).eval()
    with torch.no_grad():
        y = output_of(model, noise(input_shape, salt))
    return {
        "shape": tuple(y.shape),
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "shapes": parameter_shapes(model),
    }


@probe
def train(objects: Objects, args: Args, input_shape: Shape, salt: int, periodic: bool = False) -> Facts:
    """Output and gradients in training mode. The loss is a sum of the outputs with fixed weights."""
    model = prepared(objects, args, input_shape, salt, periodic)
    x = noise(input_shape, salt).requires_grad_()
    y = output_of(model, x * 1)
    if not y.requires_grad:
        raise Unusable("the output is cut off from the input: no gradient flows back")
    (y * noise(tuple(y.shape), salt + 1)).sum().backward()
    norms: list[str | float] = []
    silent = 0
    for parameter in model.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        name = "x".join(map(str, essential(tuple(parameter.shape))))
        norms.append((name, gradient.norm().item()))  # pyright: ignore[reportArgumentType]
        rows = gradient.reshape(len(parameter), -1) if parameter.dim() else gradient.reshape(1, 1)
        silent += int((rows.abs().amax(1) == 0).sum())
    return {
        "output": y.detach(),
        "input_gradient": torch.zeros_like(x) if x.grad is None else x.grad,
        "gradients": [norm for _, norm in sorted(norms)],  # pyright: ignore[reportGeneralTypeIssues]
        "silent_rows": silent,
    }


@probe
def evaluation(objects: Objects, args: Args, input_shape: Shape, salt: int, periodic: bool = False) -> Facts:
    """Output in evaluation mode with running statistics that are not those of the batch, and what else happened."""
    model = prepared(objects, args, input_shape, salt, periodic).eval()
    x = noise(input_shape, salt)
    given = x.clone()
    statistics = [buffer.clone() for buffer in model.buffers()]
    with torch.no_grad():
        y = output_of(model, given).clone()
        again = output_of(model, x.clone())
        first = output_of(model, x[:1].clone())
    moved = any(not torch.equal(a, b) for a, b in zip(statistics, model.buffers(), strict=True))
    return {
        "output": y,
        "input_changed": not torch.equal(given, x),
        "repeats": torch.equal(y, again),
        "alone": math.inf if first.shape != y[:1].shape else (first - y[:1]).abs().max().item(),
        "statistics_moved": moved,
    }


@probe
def running(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The running statistics' means after one pass in training mode, sorted, and whether the fill had reached them."""
    model = prepared(objects, args, input_shape, salt)
    with torch.no_grad():
        output_of(model, noise(input_shape, salt))
    means = [buffer.mean().item() for buffer in model.buffers() if buffer.is_floating_point()]
    return {"means": sorted(means)}


@probe
def silenced(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Output and input gradient where all scales and shifts are zero."""
    model = prepared(objects, args, input_shape, salt)
    with torch.no_grad():
        for parameter in model.parameters():
            if len(essential(tuple(parameter.shape))) < 2:
                parameter.zero_()
    x = noise(input_shape, salt).requires_grad_()
    y = output_of(model, x * 1)
    if y.requires_grad:
        y.sum().backward()
    return {"output": y.detach(), "input_gradient": torch.zeros_like(x) if x.grad is None else x.grad}


@probe
def reload(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Whether a second module that loads the first one's ``state_dict`` computes the same."""
    first, second = (prepared(objects, args, input_shape, salt + i).eval() for i in range(2))
    x = noise(input_shape, salt)
    with torch.no_grad():
        wanted = output_of(first, x.clone()).clone()
        second.load_state_dict(first.state_dict())
        return {"same": torch.allclose(output_of(second, x.clone()), wanted, rtol=1e-4, atol=1e-5)}


@probe
def twins(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """How many parameters and buffers two modules share."""
    first, second = (prepared(objects, args, input_shape, salt) for _ in range(2))
    own, other = ({id(t) for t in (*m.parameters(), *m.buffers())} for m in (first, second))
    return {"shared": len(own & other)}


@probe
def double(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The output's type for a module and an input of float64."""
    model = prepared(objects, args, input_shape, salt).double().eval()
    with torch.no_grad():
        return {"dtype": str(output_of(model, noise(input_shape, salt).double()).dtype).removeprefix("torch.")}


@probe
def extent(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Height and width of the part of the input that the pixel in the output's middle depends on."""
    model = prepared(objects, args, input_shape, salt).eval()
    x = noise(input_shape, salt).requires_grad_()
    y = output_of(model, x * 1)
    if y.dim() != 4 or not y.requires_grad:
        raise Unusable("the output is no map of pixels with a gradient")
    y[:, :, y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    reached = torch.zeros_like(x) if x.grad is None else x.grad
    sides = []
    for axis in (2, 3):
        others = [a for a in range(4) if a != axis]
        places = reached.abs().amax(others).nonzero()
        sides.append(int(places.max() - places.min()) + 1 if len(places) else 0)
    return {"extent": tuple(sides)}
