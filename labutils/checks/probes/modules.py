"""Probes of modules: what a class, or a function that returns a module, builds and computes."""

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.overrides import TorchFunctionMode

from .fill import (
    BOTH,
    MEAN,
    VARIANCE,
    Layout,
    Piece,
    cut,
    essential,
    fill,
    known_statistics,
    noise,
    piece_name,
    pieces_of,
)
from .given import resolve

VOWELS = ("a", "e", "i", "o", "u", "ndarray")  # as they are spoken

Facts = dict[str, Any]
Objects = tuple[Any, ...]
Args = tuple[Any, ...]
Shape = tuple[int, ...]
LAYERS = tuple(f"torch.nn.modules.{name}" for name in ("conv", "linear", "batchnorm"))
Layouts = tuple[tuple[str, Layout], ...]  # by the names of parameters and buffers


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
    torch.default_generator.manual_seed(salt)  # torch.manual_seed also notes it for GPUs, which takes as long as a pass
    with without_compiling():
        return PROBES[name](objects, args, input_shape, salt, **options)


def without_compiling() -> contextlib.AbstractContextManager[Any]:
    """Where ``torch.compile`` is in use, what it was given runs as it was written, in a tenth of the time."""
    if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):  # since PyTorch 2.6
        return torch.compiler.set_stance("force_eager")
    return contextlib.nullcontext()


def kind(value: object) -> str:
    """What a value is, for a message: the name of its type with an article."""
    if value is None:
        return "None"
    name = "class" if issubclass(type(value), type) else type(value).__name__
    return f"{'an' if name.lower().startswith(VOWELS) else 'a'} {name}"


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
    model = complete(objects, args, input_shape, salt)
    fill(model, salt, statistics_of(model, input_shape, salt), dict(layouts), uniform)
    return model.train()


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
    flat = buffer.flatten()
    means, variances = flat.chunk(2)[0], flat.chunk(2)[-1]
    for role, zeros, ones in ((MEAN, flat, ()), (VARIANCE, (), flat), (BOTH, means, variances)):
        if all(value == 0 for value in zeros) and all(value == 1 for value in ones):
            return role
    return ""


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
    """The output's shape and type in evaluation mode, and what the parameters and the running statistics are."""
    model = complete(objects, args, input_shape, salt)
    statistics = statistics_of(model, input_shape, salt)
    fill(model, salt, statistics)
    with torch.no_grad():
        y = output_of(model.eval(), noise(input_shape, salt))
    buffers = dict(model.named_buffers())
    return {
        "shape": tuple(y.shape),
        "type": kind_of_numbers(y),
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "tensors": tensors(model),
        "statistics": [(name, tuple(buffers[name].shape), role) for name, role in statistics.items()],
    }


def kind_of_numbers(tensor: Tensor) -> str:
    """The type of a tensor's numbers, and the device where that is another one than the CPU."""
    name = str(tensor.dtype).removeprefix("torch.")
    return name if tensor.device.type == "cpu" else f"{name} on the device {tensor.device.type}"


@probe
def size(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The number of parameters alone, so that a large network costs little."""
    model = complete(objects, args, input_shape, salt)
    return {"parameters": sum(p.numel() for p in model.parameters())}


@probe
def train(
    objects: Objects,
    args: Args,
    input_shape: Shape,
    salt: int,
    layouts: Layouts = (),
    pieces: tuple[Piece, ...] = (),
    float64: bool = False,
    uniform: bool = False,
) -> Facts:
    """Output and gradients in training mode. The loss is a sum of the outputs with fixed weights.

    ``gradients`` are the norms of the parameters' gradients, in the order of the usual parameters' shapes, and of their
    ``pieces`` where such are given. ``unlearned`` is the number of values in parameters that get no gradient.
    """
    model = prepared(objects, args, input_shape, salt, layouts, uniform)
    x = noise(input_shape, salt).to(torch.float64 if float64 else torch.float32).requires_grad_()
    with in_float64(model) if float64 else contextlib.nullcontext():
        before = random_states()
        y = output_of(model, x * 1)
        drew = random_states() != before
        if not y.requires_grad:
            raise Unusable("the output is cut off from the input: no gradient flows back")
        (y * noise(tuple(y.shape), salt + 1)).sum().backward()
        gradients = {
            name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
            for name, parameter in model.named_parameters()
        }
    largest = max((gradient.abs().max().item() for gradient in gradients.values() if gradient.numel()), default=0.0)
    return {
        "output": y.detach(),
        "input_gradient": torch.zeros_like(x) if x.grad is None else x.grad,
        "gradients": norms(gradients, dict(layouts), pieces),
        "unlearned": sum(int((gradient.abs() <= 1e-12 * largest).sum()) for gradient in gradients.values()),
        "drew": drew,
    }


def norms(gradients: dict[str, Tensor], layouts: dict[str, Layout], pieces: tuple[Piece, ...]) -> list[float]:
    """The gradients' norms, by the names of the pieces that they consist of. With ``pieces``, of these."""
    found: list[tuple[str, float]] = []
    for name, gradient in gradients.items():
        for label, part in pieces_of(gradient, layouts.get(name)):
            kept = [piece for piece in pieces if piece_name((piece[0], piece[1], -1, 0, 0)) == label]
            for piece in kept:
                whole = part.reshape(piece[1])
                found.append((piece_name(piece), cut(whole, *piece[2:]).norm().item()))
            if not kept:
                found.append((label, part.norm().item()))
    return [norm for _, norm in sorted(found)]


@probe
def touched(objects: Objects, args: Args, input_shape: Shape, salt: int, parts: int = 64) -> Facts:
    """How many parts of the parameters change no output in evaluation mode, of about so many parts in all.

    A change in one direction may be hidden by a ReLU, so each part is changed in both.
    """
    x = noise(input_shape, salt).double()
    idle = 0
    with torch.no_grad(), in_float64(prepared(objects, args, input_shape, salt).eval()) as model:
        before = output_of(model, x.clone()).clone()
        parameters = list(model.parameters())
        for parameter in parameters:
            kept = parameter.clone()
            for part in torch.arange(parameter.numel()).chunk(max(1, parts // len(parameters))):
                for change in (4, -4):
                    changed = kept.flatten().clone()
                    changed[part] += change
                    parameter.copy_(changed.view(kept.shape))
                    if not torch.equal(output_of(model, x.clone()), before):
                        break
                else:
                    idle += 1
            parameter.copy_(kept)
    return {"idle": idle}


@probe
def evaluation(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> Facts:
    """Output in evaluation mode with running statistics that are not those of the batch, and what else happened."""
    model = prepared(objects, args, input_shape, salt, layouts, uniform).eval()
    x = noise(input_shape, salt)
    given = x.clone()
    statistics = [buffer.clone() for buffer in model.buffers()]
    before = random_states()
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
        "drew": random_states() != before,
    }


@probe
def exact(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> Facts:
    """Outputs in evaluation mode in float64, where small faults can be seen.

    ``usual`` is that of the usual input, ``large`` of one a thousand times as large, and ``faint`` that where all
    running variances are near the eps that is added to them.
    """
    model = complete(objects, args, input_shape, salt)
    statistics = statistics_of(model, input_shape, salt)
    fill(model, salt, statistics, dict(layouts), uniform)
    x = noise(input_shape, salt).double()
    with torch.no_grad(), in_float64(model.eval()):
        outputs = {"usual": output_of(model, x.clone()).clone(), "large": output_of(model, 1000 * x).clone()}
        for name, buffer in model.named_buffers():
            if statistics.get(name) == VARIANCE:
                buffer *= 1e-5
            elif statistics.get(name) == BOTH:
                means, variances = buffer.flatten().chunk(2)
                buffer.copy_(torch.cat([means, 1e-5 * variances]).view_as(buffer))
        outputs["faint"] = output_of(model, x.clone()).clone()
    return outputs


@probe
def one_colour(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> Facts:
    """Output in evaluation mode in float64 for images of one colour each.

    A max-pool hides nothing there of what is before it.
    """
    x = noise((*input_shape[:2], 1, 1), salt).double().expand(input_shape).clone()
    with torch.no_grad(), in_float64(prepared(objects, args, input_shape, salt, layouts, uniform).eval()) as model:
        return {"output": output_of(model, x).clone()}


@probe
def running(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> Facts:
    """All running statistics after one pass in training mode, in one sorted row, and what a pass does to float32."""
    model = complete(objects, args, input_shape, salt)
    statistics = statistics_of(model, input_shape, salt)
    fill(model, salt, statistics, dict(layouts), uniform)
    with torch.no_grad():
        output_of(model.train(), noise(input_shape, salt))
    found = [buffer.flatten() for name, buffer in model.named_buffers() if name in statistics]
    return {"statistics": torch.cat(found).sort().values if found else torch.empty(0)}


@probe
def silenced(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """Output and input gradient in training mode where all parameters are zero."""
    model = complete(objects, args, input_shape, salt)
    with torch.no_grad():
        for parameter in model.parameters():
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
    with torch.no_grad(), in_float64(prepared(objects, args, input_shape, salt).eval()) as model:
        return {"type": kind_of_numbers(output_of(model, noise(input_shape, salt).double()))}


@probe
def kind_of_output(objects: Objects, args: Args, input_shape: Shape, salt: int, number: str, device: str) -> Facts:
    """The kind of numbers that come out for module and input of a type such as ``float16``, on a device as ``meta``.

    Where PyTorch lacks an operation for these, nothing is held against the module.
    """
    model = made(objects, args).eval().to(device=device, dtype=getattr(torch, number))
    x = noise(input_shape, salt).to(device=device, dtype=getattr(torch, number))
    try:
        with torch.no_grad():
            return {"kind": kind_of_numbers(output_of(model, x))}
    except (RuntimeError, NotImplementedError) as error:
        if "not implemented for" in str(error):
            return {"kind": kind_of_numbers(x)}
        raise


@probe
def kinds_of_output(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What :func:`kind_of_output` finds for several types and a device without numbers, or that an error was raised."""
    kinds = []
    for number, device in (("float64", "cpu"), ("float16", "cpu"), ("float32", "meta")):
        try:
            kinds.append(kind_of_output(objects, args, input_shape, salt, number, device)["kind"])
        except Exception:
            kinds.append("an error")
    return {"kinds": kinds}


@probe
def as_made(objects: Objects, args: Args, input_shape: Shape, salt: int, scale: float = 1) -> Facts:
    """Output and input gradient of a module whose parameters and buffers are as they were made."""
    model = made(objects, args)
    x = (scale * noise(input_shape, salt)).requires_grad_()
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

    Given as the shapes of the usual weights, without ones, sorted. A weight that changes no output is in neither list.
    """
    model = prepared(objects, args, input_shape, salt).eval()
    x = noise((2, *input_shape[1:]), salt)
    needed, avoided = [], []
    with torch.no_grad():
        whole = output_of(model, x.clone()).clone()
        for weight in model.parameters():
            size = essential(weight.shape)
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
