"""Probes of modules: what a class, or a function that returns a module, builds."""

import torch

from .fill import fill, noise
from .given import resolve
from .prepared import complete, in_float64, kind_of_numbers, made, output_of, prepared, statistics_of, tensors
from .registry import Args, Facts, Objects, Shape, probe


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


@probe
def size(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The number of parameters alone, so that a large network costs little."""
    model = complete(objects, args, input_shape, salt)
    return {"parameters": sum(p.numel() for p in model.parameters())}


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
