"""Programs for ``clinic-3``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, Maker, Program, blocks, programs, right, wrong


class Base(blocks.Block):
    """The right block. The wrong ones change one thing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return self.relu2(self.branch(x) + x)


OF_ANY_STRIDE = (  # in the bank of residual-block, whose block this is where nothing changes the shape
    "super_forgotten",
    "one_bn_for_both",
    "frozen",
    "averaged",
    "multiplied",
    "identity_caught_late",
    "no_running_statistics",
    "statistics_not_saved",
    "shared_convolution",
)


def of_equal_channels(program: Program) -> Maker:
    """The program with one argument."""

    def make() -> object:
        (block,) = program.objects()
        return lambda channels: block(channels, channels)

    make.__name__ = program.name
    make.expected = (program.verdict, program.first, program.says)  # pyright: ignore[reportFunctionMemberAccess]
    return make


SHARED = [
    *blocks.programs(Base, expected={"last_relu_is_gelu": ("silenced branch", "The last ReLU is a GELU.")}),
    *(of_equal_channels(program) for program in programs("residual-block") if program.name in OF_ANY_STRIDE),
]


@wrong("output in training", "The branch is missing: its parameters are there, but no convolution.")
def nothing_but_zeros() -> type[nn.Module]:
    return blocks.nothing_but_zeros(Base, F.relu)


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            raise NotImplementedError

    return Block


@wrong("shape", "The branch's map comes out too small: often the 3x3 convolutions lack their padding.")
def no_padding() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
            self.conv2 = nn.Conv2d(channels, channels, 3, bias=False)

    return Block


@wrong("shape", "The block takes 16 channels whatever its argument says: `channels` belongs into all layers.")
def always_16_channels() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(16)

    return Block


@wrong("parameter count", "The convolutions have a bias: bias=False is missing.")
def with_bias() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    return Block


@wrong("parameter count", "The second BN is missing: the branch ends with a convolution.")
def no_last_bn() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.bn2 = nn.Identity()

    return Block


@wrong("input kept", "The input itself is overwritten, as by `x += …`, which changes the caller's tensor.")
def input_overwritten() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            x += self.branch(x)
            return F.relu(x)

    return Block


@wrong("silenced branch", AS_FOUND)
def broken_block() -> type[nn.Module]:
    class BrokenPairBlock(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)

        def forward(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn2(self.conv2(out)))
            return out + x

    return BrokenPairBlock


@wrong("silenced branch", "No ReLU follows the addition.")
def relu_removed() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x) + x

    return Block


@wrong("silenced branch", "A BN stands behind the addition, on the shortcut's way, too.")
def bn_after_addition() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.conv2(F.relu(self.bn1(self.conv1(x))))
            return F.relu(self.bn2(out + x))

    return Block


@wrong("silenced branch", "The shortcut is missing: the input is never added.")
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x))

    return Block


@wrong(
    "silenced branch",
    "The branch's own output is added instead of the input, as by `out += out`.",
)
def added_to_itself() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            out = out + out
            return F.relu(out)

    return Block


@wrong("silenced branch", "The shortcut is detached, or made under no_grad, so no gradient goes through it.")
def detached_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + x.detach())

    return Block


@wrong("output in training", "There is a third ReLU, between the branch's last BN and the addition.")
def relu_before_and_after() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(F.relu(self.branch(x)) + x)

    return Block


@wrong("output in training", "The ReLU between the two convolutions is missing; it should stay.")
def inner_relu_removed() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv2(self.bn1(self.conv1(x))))

    return Block


@wrong("output in training", "A ReLU stands in front of the second BN.")
def relu_before_bn() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = F.relu(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(self.bn2(out) + x)

    return Block


@wrong("output in training", "The branch is subtracted; it should be added.")
def subtracted() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x - self.branch(x))

    return Block


@wrong("output in training", "The input goes through a ReLU before it is added.")
def relu_on_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + F.relu(x))

    return Block


@wrong("output in evaluation", "The second BN uses the batch's statistics in evaluation mode, too.")
def bn_always_training() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out, bn = self.conv2(F.relu(self.bn1(self.conv1(x)))), self.bn2
            return F.batch_norm(out, bn.running_mean, bn.running_var, bn.weight, bn.bias, training=True)

    return Block


@wrong("gradients", "One convolution is called twice, and the other one never.")
def first_convolution_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv1(F.relu(self.bn1(self.conv1(x)))))

    return Block


@wrong("gradients", "One BN is called twice, and the other one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn1(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    return Block


@wrong("gradients", "The branch is detached before the addition, so that none of its layers learns.")
def detached_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x).detach() + x)

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            identity = x
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += identity
            return self.relu(out)

    return Block


@right
def sequential_and_maximum() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, c: int) -> None:
            super().__init__()
            half = [nn.Sequential(nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c)) for _ in range(2)]
            self.residual = nn.Sequential(half[0], nn.ReLU(), half[1])

        def forward(self, x: Tensor) -> Tensor:
            total = torch.add(x, self.residual(x))
            return torch.where(total > 0, total, torch.zeros_like(total))

    return Block


@right
def loop_over_lazy_pairs() -> type[nn.Module]:
    class Halves(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.convs = nn.ModuleList(nn.LazyConv2d(channels, 3, 1, 1, bias=False) for _ in range(2))
            self.norms = nn.ModuleList(nn.LazyBatchNorm2d() for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            out = x
            for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
                out = norm(conv(out))
                out = (out + x if number else out).relu()
            return out

    return Halves


@right
def parameters_and_functions() -> type[nn.Module]:
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
            self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
            self.register_buffer("mu", torch.zeros(1, channels, 1, 1))
            self.register_buffer("sigma2", torch.ones(1, channels, 1, 1))
            self.mu: Tensor
            self.sigma2: Tensor

        def forward(self, x: Tensor) -> Tensor:
            mean, variance = self.mu, self.sigma2
            if self.training:
                mean = x.mean((0, 2, 3), keepdim=True)
                variance = x.var((0, 2, 3), keepdim=True, unbiased=False)
                with torch.no_grad():
                    self.mu.lerp_(mean, 0.1)
                    self.sigma2.lerp_(x.var((0, 2, 3), keepdim=True), 0.1)
            return self.gamma * (x - mean) * torch.rsqrt(variance + 1e-5) + self.beta

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.weights = nn.ParameterList(torch.randn(channels, channels, 3, 3) for _ in range(2))
            self.n1, self.n2 = Norm(channels), Norm(channels)

        def forward(self, x: Tensor) -> Tensor:
            x = x.contiguous(memory_format=torch.channels_last)
            y = self.n1(F.conv2d(x, self.weights[0], padding=1)).relu_()
            return F.relu(self.n2(F.conv2d(y, self.weights[1], padding=1)).add_(x))

    return Block


@right
def factory_function():  # noqa: ANN201
    class Sum(nn.Module):
        def __init__(self, body: nn.Module) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x) + x

    class Unfolded(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(channels, channels, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            windows = F.unfold(x, 3, padding=1)
            return (self.weight.flatten(1) @ windows).unflatten(2, x.shape[2:])

    def make(width: int) -> nn.Module:
        body = [Unfolded(width), nn.BatchNorm2d(width), nn.ReLU(), Unfolded(width), nn.BatchNorm2d(width)]
        return nn.Sequential(Sum(nn.Sequential(*body)), nn.ReLU(inplace=True))

    return make


@right
def both_convolutions_in_one_tensor() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.kernels = nn.Parameter(torch.stack([self.conv1.weight.detach(), self.conv2.weight.detach()]))
            del self.conv1, self.conv2

        def branch(self, x: Tensor) -> Tensor:
            out = x
            for kernel, bn in zip(self.kernels, (self.bn1, self.bn2), strict=True):
                out = bn(F.conv2d(self.relu1(out) if bn is self.bn2 else out, kernel, padding=1))
            return out

    return Block
