"""Probes of modules: what a class, or a function that returns a module, builds and computes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.overrides import TorchFunctionMode

from .fill import essential, fill, noise
from .given import resolve

VOWELS = ("a", "e", "i", "o", "u", "ndarray")  # as they are spoken

Facts = dict[str, Any]
Objects = tuple[Any, ...]
Args = tuple[Any, ...]
Shape = tuple[int, ...]


class Unusable(Exception):
    """What the learner's code gave back can't be used. The message says so to the learner."""


PROBES: dict[str, Callable[..., Facts]] = {}


def probe(function: Callable[..., Facts]) -> Callable[..., Facts]:
    """Make a function known as a probe, under its name."""
    PROBES[function.__name__] = function
    return function


def observe(name: str, objects: Objects, args: Args, input_shape: Shape, salt: int, **options: Any) -> Facts:
    """The facts that a probe finds. Random numbers start from the salt each time, so that chance plays no part.

    ``input_shape`` is (N, C, H, W), or (C, H, W) where the probe makes the batches. Raises Unusable where the objects
    give what can't be used, and whatever they raise themselves.
    """
    torch.manual_seed(salt)
    return PROBES[name](objects, args, input_shape, salt, **options)


def kind(value: object) -> str:
    """What a value is, for a message: the name of its type with an article."""
    if value is None:
        return "None"
    name = "class" if issubclass(type(value), type) else type(value).__name__
    return f"{'an' if name.lower().startswith(VOWELS) else 'a'} {name}"


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


def complete(objects: Objects, args: Args, input_shape: Shape, salt: int) -> nn.Module:
    """A fresh module, after a forward pass where layers wait for one to get their parameters. Raises Unusable."""
    model = made(objects, args)
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        with torch.no_grad():
            output_of(model.eval(), noise(input_shape, salt))
    return model.train()


def prepared(objects: Objects, args: Args, input_shape: Shape, salt: int, periodic: bool = False) -> nn.Module:
    """A fresh module whose parameters and statistics have the values of :func:`fill`. Raises Unusable."""
    model = complete(objects, args, input_shape, salt)
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
def other_depths(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The names of the exceptions that the call raises for some other depths, its first argument."""
    depths = (10, 2, -4)
    return {"raised": [refuse(objects, (depth, *args[1:]), input_shape, salt)["raised"] for depth in depths]}


@probe
def swapped(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The exception that the call raises when its first two arguments are swapped, or else a pass after it."""
    first, second, *others = args
    raised = refuse(objects, (second, first, *others), input_shape, salt)["raised"]
    if raised:
        return {"raised": raised, "raised_by_forward": ""}
    x = noise((input_shape[0], second, *input_shape[2:]), salt)
    late = refuse((lambda: objects[0](second, first, *others)(x),), (), input_shape, salt)["raised"]
    return {"raised": "", "raised_by_forward": late}


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
def size(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The number of parameters alone, so that a large network costs little."""
    model = complete(objects, args, input_shape, salt)
    return {"parameters": sum(p.numel() for p in model.parameters())}


@probe
def train(objects: Objects, args: Args, input_shape: Shape, salt: int, periodic: bool = False) -> Facts:
    """Output and gradients in training mode. The loss is a sum of the outputs with fixed weights."""
    model = prepared(objects, args, input_shape, salt, periodic)
    x = noise(input_shape, salt).requires_grad_()
    y = output_of(model, x * 1)
    if not y.requires_grad:
        raise Unusable("the output is cut off from the input: no gradient flows back")
    (y * noise(tuple(y.shape), salt + 1)).sum().backward()
    norms: list[tuple[str, float]] = []
    silent = 0
    for parameter in model.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        name = "x".join(map(str, essential(tuple(parameter.shape))))
        norms.append((name, gradient.norm().item()))
        rows = gradient.reshape(len(parameter), -1) if parameter.dim() else gradient.reshape(1, 1)
        silent += int((rows.abs().amax(1) == 0).sum())
    return {
        "output": y.detach(),
        "input_gradient": torch.zeros_like(x) if x.grad is None else x.grad,
        "gradients": [norm for _, norm in sorted(norms)],
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
    moved = any(not torch.equal(a, b) for a, b in zip(statistics, model.buffers(), strict=True))
    return {
        "output": y,
        "input": given,
        "input_changed": not torch.equal(given, x),
        "repeats": torch.equal(y, again),
        "statistics_moved": moved,
    }


@probe
def magnified(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Output in evaluation mode for an input ten times as large, where what cuts large values off can be seen."""
    model = prepared(objects, args, input_shape, salt).eval()
    with torch.no_grad():
        return {"output": output_of(model, 10 * noise(input_shape, salt))}


@probe
def one_colour(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Output in evaluation mode for images of one colour each, where a max-pool hides nothing of what is before it."""
    model = prepared(objects, args, input_shape, salt).eval()
    x = noise((*input_shape[:2], 1, 1), salt).expand(input_shape).clone()
    with torch.no_grad():
        return {"output": output_of(model, x)}


@probe
def running(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """How far the running statistics move in one pass in training mode, sorted."""
    model = prepared(objects, args, input_shape, salt)
    statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    before = [buffer.clone() for buffer in statistics]
    with torch.no_grad():
        output_of(model, noise(input_shape, salt))
    moves = [(a - b).abs().mean().item() for a, b in zip(before, statistics, strict=True)]
    return {"moves": sorted(moves)}


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
def as_made(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Output and input gradient of a module whose parameters and buffers are as they were made."""
    model = made(objects, args)
    x = noise(input_shape, salt).requires_grad_()
    y = output_of(model, x * 1)
    if y.requires_grad:
        (y * noise(tuple(y.shape), salt + 1)).sum().backward()
    return {"output": y.detach(), "input_gradient": torch.zeros_like(x) if x.grad is None else x.grad}


class Maps(TorchFunctionMode):
    """Notes output channels, kernel, height and width of every 2-D convolution that is called inside."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def __torch_function__(self, func: Any, types: Any, args: Args = (), kwargs: dict[str, Any] | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.conv2d:
            weight = args[1] if len(args) > 1 else (kwargs or {})["weight"]
            self.seen.append((weight.shape[0], weight.shape[-1], *result.shape[-2:]))
        return result


@probe
def maps(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What every convolution makes in one pass: output channels, kernel, height and width, sorted."""
    model = prepared(objects, args, input_shape, salt).eval()
    with torch.no_grad(), Maps() as maps:
        output_of(model, noise(input_shape, salt))
    return {"maps": sorted(maps.seen)}


@probe
def cuts(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The weights at whose zero the input no longer reaches the output, and those that it gets around.

    Given as their shapes without ones, sorted. A weight that changes no output is in neither list.
    """
    model = prepared(objects, args, input_shape, salt).eval()
    x = noise((2, *input_shape[1:]), salt)
    needed, avoided = [], []
    with torch.no_grad():
        whole = output_of(model, x.clone()).clone()
        for weight in model.parameters():
            size = essential(tuple(weight.shape))
            if len(size) < 2:
                continue
            kept = weight.clone()
            weight.zero_()
            y = output_of(model, x.clone())
            weight.copy_(kept)
            if torch.equal(y, whole):
                continue
            reaches = ((y[0] - y[1]).abs() > 1e-4 * y.abs().amax(0)).any()  # a softmax may be saturated
            (avoided if reaches else needed).append("x".join(map(str, size)))
    return {"needed": sorted(needed), "avoided": sorted(avoided)}
