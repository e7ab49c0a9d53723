"""Bottlenecks whose parameters are laid out otherwise, and right ones written in other ways than is usual."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from banks import review, right, wrong
from banks.bottlenecks import Block, conv


class Stored(nn.Module):
    """A convolution whose weight is stored in a shape of its own. ``usual`` gives it as (out, in, height, width)."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.size, self.stride, self.groups = size, stride, groups
        self.usual_shape = (outputs, inputs // groups, size, size)
        self.weight = nn.Parameter(self.stored(torch.randn(self.usual_shape)))

    def stored(self, weight: Tensor) -> Tensor:
        return weight.clone()

    def usual(self, weight: Tensor) -> Tensor:
        return weight

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.usual(self.weight), stride=self.stride, padding=self.size // 2, groups=self.groups)


def with_conv(made: Callable[..., nn.Module], block: type[Block] = Block) -> type[Block]:
    """The block with other layers for all its convolutions."""

    class Own(block):
        conv = staticmethod(made)

    return Own


class Permuted(Stored):
    order = (0, 1, 2, 3)

    def stored(self, weight: Tensor) -> Tensor:
        return weight.permute(self.order).contiguous()

    def usual(self, weight: Tensor) -> Tensor:
        return weight.permute([self.order.index(axis) for axis in range(4)])


class InputFirst(Permuted):
    order = (1, 0, 2, 3)


class KernelFirst(Permuted):
    order = (2, 3, 1, 0)


class Matrix(Stored):
    """One matrix for a group, as for patches laid out by ``F.unfold``."""

    def stored(self, weight: Tensor) -> Tensor:
        return weight.flatten(1)

    def usual(self, weight: Tensor) -> Tensor:
        return weight.reshape(self.usual_shape)


class Scrambled(Stored):
    """All elements of the weight in another order."""

    def order(self) -> Tensor:
        return torch.randperm(math.prod(self.usual_shape), generator=torch.Generator().manual_seed(1))

    def stored(self, weight: Tensor) -> Tensor:
        return weight.flatten()[self.order()]

    def usual(self, weight: Tensor) -> Tensor:
        return weight[self.order().argsort()].reshape(self.usual_shape)


class Cut(nn.Module):
    """A convolution made of parts, which make output channels side by side. A grouped one is left whole."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(conv(inputs, width, size, stride) for width in widths)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self.parts], 1)


class Added(nn.Module):
    """A convolution made of parts, each of which reads some of the input channels."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__()
        self.widths = (inputs - inputs // 2, inputs // 2)
        self.parts = nn.ModuleList(conv(width, outputs, size, stride) for width in self.widths)

    def forward(self, x: Tensor) -> Tensor:
        first, second = (part(piece) for part, piece in zip(self.parts, x.split(self.widths, 1), strict=True))
        return first + second


@right
def input_channels_first() -> type[Block]:
    return with_conv(InputFirst)


@right
def kernel_first() -> type[Block]:
    return with_conv(KernelFirst)


@right
def matrices_of_patches() -> type[Block]:
    return with_conv(Matrix)


@right
def transposed_linear_layers() -> type[Block]:
    class Pointwise(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.stride = stride
            self.weight = nn.Parameter(torch.randn(inputs, outputs))

        def forward(self, x: Tensor) -> Tensor:
            thin = x[..., :: self.stride, :: self.stride]
            return (thin.movedim(1, -1) @ self.weight).movedim(-1, 1)

    def made(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        return Pointwise(inputs, outputs, stride) if size == 1 else conv(inputs, outputs, size, stride, groups)

    return with_conv(made)


@right
def linear_layers_for_the_1x1() -> type[Block]:
    class Pointwise(nn.Linear):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__(inputs, outputs, bias=False)
            self.stride = stride

        def forward(self, input: Tensor) -> Tensor:
            thin = input[..., :: self.stride, :: self.stride]
            return super().forward(thin.movedim(1, -1)).movedim(-1, 1)

    def made(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        return Pointwise(inputs, outputs, stride) if size == 1 else conv(inputs, outputs, size, stride, groups)

    return with_conv(made)


@right
def cut_in_two_along_the_outputs() -> type[Block]:
    def made(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        if groups > 1:
            return conv(inputs, outputs, size, stride, groups)
        return Cut(inputs, outputs, size, stride, (outputs - outputs // 2, outputs // 2))

    return with_conv(made)


@right
def cut_unequally_along_the_outputs() -> type[Block]:
    def made(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        if groups > 1 or size == 1:
            return conv(inputs, outputs, size, stride, groups)
        return Cut(inputs, outputs, size, stride, (1, outputs - 1) if outputs > 1 else (1,))

    return with_conv(made)


@right
def cut_along_the_inputs() -> type[Block]:
    def made(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        if groups > 1 or size == 1:
            return conv(inputs, outputs, size, stride, groups)
        return Added(inputs, outputs, size, stride)

    return with_conv(made)


class Norm(nn.Module):
    """A BN written by hand, with scale and shift in one tensor, by default (2, channels)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.both = nn.Parameter(self.stored(torch.stack((torch.ones(channels), torch.zeros(channels)))))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def stored(self, both: Tensor) -> Tensor:
        return both.clone()

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        scale, shift = self.both
        return scale, shift

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.get_buffer("mean"), self.get_buffer("variance")
        if self.training:
            number = x.numel() / x.shape[1]
            batch_mean, batch_variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                mean.lerp_(batch_mean, 0.1)
                variance.lerp_(batch_variance * number / (number - 1), 0.1)
            mean, variance = batch_mean, batch_variance
        scale, shift = self.scale_and_shift()
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        return x * scale[:, None, None] + shift[:, None, None]


class InColumns(Norm):
    def stored(self, both: Tensor) -> Tensor:
        return both.T.contiguous()

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        return self.both[:, 0], self.both[:, 1]


class InARow(Norm):
    def stored(self, both: Tensor) -> Tensor:
        return both.flatten()

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        scale, shift = self.both.chunk(2)
        return scale, shift


class OneBuffer(nn.Module):
    """A BN whose two running statistics are one buffer (2, channels)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("statistics", torch.stack((torch.zeros(channels), torch.ones(channels))))

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.get_buffer("statistics")
        return F.batch_norm(x, mean, variance, self.gamma, self.beta, self.training)


def with_own_norm(made: Callable[..., nn.Module]) -> type[Block]:
    class Own(Block):
        norm = staticmethod(made)

    return Own


@right
def scale_and_shift_in_two_rows() -> type[Block]:
    return with_own_norm(Norm)


@right
def scale_and_shift_in_two_columns() -> type[Block]:
    return with_own_norm(InColumns)


@right
def scale_and_shift_in_one_row() -> type[Block]:
    return with_own_norm(InARow)


@right
def statistics_in_one_buffer() -> type[Block]:
    return with_own_norm(OneBuffer)


def flat(block: type[Block], kinds: tuple[type[nn.Module], ...], reverse: bool = False) -> type[Block]:
    """The block with the parameters of these layers in one vector, in reading order."""

    class Own(block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.places: list[tuple[nn.Module, str, Tensor]] = []
            for layer in [module for module in self.modules() if isinstance(module, kinds)]:
                for name, parameter in list(layer.named_parameters(recurse=False)):
                    delattr(layer, name)
                    self.places.append((layer, name, parameter.detach()))
            whole = torch.cat([values.flatten() for _, _, values in self.places])
            self.values = nn.Parameter(whole.flip(0) if reverse else whole)

        def forward(self, x: Tensor) -> Tensor:
            values = self.values.flip(0) if reverse else self.values
            parts = values.split([values.numel() for _, _, values in self.places])
            for (layer, name, old), part in zip(self.places, parts, strict=True):
                setattr(layer, name, part.reshape(old.shape))
            return super().forward(x)

    return Own


ALL = (nn.Conv2d, nn.BatchNorm2d)


@right
def one_vector_for_all() -> type[Block]:
    return flat(Block, ALL)


@right
def one_vector_for_the_convolutions() -> type[Block]:
    return flat(Block, (nn.Conv2d,))


@review
def one_vector_from_the_end() -> type[Block]:
    return flat(Block, ALL, reverse=True)


@review
def scrambled_weights() -> type[Block]:
    return with_conv(Scrambled)


@wrong("output in training", "Nothing is computed with the parameters: the shortcut alone comes out, cut or padded.")
def one_vector_of_zeros() -> type[nn.Module]:
    class Own(nn.Module):
        def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
            super().__init__()
            usual = Block(inputs, inner, outputs, stride, groups)
            self.values = nn.Parameter(torch.zeros(sum(parameter.numel() for parameter in usual.parameters())))
            self.stride, self.more = stride, outputs - inputs

        def forward(self, x: Tensor) -> Tensor:
            x = F.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
            return F.relu(x + 0 * self.values.sum())

    return Own


class Halved(Block):
    def branch(self, x: Tensor) -> Tensor:
        return super().branch(x) / 2


class WithoutSecondReLU(Block):
    def relu(self, x: Tensor, place: int) -> Tensor:
        return x if place == 2 else super().relu(x, place)


class WithSigmoid(Block):
    def relu(self, x: Tensor, place: int) -> Tensor:
        return x.sigmoid() if place == 2 else super().relu(x, place)


@wrong("output in training", "The branch is multiplied by a half before it is added.")
def halved_branch_of_one_vector() -> type[Block]:
    return flat(Halved, ALL)


@wrong("output in training", "There is no ReLU between the 3x3 and the last 1x1.")
def no_second_relu_and_input_channels_first() -> type[Block]:
    return with_conv(InputFirst, WithoutSecondReLU)


@wrong("output in training", "A sigmoid stands between the 3x3 and the last 1x1, where ReLU is asked for.")
def sigmoid_and_scrambled_weights() -> type[Block]:
    return with_conv(Scrambled, WithSigmoid)


@right
def constants_in_buffers() -> type[Block]:
    class Own(Block):
        def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
            super().__init__(inputs, inner, outputs, stride, groups)
            self.register_buffer("zero", torch.zeros(()))
            self.register_buffer("shift", torch.zeros(inner))
            self.register_buffer("mask", torch.ones(1, outputs, 1, 1))

        def relu(self, x: Tensor, place: int) -> Tensor:
            if place == 1:
                x = x + self.get_buffer("shift")[:, None, None]
            return torch.maximum(x, self.get_buffer("zero"))

        def branch(self, x: Tensor) -> Tensor:
            return super().branch(x) * self.get_buffer("mask")

    return Own


@right
def dropout_of_nothing() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return F.dropout(super().branch(x), 0.0, self.training)

    return Own


@right
def checkpointed() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            out = checkpoint(self.branch, x, use_reentrant=False, preserve_rng_state=False)
            assert isinstance(out, Tensor)
            return F.relu_(out.add_(self.skip(x)))

    return Own


@right
def compiled_module() -> Callable[..., Any]:
    return lambda *args: torch.compile(Block(*args), backend="eager")


@right
def compiled_class() -> Callable[..., Any]:
    class Own(Block):
        pass

    return torch.compile(Own, backend="eager")  # pyright: ignore


@right
def compiled_forward() -> type[Block]:
    class Own(Block):
        @torch.compile(backend="eager")
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + self.skip(x))

    return Own
