"""Whether two modules compute the same under equal weights, in float64, and do nothing else beside."""

import random
from collections.abc import Callable, Iterator
from itertools import islice, permutations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

RELATIVE = 1e-9
RARELY = 0.1  # how often is looked at what doesn't depend on the arguments
INPUTS = ("any", "any", "large", "tiny", "below zero", "one colour")
MOST_PAIRINGS = 64
Pairs = list[tuple[Tensor, Tensor]]
Image = tuple[int, int, int]
Seen = dict[str, Any]


def modules_differ(
    chance: random.Random, one: Callable[..., Any], other: Callable[..., Any], args: tuple[Any, ...], image: Image
) -> str:
    """In words, how two classes or functions differ for these arguments and images of shape (C, H, W), or ""."""
    first, second = _made(one, args), _made(other, args)
    if isinstance(first, str) or isinstance(second, str):
        return "" if first == second else f"{args}: {_kind(first)} and {_kind(second)}"
    if chance.random() < RARELY:
        shared = [_shared(model, _made(make, args)) for model, make in ((first, one), (second, other))]
        if shared[0] != shared[1]:
            return f"{args}: two modules share {shared[0]} and {shared[1]} of their tensors"
    seed, problems = chance.randrange(2**31), []
    for pairs in islice(_pairings(first, second), MOST_PAIRINGS):
        problems.append(_same_weights_differ(random.Random(seed), first, second, pairs, image))
        if not problems[-1]:
            return ""
    return f"{args}, images {image}: {problems[0] if problems else 'other parameters or buffers'}"


def _made(make: Callable[..., Any], args: tuple[Any, ...]) -> nn.Module | str:
    """The module in float64, or the name of what came instead of it."""
    torch.default_generator.manual_seed(0)
    try:
        made = make(*args)
    except Exception as error:
        return type(error).__name__
    return made.double().train() if isinstance(made, nn.Module) else f"a {type(made).__name__}"


def _kind(made: nn.Module | str) -> str:
    return made if isinstance(made, str) else "a module"


def _shared(one: nn.Module, other: nn.Module | str) -> int:
    own, others = ({id(tensor) for tensor in _tensors(model)} for model in (one, other))
    return len(own & others)


def _tensors(model: nn.Module | str) -> list[Tensor]:
    return [] if isinstance(model, str) else [*model.parameters(), *model.buffers()]


def _pairings(one: nn.Module, other: nn.Module) -> Iterator[Pairs]:
    """The ways in which two modules' tensors may belong together: by name, or else by shape, layer by layer."""
    named = [dict([*model.named_parameters(), *model.named_buffers()]) for model in (one, other)]
    if {name: tensor.shape for name, tensor in named[0].items()} == {n: t.shape for n, t in named[1].items()}:
        yield [(tensor, named[1][name]) for name, tensor in named[0].items()]
        return
    groups = [_alike_layers(model) for model in (one, other)]
    if {key: len(layers) for key, layers in groups[0].items()} != {k: len(layers) for k, layers in groups[1].items()}:
        return
    orders = [permutations(groups[1][key]) for key in groups[0]]
    for order in product(*(islice(found, MOST_PAIRINGS) for found in orders)):
        own, others = (
            [t for layers in found for layer in layers for t in layer] for found in (groups[0].values(), order)
        )
        yield list(zip(own, others, strict=True))


def _alike_layers(model: nn.Module) -> dict[tuple[Any, ...], list[list[Tensor]]]:
    """The tensors of each layer, by their shapes, in the order of the layers. A shared layer is there once."""
    groups: dict[tuple[Any, ...], list[list[Tensor]]] = {}
    seen: set[int] = set()
    for layer in model.modules():
        own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
        own = [tensor for tensor in own if id(tensor) not in seen]
        seen |= {id(tensor) for tensor in own}
        if own:
            groups.setdefault(tuple(tuple(tensor.shape) for tensor in own), []).append(own)
    return groups


def _same_weights_differ(chance: random.Random, one: nn.Module, other: nn.Module, pairs: Pairs, image: Image) -> str:
    if [a.requires_grad for a, _ in pairs] != [b.requires_grad for _, b in pairs]:
        return "other parameters are trained"
    draws = np.random.default_rng(chance.randrange(2**31))
    sides = ((one, [a for a, _ in pairs]), (other, [b for _, b in pairs]))
    _fill(one, chance, draws)
    for training in (True, False):
        kind = chance.choice(INPUTS)
        x = _images(kind, (chance.choice((1, 2, 3)), *image), draws)
        with torch.no_grad():
            for a, b in pairs:
                b.copy_(a)
        seen = [_passed(model.train(training), tensors, x, training) for model, tensors in sides]
        problem = _seen_differ(*seen)
        if problem:
            return f"{kind} input in {'training' if training else 'evaluation'}, {problem}"
    if chance.random() > RARELY:
        return ""
    kinds = [_type_of_output(model, torch.from_numpy(draws.normal(size=(2, *image)))) for model in (one, other)]
    return "" if kinds[0] == kinds[1] else f"the output of a float32 model is {kinds[0]} and {kinds[1]}"


def _fill(model: nn.Module, chance: random.Random, draws: np.random.Generator) -> None:
    """Random weights, some large and some small; scales of both signs; variances down to BN's eps."""
    scale = chance.choice((0.2, 1, 1, 5))
    with torch.no_grad():
        for parameter in model.parameters():
            shape = tuple(parameter.shape)
            fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
            values = draws.normal(size=shape) / np.sqrt(fan_in) * scale
            parameter.copy_(torch.from_numpy(values + (0.7 if len(shape) < 2 else 0)))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.from_numpy(draws.normal(size=tuple(buffer.shape))))
            elif name.endswith("running_var"):
                buffer.copy_(torch.from_numpy(10.0 ** draws.uniform(-6, 1, size=tuple(buffer.shape))))


def _images(kind: str, shape: tuple[int, ...], draws: np.random.Generator) -> Tensor:
    """Images (N, C, H, W) in float64."""
    values = draws.normal(size=shape)
    if kind == "large":
        values *= 1000
    elif kind == "tiny":
        values *= 3e-3  # a variance of about 1e-5, BN's eps
    elif kind == "below zero":
        values = -0.01 * np.abs(values)
    elif kind == "one colour":
        values = np.broadcast_to(values[..., :1, :1], shape).copy()
    return torch.from_numpy(values)


def _states() -> tuple[Any, ...]:
    theirs: Any = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), theirs[1].tobytes(), theirs[2:]


def _passed(model: nn.Module, tensors: list[Tensor], x: Tensor, training: bool) -> Seen:
    """What one pass, and in training one way back, gives and leaves behind. The facts are in the tensors' order."""
    model.zero_grad()
    leaf = x.clone().requires_grad_()
    given = leaf * 1
    torch.default_generator.manual_seed(1)
    states = _states()
    try:
        y = model(given)
    except Exception as error:
        return {"raised": type(error).__name__}
    if not isinstance(y, Tensor):
        return {"raised": f"a {type(y).__name__} instead of a tensor"}
    seen: Seen = {"raised": "", "random numbers drawn": _states() != states, "shape": tuple(y.shape)}
    seen |= {"type": y.dtype, "input changed": not torch.equal(given.detach(), x), "output": y.detach().clone()}
    seen["statistics"] = [tensor.detach().double() for tensor in tensors if not tensor.requires_grad]
    seen["statistics"] = [tensor.clone() for tensor in seen["statistics"]]
    seen["recorded"] = y.requires_grad
    if y.requires_grad and training:
        weights = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
        try:
            (y * weights).sum().backward()
        except Exception as error:
            return seen | {"raised on the way back": type(error).__name__}
    gradients = [leaf, *(tensor for tensor in tensors if tensor.requires_grad)]
    seen["gradients"] = [torch.zeros_like(t) if t.grad is None else t.grad.clone() for t in gradients]
    return seen


def _seen_differ(one: Seen, other: Seen) -> str:
    for fact in one | other:
        a, b = one.get(fact), other.get(fact)
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            a, b = [a], [b]
        if isinstance(a, list) and isinstance(b, list):
            if tensors_differ(a, b):
                return f"other {fact}"
        elif a != b:
            return f"{fact}: {a} and {b}"
    return ""


def tensors_differ(one: list[Tensor], other: list[Tensor]) -> bool:
    """Whether two lists of tensors differ by more than rounding, measured by the largest value in all of them."""
    if [tensor.shape for tensor in one] != [tensor.shape for tensor in other]:
        return True
    largest = max((tensor.detach().abs().max().item() for tensor in one if tensor.numel()), default=0.0)
    for a, b in zip(one, other, strict=True):
        close = torch.isclose(b.detach().double(), a.detach().double(), RELATIVE, RELATIVE * largest, equal_nan=True)
        if not close.all():
            return True
    return False


def _type_of_output(model: nn.Module, x: Tensor) -> str:
    try:
        with torch.no_grad():
            return str(model.float().eval()(x.float()).dtype)
    except Exception as error:
        return type(error).__name__
    finally:
        model.double()
