"""Programs for ``clinic-2``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, right, wrong


class Base(nn.Module):
    """The right block. The wrong ones change one thing."""

    def __init__(self, channels: int, width: int, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = self.grouped(width, groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def grouped(self, width: int, groups: int) -> nn.Module:
        return nn.Conv2d(width, width, 3, 1, 1, groups=groups, bias=False)

    def branch(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + x)


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            raise NotImplementedError

    return Block


@wrong("builds", "The convolution is told to make one group's channels from all: groups must divide both its widths.")
def output_of_one_group() -> type[nn.Module]:
    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            return nn.Conv2d(width, width // groups, 3, 1, 1, groups=groups, bias=False)

    return Block


@wrong("shape", "The last 1x1 stays at `width`; it must go back to `channels`, so that the sum fits.")
def not_back_to_channels() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.conv3 = nn.Conv2d(width, width, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(width)

    return Block


@wrong("shape", "The 3x3 has no padding, so the map shrinks and the sum fails.")
def no_padding() -> type[nn.Module]:
    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            return nn.Conv2d(width, width, 3, groups=groups, bias=False)

    return Block


@wrong("parameter count", AS_FOUND)
def broken_block() -> type[nn.Module]:
    class BrokenGroupedBlock(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, groups=width // groups, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(channels)

        def forward(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            return F.relu(out + x)

    return BrokenGroupedBlock


@wrong("parameter count", "`groups` is not used: the 3x3 is an ordinary convolution.")
def groups_ignored() -> type[nn.Module]:
    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            return super().grouped(width, 1)

    return Block


@wrong("parameter count", "A group always gets four channels, as in the name 32x4d; it should have width // groups.")
def always_four_channels() -> type[nn.Module]:
    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            return super().grouped(width, width // 4)

    return Block


@wrong("parameter count", "Each channel is a group of its own, as in a depthwise convolution.")
def depthwise() -> type[nn.Module]:
    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            return super().grouped(width, width)

    return Block


@wrong("parameter count", "`width` is taken for the width of one group; it is that of all groups together.")
def width_times_groups() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width * groups, groups)

    return Block


@wrong("parameter count", "The 1x1 convolutions are split into groups, too; only the 3x3 should be.")
def everything_grouped() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.conv1 = nn.Conv2d(channels, width, 1, groups=groups, bias=False)
            self.conv3 = nn.Conv2d(width, channels, 1, groups=groups, bias=False)

    return Block


@wrong("parameter count", "The groups share one small convolution; each should have weights of its own.")
def groups_share_weights() -> type[nn.Module]:
    class Shared(nn.Module):
        def __init__(self, width: int, groups: int) -> None:
            super().__init__()
            self.groups = groups
            self.conv = nn.Conv2d(width // groups, width // groups, 3, 1, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.conv(part) for part in x.chunk(self.groups, 1)], 1)

    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            return Shared(width, groups)

    return Block


@wrong("parameter count", "There is a projection on the shortcut, which should be the input itself.")
def projected() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.shortcut = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + self.shortcut(x))

    return Block


@wrong("parameter count", "No BN follows the 3x3.")
def no_bn_after_3x3() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.bn2 = nn.Identity()

    return Block


@wrong("output in training", "The shortcut is missing: the input is never added.")
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x))

    return Block


@wrong("output in training", "No ReLU follows the 3x3 and its BN.")
def no_second_relu() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            return self.bn3(self.conv3(self.bn2(self.conv2(out))))

    return Block


@wrong("output in training", "The last ReLU stands before the addition instead of behind it.")
def relu_before_addition() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) + x

    return Block


@wrong("output in training", "The channels are shuffled between the groups; the specification has no shuffle.")
def shuffled() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.groups = groups

        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x))).unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
            out = F.relu(self.bn2(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Block


@wrong(
    "output in evaluation", "A BN is made without running statistics, so it uses the batch's in evaluation mode, too."
)
def no_running_statistics() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.bn2 = nn.BatchNorm2d(width, track_running_stats=False)

    return Block


@wrong("gradients", "The shortcut is detached, so no gradient goes through it.")
def detached_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + x.detach())

    return Block


@wrong("gradients", "The first BN is called twice, and the second one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn1(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Block


@wrong("parameter count", "A convolution has a bias; here none has.")
def biases() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__(channels, width, groups)
            self.conv1 = nn.Conv2d(channels, width, 1)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=groups)
            self.conv3 = nn.Conv2d(width, channels, 1)

    return Block


@wrong("input kept", "The input itself is overwritten: `x += …` changes the caller's tensor.")
def input_overwritten() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = x
            shortcut += self.branch(x)
            return F.relu(shortcut)

    return Block


@wrong("gradients", "The branch gets a detached input, so no gradient goes back through it.")
def detached_input_of_the_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x.detach()) + x)

    return Block


@wrong("gradients", "The groups' convolutions run under no_grad, so that none of them learns.")
def groups_do_not_learn() -> type[nn.Module]:
    class Groups(nn.ModuleList):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.cat([conv(part) for conv, part in zip(self, x.chunk(len(self), 1), strict=True)], 1)

    class Block(Base):
        def grouped(self, width: int, groups: int) -> nn.Module:
            inner = width // groups
            return Groups(nn.Conv2d(inner, inner, 3, 1, 1, bias=False) for _ in range(groups))

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=groups, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(channels)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            identity = x
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            out += identity
            return self.relu(out)

    return Block


@right
def one_convolution_a_group() -> type[nn.Module]:
    class Grouped(nn.Module):
        def __init__(self, width: int, groups: int) -> None:
            super().__init__()
            inner = width // groups
            self.parts = nn.ModuleList(nn.Conv2d(inner, inner, 3, padding=1, bias=False) for _ in range(groups))

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([conv(x) for conv, x in zip(self.parts, x.chunk(len(self.parts), 1), strict=True)], 1)

    class Block(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(channels, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                Grouped(width, groups),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            )

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x + self.body(x))

    return Block


@right
def paths_that_are_summed() -> type[nn.Module]:
    class Path(nn.Sequential):
        def __init__(self, channels: int, inner: int) -> None:
            super().__init__(
                nn.Conv2d(channels, inner, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, 3, 1, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, channels, 1, bias=False),
            )

    class Block(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            self.paths = nn.ModuleList(Path(channels, width // groups) for _ in range(groups))
            self.bn = nn.BatchNorm2d(channels)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.bn(torch.stack([path(x) for path in self.paths]).sum(0)) + x)

    return Block


@right
def parameters_and_functions() -> type[nn.Module]:
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("variance", torch.ones(channels))

        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.mean, self.variance, self.scale, self.shift, self.training)  # pyright: ignore

    class Block(nn.Module):
        def __init__(self, channels: int, width: int, groups: int) -> None:
            super().__init__()
            self.groups = groups
            self.w1 = nn.Parameter(torch.randn(width, channels))
            self.w2 = nn.Parameter(torch.randn(width, width // groups, 3, 3))
            self.w3 = nn.Parameter(torch.randn(channels, width))
            self.n1, self.n2, self.n3 = Norm(width), Norm(width), Norm(channels)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.n1(torch.einsum("nchw,dc->ndhw", x, self.w1)))
            y = F.relu(self.n2(F.conv2d(F.pad(y, (1, 1, 1, 1)), self.w2, groups=self.groups)))
            return F.relu(self.n3(torch.einsum("ndhw,cd->nchw", y, self.w3)).add(x))

    return Block


@right
def factory_of_lazy_layers():  # noqa: ANN201
    class Around(nn.Module):
        def __init__(self, body: nn.Module) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            x = x.contiguous(memory_format=torch.channels_last)
            return (self.body(x) + x).clamp(min=0)

    def make(c: int, w: int, g: int) -> nn.Module:
        layers: list[nn.Module] = []
        for channels, size, groups in ((w, 1, 1), (w, 3, g), (c, 1, 1)):
            conv = nn.LazyConv2d(channels, size, padding=size // 2, groups=groups, bias=False)
            layers += [conv, nn.LazyBatchNorm2d(), nn.ReLU(True)]
        return Around(nn.Sequential(*layers[:-1]))

    return make
