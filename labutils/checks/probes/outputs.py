"""Probes of modules: outputs, gradients and running statistics."""

import contextlib

import torch
from torch import Tensor

from .fill import BOTH, VARIANCE, Layout, Piece, cut, noise, piece_name, pieces_of
from .prepared import Layouts, complete, in_float64, made, output_of, prepared, random_states, with_statistics
from .registry import Args, Facts, Objects, Shape, Unusable, probe


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
    ``pieces`` where such are given. ``unlearned`` is the number of values in parameters that get no gradient, and
    ``untrained`` that of parameters none of whose values does.
    """
    model = prepared(objects, args, input_shape, salt, layouts, uniform)
    x = noise(input_shape, salt).to(torch.float64 if float64 else torch.float32).requires_grad_()
    with in_float64(model) if float64 else contextlib.nullcontext():
        before, given = random_states(), x * 1
        y = output_of(model, given)
        drew, changed = random_states() != before, not torch.equal(given, x)
        if not y.requires_grad:
            raise Unusable("the output is cut off from the input: no gradient flows back")
        (y * noise(tuple(y.shape), salt + 1)).sum().backward()
        gradients = {
            name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
            for name, parameter in model.named_parameters()
        }
    largest = max((gradient.abs().max().item() for gradient in gradients.values() if gradient.numel()), default=0.0)
    zeros = {name: gradient.abs() <= 1e-12 * largest for name, gradient in gradients.items()}
    return {
        "output": y.detach(),
        "input_gradient": torch.zeros_like(x) if x.grad is None else x.grad,
        "gradients": norms(gradients, dict(layouts), pieces),
        "unlearned": sum(int(values.sum()) for values in zeros.values()),
        "untrained": sum(bool(values.all()) for values in zeros.values()),
        "drew": drew,
        "input_changed": changed,
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
def evaluation(
    objects: Objects, args: Args, input_shape: Shape, salt: int, layouts: Layouts = (), uniform: bool = False
) -> Facts:
    """Output in evaluation mode with running statistics that are not those of the batch, and what else happened."""
    model, names = with_statistics(objects, args, input_shape, salt, layouts, uniform)
    x = noise(input_shape, salt)
    given = x.clone()
    statistics = {name: buffer.clone() for name, buffer in model.eval().named_buffers() if name in names}
    before = random_states()
    with torch.no_grad():
        y = output_of(model, given).clone()
        again = output_of(model, x.clone())
    after = dict(model.named_buffers())
    moved = any(not torch.equal(buffer, after[name]) for name, buffer in statistics.items())
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

    ``usual`` is that of the usual input, ``large`` of one a million times as large, and ``faint`` that where all
    running variances are near the eps that is added to them.
    """
    model, statistics = with_statistics(objects, args, input_shape, salt, layouts, uniform)
    x = noise(input_shape, salt).double()
    with torch.no_grad(), in_float64(model.eval()):
        outputs = {"usual": output_of(model, x.clone()).clone(), "large": output_of(model, 1e6 * x).clone()}
        for name, buffer in model.named_buffers():
            if statistics.get(name) == VARIANCE:
                buffer *= 1e-5
            elif statistics.get(name) == BOTH:
                buffer[buffer >= 0.5] *= 1e-5  # means are below, variances are not
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
    model, statistics = with_statistics(objects, args, input_shape, salt, layouts, uniform)
    with torch.no_grad():
        output_of(model, noise(input_shape, salt))
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
def as_made(
    objects: Objects, args: Args, input_shape: Shape, salt: int, scale: float = 1, training: bool = True
) -> Facts:
    """Output and input gradient of a module whose parameters and buffers are as they were made."""
    model = made(objects, args).train(training)
    x = (scale * noise(input_shape, salt)).requires_grad_()
    before = random_states()
    y = output_of(model, x * 1)
    drew = random_states() != before
    if y.requires_grad:
        (y * noise(tuple(y.shape), salt + 1)).sum().backward()
    gradient = torch.zeros_like(x) if x.grad is None else x.grad
    return {"output": y.detach(), "input_gradient": gradient, "drew": drew}
