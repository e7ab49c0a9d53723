"""Whether two training loops, evaluations, counters or ways to split weights do the same."""

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks.equality_of_modules import tensors_differ

Batches = list[tuple[Tensor, Tensor]]
Found = dict[str, Any]


class Classifier(nn.Module):
    """A small net in float64 that notes in which mode, and whether with gradients, it is called."""

    def __init__(self, draws: np.random.Generator, channels: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)
        self.fc = nn.Linear(3, classes)
        self.double()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.from_numpy(draws.normal(size=tuple(parameter.shape))))
        self.noted: set[str] = set()

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))
        self.noted |= {f"training {module.training}" for module in self.modules()}
        self.noted.add(f"gradients {y.requires_grad}")
        return y


class Once:
    """Batches that can be passed through once, and have no length."""

    def __init__(self, batches: Batches) -> None:
        self.left = iter(batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self.left


def _batches(chance: random.Random, draws: np.random.Generator, channels: int, classes: int) -> Batches:
    sizes = [chance.randint(1, 6) for _ in range(chance.randint(1, 4))]
    return [
        (
            torch.from_numpy(draws.normal(size=(size, channels, 3, 4))),
            torch.from_numpy(draws.integers(classes, size=size)),
        )
        for size in sizes
    ]


def _handed_over(chance: random.Random, batches: Batches) -> Iterable[tuple[Tensor, Tensor]]:
    own = [(images.clone(), labels.clone()) for images, labels in batches]
    return chance.choice((own, tuple(own), iter(own), Once(own)))


def _optimizer(chance: random.Random, model: nn.Module) -> torch.optim.Optimizer:
    if chance.random() < 0.5:
        return torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.8, weight_decay=0.01)
    return torch.optim.Adam(model.parameters(), lr=0.05)


def _returned(call: Callable[[], Any]) -> Found:
    """What a call returns: the name of its type, and the number; or the name of what it raises."""
    try:
        value = call()
    except Exception as error:
        return {"raised": type(error).__name__}
    number = float(value.detach()) if isinstance(value, Tensor) and value.numel() == 1 else value
    return {"type": type(value).__name__, "number": number}


def loops_differ(chance: random.Random, one: Callable[..., Any], other: Callable[..., Any]) -> str:
    """In words, how two ``train_one_epoch`` differ, or "". Old gradients are there, and the mode is any."""
    draws = np.random.default_rng(chance.randrange(2**31))
    channels, classes = chance.randint(1, 3), chance.randint(2, 5)
    batches, model = _batches(chance, draws, channels, classes), Classifier(draws, channels, classes)
    for parameter in model.parameters():
        parameter.grad = torch.from_numpy(draws.normal(size=tuple(parameter.shape)))
    model.train(chance.random() < 0.5).bn.train(chance.random() < 0.5)
    smoothing, seed = chance.choice((0.0, 0.3)), chance.randrange(2**31)
    found = []
    for function in (one, other):
        own = copy.deepcopy(model)
        for parameter, old in zip(own.parameters(), model.parameters(), strict=True):
            parameter.grad = old.grad if old.grad is None else old.grad.clone()
        same = random.Random(seed)
        optimizer, handed = _optimizer(same, own), _handed_over(same, batches)
        call = lambda: function(own, handed, optimizer, lambda y, t: F.cross_entropy(y, t, label_smoothing=smoothing))  # noqa: B023, E731
        facts = _returned(call)
        states = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
        tensors = [*own.parameters(), *own.buffers(), *states]
        found.append(facts | {"noted": own.noted, "recording": torch.is_grad_enabled(), "tensors": tensors})
    return _found_differ("train_one_epoch", *found)


def evaluations_differ(chance: random.Random, one: Callable[..., Any], other: Callable[..., Any]) -> str:
    """In words, how two functions that give the share of right answers differ, or ""."""
    draws = np.random.default_rng(chance.randrange(2**31))
    channels, classes = chance.randint(1, 3), chance.randint(2, 5)
    batches, model = _batches(chance, draws, channels, classes), Classifier(draws, channels, classes)
    model.train(chance.random() < 0.7).bn.train(chance.random() < 0.5)
    seed, found = chance.randrange(2**31), []
    with torch.no_grad():
        likely = [(images, copy.deepcopy(model).eval()(images).argmax(1)) for images, _ in batches]
    batches = [
        (images, torch.where(torch.from_numpy(draws.random(len(labels)) < 0.6), right, labels))
        for (images, right), (_, labels) in zip(likely, batches, strict=True)
    ]
    for function in (one, other):
        own, handed = copy.deepcopy(model), _handed_over(random.Random(seed), batches)
        own.noted = set()
        facts = _returned(lambda: function(own, handed))  # noqa: B023
        recording = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        tensors, trained = [*own.parameters(), *own.buffers()], [p.requires_grad for p in own.parameters()]
        found.append(facts | {"noted": own.noted, "recording": recording, "tensors": tensors, "trained": trained})
    return _found_differ("evaluate", *found)


class Odd(nn.Conv2d):
    """A convolution of a class of its own."""


class Net(nn.Module):
    """Random layers, some called twice, with a parameter of its own."""

    def __init__(self, chance: random.Random, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(chance.randint(1, 3)))
        self.layers = nn.ModuleList()
        self.calls: list[int] = []
        for _ in range(chance.randint(1, 5)):
            layer, channels = _layer(chance, channels)
            self.layers.append(layer)
            self.calls.append(chance.choice((1, 1, 1, 2)) if isinstance(layer, nn.Linear | nn.BatchNorm2d) else 1)
        self.layers.requires_grad_(chance.random() < 0.7)

    def forward(self, x: Tensor) -> Tensor:
        for layer, calls in zip(self.layers, self.calls, strict=True):
            for _ in range(calls):
                x = layer(x.movedim(1, -1)).movedim(-1, 1) if isinstance(layer, nn.Linear) else layer(x)
        return x * self.scale.sum()


def _layer(chance: random.Random, channels: int) -> tuple[nn.Module, int]:
    kind = chance.choice(("conv", "conv", "grouped", "odd", "linear", "bn", "relu", "nested"))
    if kind in ("conv", "odd"):
        outputs, height, width = chance.randint(1, 5), chance.choice((1, 3)), chance.choice((1, 3, 5))
        options = {"stride": chance.randint(1, 2), "padding": (height // 2, width // 2), "bias": chance.random() < 0.5}
        return (Odd if kind == "odd" else nn.Conv2d)(channels, outputs, (height, width), **options), outputs
    if kind == "grouped":
        return nn.Conv2d(channels, 2 * channels, 3, padding=1, groups=channels), 2 * channels
    if kind == "linear":
        return nn.Linear(channels, channels), channels
    if kind == "nested":
        layer = nn.Conv2d(channels, channels, 1)
        return nn.Sequential(layer, nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), layer)), channels
    return nn.BatchNorm2d(channels) if kind == "bn" else nn.ReLU(), channels


def counters_differ(chance: random.Random, one: tuple[Any, ...], other: tuple[Any, ...]) -> str:
    """In words, how two pairs of counters differ, or "": in the numbers, or in what they leave behind."""
    shape = (chance.randint(1, 4), chance.randint(1, 7), chance.randint(1, 7))
    torch.manual_seed(chance.randrange(2**31))
    model = Net(chance, shape[0])
    for module in model.modules():
        module.training = chance.random() < 0.5
    if chance.random() < 0.2:
        model = nn.Conv2d(shape[0], 3, 3, padding=1)
    found = []
    for parameters, macs in (one, other):
        own = copy.deepcopy(model)
        facts: Found = {}
        for name, call in (("parameters", lambda: parameters(own)), ("MACs", lambda: macs(own, shape))):  # noqa: B023
            for turn in ("", " again"):
                facts |= {f"{name}{turn}, {fact}": value for fact, value in _returned(call).items()}
        facts["modes"] = [module.training for module in own.modules()]
        facts["hooks"] = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in own.modules()]
        facts["trained"] = [(p.requires_grad, p.grad is None) for p in own.parameters()]
        facts["recording"] = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        found.append(facts | {"tensors": [*own.parameters(), *own.buffers()]})
    return _found_differ("the counters", *found)


def paths_differ(chance: random.Random, one: tuple[Any, ...], other: tuple[Any, ...]) -> str:
    """In words, how two ``split_paths`` differ, or ""."""
    draws = np.random.default_rng(chance.randrange(2**31))
    groups, width, inputs, outputs = (chance.randint(1, 5) for _ in range(4))
    inner = groups * width
    shapes = (inner, inputs, 1, 1), (inner, width, 3, 3), (outputs, inner, 1, 1)
    weights = [torch.from_numpy(draws.normal(size=shape)) for shape in shapes]
    if chance.random() < 0.3:
        weights = [weight.float() for weight in weights]
    found = [_paths(function, [weight.clone() for weight in weights], groups) for (function,) in (one, other)]
    return _found_differ("split_paths", *found)


def _paths(function: Callable[..., Any], weights: list[Tensor], groups: int) -> Found:
    try:
        paths = function(*weights, groups)
    except Exception as error:
        return {"raised": type(error).__name__}
    facts: Found = {"type": type(paths).__name__, "given": [weight.tolist() for weight in weights]}
    try:
        triples = [[(weight.dtype, weight.shape, weight.tolist()) for weight in path] for path in paths]
    except Exception as error:
        return facts | {"no triples": type(error).__name__}
    return facts | {"in it": {type(path).__name__ for path in paths} <= {"list", "tuple"}, "triples": triples}


def _found_differ(name: str, one: Found, other: Found) -> str:
    for fact in one | other:
        a, b = one.get(fact), other.get(fact)
        if fact == "tensors":
            if tensors_differ(one["tensors"], other["tensors"]):
                return f"{name} leaves other weights or statistics"
        elif isinstance(a, float) and isinstance(b, float):
            if abs(a - b) > 1e-6 * max(abs(a), abs(b)) and not (a != a and b != b):
                return f"{name}, {fact}: {a} and {b}"
        elif a != b:
            return f"{name}, {fact}: {str(a)[:80]} and {str(b)[:80]}"
    return ""
