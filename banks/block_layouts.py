"""Layers that compute what a Conv2d or a BatchNorm2d does, and keep their parameters in another layout."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call


class Stored(nn.Module):
    """A convolution whose weight is kept with its axes in another order."""

    def __init__(self, conv: nn.Conv2d, order: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel = nn.Parameter(conv.weight.detach().permute(order).contiguous())
        self.back = [order.index(axis) for axis in range(4)]
        self.stride, self.padding = conv.stride[0], conv.padding[0]

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel.permute(self.back), stride=self.stride, padding=self.padding)  # pyright: ignore


class Matrix(nn.Module):
    """A convolution as a product of a matrix and windows of the input."""

    def __init__(self, conv: nn.Conv2d, transposed: bool = False) -> None:
        super().__init__()
        weight = conv.weight.detach().flatten(1)
        self.matrix = nn.Parameter(weight.T.contiguous() if transposed else weight.clone())
        self.transposed = transposed
        self.size, self.stride, self.padding = conv.kernel_size[0], conv.stride[0], conv.padding[0]

    def forward(self, x: Tensor) -> Tensor:
        windows = F.unfold(x, self.size, padding=self.padding, stride=self.stride)  # pyright: ignore
        height, width = (-(-side // self.stride) for side in x.shape[2:])
        matrix = self.matrix.T if self.transposed else self.matrix
        return (matrix @ windows).unflatten(2, (height, width))


class Cut(nn.Module):
    """A convolution in two parts, by its output channels (axis 0) or its input channels (1)."""

    def __init__(self, conv: nn.Conv2d, axis: int, first: float) -> None:
        super().__init__()
        channels = (conv.out_channels, conv.in_channels)[axis]
        head = max(1, round(first * channels))
        self.axis, self.sizes = axis, [size for size in (head, channels - head) if size]
        self.parts = nn.ModuleList()
        for size in self.sizes:
            inputs, outputs = (conv.in_channels, size) if axis == 0 else (size, conv.out_channels)
            self.parts.append(
                nn.Conv2d(inputs, outputs, conv.kernel_size[0], conv.stride[0], conv.padding[0], bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.axis == 0:
            return torch.cat([part(x) for part in self.parts], 1)
        pieces = x.split(self.sizes, 1)
        return torch.stack([part(piece) for part, piece in zip(self.parts, pieces, strict=True)]).sum(0)


class Norm(nn.Module):
    """BN whose scale and shift are one tensor, and its running mean and variance another one of shape (2, C)."""

    moments: Tensor

    def __init__(self, norm: nn.BatchNorm2d, arranged: tuple[int, ...]) -> None:
        super().__init__()
        self.pairs = arranged == (-1, 2)
        start = torch.stack([torch.ones(norm.num_features), torch.zeros(norm.num_features)])
        self.affine = nn.Parameter((start.T if self.pairs else start).reshape(arranged).clone())
        self.register_buffer("moments", start.flip(0).clone())

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.affine.T if self.pairs else self.affine.view(2, -1)
        return F.batch_norm(x, self.moments[0], self.moments[1], scale, shift, self.training)


class OwnNorm(nn.Module):
    """BN in arithmetic. Its running variance is that of PyTorch's BN, or the ``biased`` one."""

    mean: Tensor
    variance: Tensor

    def __init__(self, norm: nn.BatchNorm2d, biased: bool = False) -> None:
        super().__init__()
        self.biased = biased
        self.g = nn.Parameter(torch.ones(norm.num_features, 1, 1))
        self.b = nn.Parameter(torch.zeros(norm.num_features, 1, 1))
        self.register_buffer("mean", torch.zeros(norm.num_features, 1, 1))
        self.register_buffer("variance", torch.ones(norm.num_features, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.g / torch.sqrt(self.variance + 1e-5) * (x - self.mean) + self.b
        count = x.numel() / x.shape[1]
        correction = 1 if self.biased else count / (count - 1)
        mean = x.mean((0, 2, 3)).view_as(self.mean)
        variance = (x - mean).square().mean((0, 2, 3)).view_as(self.mean)
        self.mean.copy_(0.9 * self.mean + 0.1 * mean.detach())
        self.variance.copy_(0.9 * self.variance + 0.1 * variance.detach() * correction)
        return (x - mean) * (variance + 1e-5) ** -0.5 * self.g + self.b


class Scrambled(nn.Module):
    """A convolution whose weight has its elements in an order that nobody else uses: first the even ones."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.shape, self.stride, self.padding = conv.weight.shape, conv.stride[0], conv.padding[0]
        weight = conv.weight.detach().flatten()
        self.elements = nn.Parameter(torch.cat([weight[::2], weight[1::2]]))

    def forward(self, x: Tensor) -> Tensor:
        count = self.elements.numel()
        place = torch.arange(count, device=self.elements.device)
        weight = self.elements[place // 2 + place % 2 * ((count + 1) // 2)]
        return F.conv2d(x, weight.view(self.shape), stride=self.stride, padding=self.padding)  # pyright: ignore


def in_one_vector(base: type[nn.Module], kind: type[nn.Module]) -> type[nn.Module]:
    """The block with the parameters of its layers of a kind in one vector, one after the other."""

    class Own(nn.Module):
        def __init__(self, *args: int) -> None:
            super().__init__()
            self.block = base(*args)
            held = {
                f"{place}.{name}": parameter
                for place, module in self.block.named_modules()
                if isinstance(module, kind)
                for name, parameter in module.named_parameters(recurse=False)
            }
            self.shapes = {name: parameter.shape for name, parameter in held.items()}
            self.vector = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in held.values()]))
            for name in held:
                place, _, last = name.rpartition(".")
                self.block.get_submodule(place).register_parameter(last, None)

        def forward(self, x: Tensor) -> Tensor:
            parts = self.vector.split([shape.numel() for shape in self.shapes.values()])
            named = {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
            return functional_call(self.block, named, (x,))

    return Own
