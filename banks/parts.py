"""Programs that all exercises on nets share: layers written otherwise, which is right, and details that are wrong.

An exercise's bank gives ``build(parts)``, the learner's right class or function made of the given parts.
"""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import Maker

Function = Callable[[Tensor], Tensor]
Place = Literal["stem", "middle", "last"]
PLACES: tuple[Place, ...] = ("stem", "middle", "last")


def usual_conv(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Module:
    """A convolution without bias that keeps the size of the map at stride 1."""
    return nn.Conv2d(before, after, size, stride, size // 2, bias=False)


@dataclass(frozen=True)
class Parts:
    """What a net is made of. The functions follow the stem's BN, a block's first BN, and the block's addition."""

    conv: Callable[[int, int, int, int], nn.Module] = usual_conv
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d
    linear: Callable[[int, int], nn.Module] = nn.Linear
    relu: Mapping[Place, Function] = field(default_factory=lambda: dict.fromkeys(PLACES, F.relu))

    def after(self, place: Place, function: Function) -> "Parts":
        """The same with another function at one place."""
        return replace(self, relu={**self.relu, place: function})


USUAL = Parts()
Build = Callable[[Parts], Callable[..., nn.Module]]


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class StoredConv(nn.Module):
    """A convolution whose weight is stored with its axes in another order, and mirrored if so asked."""

    def __init__(
        self, order: Sequence[int], before: int, after: int, size: int = 3, stride: int = 1, mirrored: bool = False
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.mirrored = stride, size // 2, mirrored
        self.back = [order.index(axis) for axis in range(4)]
        self.weight = nn.Parameter(0.1 * torch.randn(after, before, size, size).permute(*order).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.permute(self.back)
        return F.conv2d(x, weight.flip(3) if self.mirrored else weight, None, self.stride, self.padding)


class MatrixConv(nn.Module):
    """A convolution as a product of a matrix and the patches of the map."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.matrix = nn.Parameter(0.1 * torch.randn(after, before * size**2))

    def forward(self, x: Tensor) -> Tensor:
        height, width = ((side + 2 * (self.size // 2) - self.size) // self.stride + 1 for side in x.shape[2:])
        patches = F.unfold(x, self.size, padding=self.size // 2, stride=self.stride)
        return (self.matrix @ patches).unflatten(2, (height, width))


class ConvByOutput(nn.Module):
    """A convolution in two, of which the first makes the first ``share`` of the channels."""

    def __init__(self, share: float, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        first = max(1, int(share * after))
        self.a = usual_conv(before, first, size, stride)
        self.b = usual_conv(before, after - first, size, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.a(x), self.b(x)], 1)


class ConvByInput(nn.Module):
    """A convolution as a sum of two, of which the first reads a quarter of the channels, if there are two."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        first = max(1, before // 4)
        self.sizes = [first, before - first] if before > 1 else [before]
        self.parts = nn.ModuleList(usual_conv(part, after, size, stride) for part in self.sizes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([part(y) for part, y in zip(self.parts, x.split(self.sizes, 1), strict=True)]).sum(0)


class JoinedNorm(nn.Module):
    """BN whose scale and shift are one tensor: side by side along ``axis``, or in a row where that is None."""

    def __init__(self, axis: int | None, channels: int) -> None:
        super().__init__()
        self.axis = axis
        self.norm = nn.BatchNorm2d(channels, affine=False)
        both = [torch.ones(channels), torch.zeros(channels)]
        self.both = nn.Parameter(torch.cat(both) if axis is None else torch.stack(both, axis))

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.both.chunk(2) if self.axis is None else self.both.unbind(self.axis)
        return self.norm(x) * scale[:, None, None] + shift[:, None, None]


class OwnNorm(nn.Module):
    """BN from its formula."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))
        self.register_buffer("average", torch.zeros(channels, 1, 1))
        self.register_buffer("spread", torch.ones(channels, 1, 1))
        self.average: Tensor
        self.spread: Tensor

    def forward(self, x: Tensor) -> Tensor:
        average, spread = self.average, self.spread
        if self.training:
            average = x.mean((0, 2, 3)).view(-1, 1, 1)
            spread = (x - average).square().mean((0, 2, 3)).view(-1, 1, 1)
            number = x.numel() / x.shape[1]
            with torch.no_grad():
                self.average.lerp_(average, 0.1)
                self.spread.lerp_(spread * number / (number - 1), 0.1)
        return (x - average) / torch.sqrt(spread + 1e-5) * self.gamma + self.beta


class TransposedLinear(nn.Module):
    """A linear layer whose weight is stored as (before, after)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(before, after)), nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Around(nn.Module):
    """A net, and what becomes of its scores: ``finish(scores, training)``."""

    def __init__(self, finish: Callable[[Tensor, bool], Tensor], net: nn.Module) -> None:
        super().__init__()
        self.net, self.finish = net, finish

    def forward(self, x: Tensor) -> Tensor:
        return self.finish(self.net(x), self.training)


class Constants(nn.Module):
    """A net and two constants in buffers, which leave its scores as they are."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mask", torch.ones(1))
        self.register_buffer("zero", torch.zeros(()))
        self.mask: Tensor
        self.zero: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) * self.mask + self.zero


class Vector(nn.Module):
    """A net whose parameters of at least ``axes`` axes are one vector, in reading order."""

    def __init__(self, axes: int, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.places: list[tuple[nn.Module, str, torch.Size]] = []
        values = []
        for module in list(net.modules()):
            for name, parameter in list(module.named_parameters(recurse=False)):
                if parameter.dim() >= axes:
                    self.places.append((module, name, parameter.shape))
                    values.append(parameter.detach().flatten())
                    del module._parameters[name]  # a tensor that is no parameter takes its place
        self.vector = nn.Parameter(torch.cat(values))

    def forward(self, x: Tensor) -> Tensor:
        parts = self.vector.split([shape.numel() for _, _, shape in self.places])
        for (module, name, shape), part in zip(self.places, parts, strict=True):
            setattr(module, name, part.view(shape))
        return self.net(x)


class OnlyAVector(nn.Module):
    """As many parameters as the net has, and nothing that looks at the images."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(sum(parameter.numel() for parameter in net.parameters())))
        self.classes = [layer.out_features for layer in net.modules() if isinstance(layer, nn.Linear)][-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.vector.sum().expand(len(x), self.classes)


def wrapped(wrap: Callable[[nn.Module], Any], parts: Parts = USUAL) -> Callable[[Build], Callable[..., Any]]:
    """From a ``build``, a class or function whose nets are wrapped."""

    def of(build: Build) -> Callable[..., Any]:
        make = build(parts)

        def make_net(*args: Any, **options: Any) -> Any:
            return wrap(make(*args, **options))

        return make_net

    return of


def made_of(parts: Parts) -> Callable[[Build], Callable[..., nn.Module]]:
    """From a ``build``, the class or function made of the parts."""
    return lambda build: build(parts)


def finished(finish: Callable[[Tensor, bool], Tensor], parts: Parts = USUAL) -> Callable[[Build], Callable[..., Any]]:
    """From a ``build``, a class or function whose nets' scores go through ``finish``."""
    return wrapped(partial(Around, finish), parts)


def now_and_then(scores: Tensor, training: bool) -> Tensor:
    """Almost never zeros in place of the scores, but it could be."""
    return scores * 0 if training and random.random() < 1e-12 else scores


IN_OUT = Parts(conv=partial(StoredConv, (1, 0, 2, 3)))
LAST = Parts(conv=partial(StoredConv, (2, 3, 1, 0)), linear=TransposedLinear)
MIRRORED = Parts(conv=partial(StoredConv, (0, 1, 2, 3), mirrored=True))
WORDS: dict[Place, str] = {
    "stem": "after the stem's BN",
    "middle": "between a block's two convolutions",
    "last": "at a block's end",
}
CUT_OFF = "What comes out of the ReLU {} is cut off at {}."
LEAKY = "The ReLU {} lets a share of what is negative through, {:g} of it, as a leaky ReLU does."

Change = Callable[[Build], Any]
RIGHT: dict[str, Change] = {
    "weights_stored_in_out": made_of(IN_OUT),
    "weights_stored_last": made_of(LAST),
    "weights_as_matrices": made_of(Parts(conv=MatrixConv)),
    "convolutions_cut_in_halves": made_of(Parts(conv=partial(ConvByOutput, 0.5))),
    "convolutions_cut_unequally": made_of(Parts(conv=partial(ConvByOutput, 0.25))),
    "convolutions_cut_by_input": made_of(Parts(conv=ConvByInput)),
    "scales_above_shifts": made_of(Parts(norm=partial(JoinedNorm, 0))),
    "scales_beside_shifts": made_of(Parts(norm=partial(JoinedNorm, 1))),
    "scales_and_shifts_in_a_row": made_of(Parts(norm=partial(JoinedNorm, None))),
    "own_norms": made_of(Parts(norm=OwnNorm)),
    "constants_in_buffers": wrapped(Constants),
    "all_weights_in_a_vector": wrapped(partial(Vector, 1)),
    "convolutions_in_a_vector": wrapped(partial(Vector, 4)),
    "compiled": wrapped(partial(torch.compile, backend="eager")),
    "dropout_of_nothing": finished(lambda scores, training: F.dropout(scores, 0.0, training)),
}
REVIEW: dict[str, Change] = {"kernels_mirrored": made_of(MIRRORED)}
WRONG: dict[str, tuple[Change, str, str]] = {
    "half_scores": (finished(lambda scores, _: scores.half()), "shape", "The scores are turned into float16."),
    "double_scores": (finished(lambda scores, _: scores.double()), "shape", "The scores are turned into float64."),
    "dropout": (
        finished(lambda scores, training: F.dropout(scores, 0.01, training)),
        "output in training",
        "A dropout is applied to the scores in training.",
    ),
    "chance": (
        finished(now_and_then),
        "output in training",
        "forward draws random numbers in training, and so may compute something else each time.",
    ),
    "only_a_vector": (wrapped(OnlyAVector), "output in training", "The scores don't depend on the images."),
    "large_eps": (
        made_of(Parts(norm=partial(nn.BatchNorm2d, eps=1e-3))),
        "output in training",
        "The BNs' eps is 1e-3, where PyTorch's default is 1e-5.",
    ),
    "small_eps": (
        made_of(Parts(norm=partial(nn.BatchNorm2d, eps=1e-6))),
        "details",
        "The BNs' eps is 1e-6, where PyTorch's default is 1e-5.",
    ),
    "momentum_a_little_larger": (
        made_of(Parts(norm=partial(nn.BatchNorm2d, momentum=0.11))),
        "running statistics",
        "The BNs' momentum is 0.11, where PyTorch's default is 0.1.",
    ),
    "stored_in_out_and_halved": (
        finished(lambda scores, _: scores / 2, IN_OUT),
        "output in training",
        "The scores are halved at the end.",
    ),
}


def cut_off(place: Place, most: float) -> tuple[Change, str]:
    """A ReLU that lets nothing above ``most`` through, and what it does in words."""
    return made_of(USUAL.after(place, lambda x: x.clamp(0, most))), CUT_OFF.format(WORDS[place], most)


def leaky(place: Place, slope: float) -> tuple[Change, str]:
    """A leaky ReLU, and what it does in words."""
    function = partial(F.leaky_relu, negative_slope=slope)
    return made_of(USUAL.after(place, function)), LEAKY.format(WORDS[place], slope)


def at_places(name: str, programs: Iterable[tuple[Change, str]], first: str) -> dict[str, tuple[Change, str, str]]:
    """One program for each place, by its name."""
    found = zip(PLACES, programs, strict=True)
    return {f"{name}_{place}": (change, first, says) for place, (change, says) in found}


AT_PLACES: dict[str, tuple[Change, str, str]] = {
    **at_places("relu6", (cut_off(place, 6) for place in PLACES), "output in evaluation"),
    **at_places("clamped", (cut_off(place, 100 if place == "stem" else 1000) for place in PLACES), "details"),
    **at_places("leaky", (leaky(place, 0.1) for place in PLACES), "output in training"),
    "a_little_leaky_stem": (leaky("stem", 5e-5)[0], "details", "A ReLU lets a little of what is negative through."),
    "stored_in_out_without_relu_middle": (
        made_of(IN_OUT.after("middle", lambda x: x)),
        "output in training",
        "No ReLU stands between a block's two convolutions.",
    ),
    "stored_last_with_sigmoid_middle": (
        made_of(LAST.after("middle", torch.sigmoid)),
        "output in training",
        "A sigmoid stands between a block's two convolutions.",
    ),
}


def programs(
    build: Build,
    places: Sequence[Place] = PLACES,
    first: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> list[Maker]:
    """The programs above for one exercise, with faults of the functions at these places.

    ``first`` gives, by name, the check that must fail first where it is another one here. ``without`` names those whose
    first failing check depends on the weights. Raises ValueError for a name that no wrong program has.
    """
    first = first or {}
    wrong = WRONG | {name: value for name, value in AT_PLACES.items() if name.endswith(tuple(places))}
    if unknown := {*first, *without} - wrong.keys():
        raise ValueError(f"No program is called {', '.join(sorted(unknown))}.")
    return [
        *(named(name, partial(change, build), "right") for name, change in RIGHT.items()),
        *(named(name, partial(change, build), "review") for name, change in REVIEW.items()),
        *(
            named(name, partial(change, build), "wrong", first.get(name, check), says)
            for name, (change, check, says) in wrong.items()
            if name not in without
        ),
    ]


def variations(
    found: Mapping[str, Any], base: Any, expected: Mapping[str, tuple[str, str]], without: Collection[str] = ()
) -> list[Maker]:
    """Of what is ``found`` in a module, the programs, which are made from an exercise's right net ``base``.

    ``expected`` gives, by name, the check that must fail first and the misconception where this exercise has its own;
    an empty misconception is as it was. ``without`` names those that make no sense here. Raises ValueError for a name
    that no program has.
    """
    builders = {name: value for name, value in found.items() if hasattr(value, "expected")}
    if unknown := {*expected, *without} - builders.keys():
        raise ValueError(f"No program is called {', '.join(sorted(unknown))}.")
    here = {name: build.expected for name, build in builders.items()}
    here |= {name: ("wrong", check, says or here[name][2]) for name, (check, says) in expected.items()}
    return [named(name, partial(build, base), *here[name]) for name, build in builders.items() if name not in without]


def named(name: str, make: Callable[[], object], *expected: str) -> Maker:
    """The maker of a program of this name, marked as :func:`banks.wrong` and its kin do."""

    def maker() -> object:
        return make()

    maker.__name__ = name
    maker.expected = expected  # pyright: ignore[reportFunctionMemberAccess]
    return maker
