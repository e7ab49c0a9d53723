"""What the banks of blocks share: programs one step away from a right block, and other ways to write the same.

A right block, ``base``, holds its layers as Conv2d, BatchNorm2d and ReLU, two of the last, and computes in ``branch``
what is added to the shortcut.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from banks import Maker, block_layouts, review, right, wrong


class Block(nn.Module):
    """What the programs here know of a right block. Its ReLU between the convolutions is the first (0) or second."""

    inner = 0

    def branch(self, x: Tensor) -> Tensor:
        """What is added to the shortcut."""
        raise NotImplementedError


Base = type[Block]
Change = Callable[[Any], None]
DRAWN = (
    "Random numbers are drawn in training, often for dropout or to leave the branch out at times; nothing asks for any."
)


def layers(block: nn.Module, kind: type[nn.Module]) -> list[tuple[nn.Module, str, nn.Module]]:
    """The layers of a kind in a block: what holds each, its name there, and itself."""
    return [
        (holder, name, layer)
        for holder in block.modules()
        for name, layer in holder.named_children()
        if isinstance(layer, kind)
    ]


def changed(base: Base, change: Change) -> Base:
    """The block, after a change to each one that is made."""

    class Own(base):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            change(self)

    return Own


def replaced(base: Base, kind: type[nn.Module], make: Callable[..., nn.Module]) -> Base:
    """The block with another layer, ``make(layer)``, for each of a kind."""

    def change(block: nn.Module) -> None:
        for holder, name, layer in layers(block, kind):
            setattr(holder, name, make(layer))

    return changed(base, change)


def with_bias(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution of the same shape, with a bias."""
    return nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)  # pyright: ignore


def norms_with(base: Base, **options: float) -> Base:
    """The block, whose BNs have these attributes."""

    def change(block: nn.Module) -> None:
        for _, _, norm in layers(block, nn.BatchNorm2d):
            vars(norm).update(options)

    return changed(base, change)


def nothing_but_zeros(base: Base, silent: Callable[[Tensor], Tensor]) -> type[nn.Module]:
    """The block without its branch: one tensor of zeros has as many values as its parameters."""

    class Own(nn.Module):
        def __init__(self, in_channels: int, out_channels: int | None = None, stride: int = 1) -> None:
            super().__init__()
            arguments = (in_channels,) if out_channels is None else (in_channels, out_channels, stride)
            self.extra, self.stride = arguments[1 % len(arguments)] - in_channels, stride
            self.zeros = nn.Parameter(torch.zeros(sum(p.numel() for p in base(*arguments).parameters())))

        def forward(self, x: Tensor) -> Tensor:
            picked = x[:, :, :: self.stride, :: self.stride]
            return silent(F.pad(picked, (0, 0, 0, 0, 0, self.extra))) + self.zeros.sum()

    return Own


def skipping(base: Base, draw: Callable[[], float], share: float) -> Base:
    """The block, whose branch is left out in a share of the passes in training."""

    class Own(base):
        def branch(self, x: Tensor) -> Tensor:
            out = super().branch(x)
            return out * 0 if self.training and draw() < share else out

    return Own


@wrong("shape", "The output is of float16, whatever the input's type is.")
def half_output(base: Base) -> Base:
    class Own(base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).half()

    return Own


@wrong("shape", "The output is of float64, whatever the input's type is.")
def double_output(base: Base) -> Base:
    class Own(base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).double()

    return Own


@wrong("details", "The output is of float32, whatever the input's type is.")
def output_always_float32(base: Base) -> Base:
    class Own(base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).float()

    return Own


@wrong("input kept", "The input is changed in training: only in evaluation mode does forward leave it as it was.")
def input_changed_in_training(base: Base) -> Base:
    class Own(base):
        def forward(self, x: Tensor) -> Tensor:
            out = super().forward(x)
            if self.training:
                x.data.relu_()
            return out

    return Own


@right
def passes_counted(base: Base) -> Base:
    class Own(base):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.register_buffer("passes", torch.tensor(0))

        def forward(self, x: Tensor) -> Tensor:
            self.passes += 1
            return super().forward(x)

    return Own


@review
def steps_counted_as_a_statistic_would_be(base: Base) -> Base:
    class Own(base):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.register_buffer("steps", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.steps += self.training
            return super().forward(x)

    return Own


@wrong("shape", "forward returns None instead of the output: `return` is missing.")
def nothing_returned(base: Base) -> Base:
    class Own(base):
        def forward(self, x: Tensor) -> None:
            super().forward(x)

    return Own


@wrong("output in training", DRAWN)
def dropout_on_the_branch(base: Base) -> Base:
    class Own(base):
        def branch(self, x: Tensor) -> Tensor:
            return F.dropout(super().branch(x), 0.01, self.training)

    return Own


@wrong("output in training", DRAWN)
def branch_skipped_at_random(base: Base) -> Base:
    return skipping(base, lambda: torch.rand(()).item(), 0.05)


@wrong("output in training", DRAWN)
def branch_hardly_ever_skipped(base: Base) -> Base:
    return skipping(base, random.random, 1e-12)  # checks don't seed these numbers


@wrong("output in training", DRAWN)
def branch_hardly_ever_skipped_by_numpy(base: Base) -> Base:
    return skipping(base, np.random.random, 1e-12)


@wrong("output in training", "The BNs' eps isn't PyTorch's default, 1e-5.")
def eps_of_other_libraries(base: Base) -> Base:
    return norms_with(base, eps=1e-3)


@wrong("details", "The BNs' eps isn't PyTorch's default, 1e-5.")
def eps_nearly_right(base: Base) -> Base:
    return norms_with(base, eps=9e-6)


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def small_momentum(base: Base) -> Base:
    return norms_with(base, momentum=0.01)


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def momentum_nearly_right(base: Base) -> Base:
    return norms_with(base, momentum=0.11)


@wrong("running statistics", "The running variance takes in the biased variance; PyTorch's BN takes the unbiased one.")
def biased_running_variance(base: Base) -> Base:
    return replaced(base, nn.BatchNorm2d, partial(block_layouts.OwnNorm, biased=True))


@wrong("output in training", "The branch's output is halved before it is added.")
def halved_branch(base: Base) -> Base:
    class Own(base):
        def branch(self, x: Tensor) -> Tensor:
            return super().branch(x) / 2

    return Own


@wrong("output in training", "The branch's output is halved before it is added.")
def halved_branch_and_weights_stored_otherwise(base: Base) -> Base:
    return inputs_first(halved_branch(base))


@wrong("output in training", "The ReLU between the two convolutions is missing.")
def no_inner_relu_and_weights_stored_otherwise(base: Base) -> Base:
    return in_place_of_relu(inputs_first(base), base.inner, nn.Identity)


@wrong("output in training", "A sigmoid stands between the two convolutions where a ReLU is asked for.")
def inner_sigmoid(base: Base) -> Base:
    return in_place_of_relu(base, base.inner, nn.Sigmoid)


@wrong("output in training", "A sigmoid stands between the two convolutions where a ReLU is asked for.")
def inner_sigmoid_and_weights_stored_otherwise(base: Base) -> Base:
    return inputs_first(inner_sigmoid(base))


@wrong("output in training", "The kernels are of 1x9 pixels; they should be of 3x3.")
def kernels_1x9(base: Base) -> Base:
    def make(conv: nn.Conv2d) -> nn.Module:
        if conv.kernel_size == (1, 1):
            return conv
        return nn.Conv2d(conv.in_channels, conv.out_channels, (1, 9), conv.stride[0], (0, 4), bias=False)

    return replaced(base, nn.Conv2d, make)


def in_place_of_relu(base: Base, place: int, make: Callable[[], nn.Module]) -> Base:
    """The block with something else for its first ReLU (0) or its second (1)."""

    def change(block: nn.Module) -> None:
        holder, name, _ = layers(block, nn.ReLU)[place]
        setattr(holder, name, make())

    return changed(base, change)


ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "relu6": (nn.ReLU6, "details", "The {place} ReLU is a ReLU6, which lets nothing through above 6."),
    "clamp": (partial(nn.Hardtanh, 0.0, 100.0), "details", "The {place} ReLU has an upper end; a ReLU has none."),
    "leaky_relu": (
        partial(nn.LeakyReLU, 1e-4),
        "details",
        "The numbers are nearly right: often a ReLU lets a little through of what is negative, as LeakyReLU does.",
    ),
    "gelu": (nn.GELU, "output in training", "The {place} ReLU is a GELU."),
}


def activations() -> Iterator[Callable[[Base], Base]]:
    """Builders of blocks in which one ReLU is something else."""
    for name, (make, first, says) in ACTIVATIONS.items():
        for place, word in enumerate(("first", "last")):
            build = wrong(first, says.format(place=word))(partial(in_place_of_relu, place=place, make=make))
            build.__name__ = f"{word}_relu_is_{name}"  # pyright: ignore[reportAttributeAccessIssue]
            yield build


@right
def constants_in_buffers(base: Base) -> Base:
    class Own(base):
        zero: Tensor
        ones: Tensor
        mask: Tensor

        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.register_buffer("zero", torch.zeros(1))
            self.register_buffer("ones", torch.ones(1, 1, 1, 1))
            self.register_buffer("mask", torch.ones(args[0], dtype=torch.bool), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            kept = torch.where(self.mask.view(1, -1, 1, 1), x, self.zero)
            return super().forward(kept) * self.ones + self.zero

    return Own


@right
def dropout_of_nothing(base: Base) -> Base:
    class Own(base):
        def branch(self, x: Tensor) -> Tensor:
            return F.dropout(super().branch(x), 0.0, self.training)

    return Own


@right
def checkpointed_branch(base: Base) -> Base:
    class Own(base):
        def branch(self, x: Tensor) -> Tensor:
            out = checkpoint(super().branch, x, use_reentrant=False, preserve_rng_state=False)
            assert isinstance(out, Tensor)
            return out

    return Own


@right
def compiled_module(base: Base) -> Callable[..., nn.Module]:
    return lambda *args: torch.compile(base(*args), backend="eager")  # pyright: ignore


@right
def compiled_class(base: Base) -> Base:
    class Own(base):  # torch.compile changes the class itself
        pass

    return torch.compile(Own, backend="eager")  # pyright: ignore


@right
def compiled_forward(base: Base) -> Base:
    class Own(base):
        @torch.compile(backend="eager")
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    return Own


@right
def inputs_first(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Stored, order=(1, 0, 2, 3)))


@right
def kernel_first(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Stored, order=(2, 3, 1, 0)))


@right
def matrices(base: Base) -> Base:
    return replaced(base, nn.Conv2d, block_layouts.Matrix)


@right
def transposed_matrices(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Matrix, transposed=True))


@right
def cut_in_halves_by_output(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Cut, axis=0, first=0.5))


@right
def cut_unequally_by_output(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Cut, axis=0, first=0.3))


@right
def cut_in_halves_by_input(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Cut, axis=1, first=0.5))


@right
def cut_unequally_by_input(base: Base) -> Base:
    return replaced(base, nn.Conv2d, partial(block_layouts.Cut, axis=1, first=0.3))


@right
def scale_over_shift(base: Base) -> Base:
    return replaced(base, nn.BatchNorm2d, partial(block_layouts.Norm, arranged=(2, -1)))


@right
def scale_beside_shift(base: Base) -> Base:
    return replaced(base, nn.BatchNorm2d, partial(block_layouts.Norm, arranged=(-1, 2)))


@right
def scale_and_shift_in_a_row(base: Base) -> Base:
    return replaced(base, nn.BatchNorm2d, partial(block_layouts.Norm, arranged=(-1,)))


@right
def batch_norm_in_arithmetic(base: Base) -> Base:
    return replaced(base, nn.BatchNorm2d, block_layouts.OwnNorm)


@right
def one_vector_for_all(base: Base) -> type[nn.Module]:
    return block_layouts.in_one_vector(base, nn.Module)


@right
def one_vector_for_the_convolutions(base: Base) -> type[nn.Module]:
    return block_layouts.in_one_vector(base, nn.Conv2d)


@review
def even_elements_first(base: Base) -> Base:
    return replaced(base, nn.Conv2d, block_layouts.Scrambled)


def builders() -> Mapping[str, Any]:
    """All programs above, by name."""
    here = {name: value for name, value in globals().items() if hasattr(value, "expected")}
    return here | {build.__name__: build for build in activations()}


def programs(
    base: Base, without: tuple[str, ...] = (), expected: dict[str, tuple[str, str]] | None = None
) -> list[Maker]:
    """The programs above, made from an exercise's right block, without those of some names.

    ``expected`` gives, by name, the check that must fail first and the misconception where this exercise has its own.
    Raises ValueError for a name that no program has.
    """
    known = builders()
    own: dict[str, Any] = {name: ("wrong", *words) for name, words in (expected or {}).items()}
    if unknown := {*without, *own} - known.keys():
        raise ValueError(f"No program is called {', '.join(sorted(unknown))}.")
    return [
        _program(name, build, base, own.get(name, build.expected))
        for name, build in known.items()
        if name not in without
    ]


def _program(name: str, build: Callable[[Base], object], base: Base, expected: tuple[str, ...]) -> Maker:
    def make() -> object:
        return build(base)

    make.__name__ = name
    make.expected = expected  # pyright: ignore[reportFunctionMemberAccess]
    return make
