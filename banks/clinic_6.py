"""Programs for ``clinic-6``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, blocks, right, wrong


class Base(blocks.Block):
    """The right block. The wrong ones change one thing."""

    inner = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu2(self.bn1(self.conv1(self.relu1(x))))))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


SHARED = blocks.programs(
    Base, expected={"first_relu_is_relu6": ("details", "The first ReLU has an upper end; a ReLU has none.")}
)


@wrong("output in training", "The branch is missing: its parameters are there, but no convolution.")
def nothing_but_zeros() -> type[nn.Module]:
    return blocks.nothing_but_zeros(Base, nn.Identity())


@wrong("input kept", AS_FOUND)
def as_found() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.branch = nn.Sequential(
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
            )

        def forward(self, x: Tensor) -> Tensor:
            return x + self.branch(x)

    return Block


@wrong("input kept", "The shortcut has the negative values, but the caller's input is still overwritten by its ReLU.")
def copied_for_the_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = x.clone()
            return shortcut + self.branch(F.relu(x, inplace=True))

    return Block


@wrong("input kept", "The sum is written into the input itself, as by `x += …`, which changes the caller's tensor.")
def added_in_place() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            branch = self.branch(x)
            x += branch
            return x

    return Block


@wrong(
    "silenced branch",
    "What is added is the ReLU of the input: often the in-place ReLU works on a copy, and that copy is added.",
)
def copy_for_both() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = x.clone()
            F.relu_(x)
            return x + self.branch(x)

    return Block


@wrong("silenced branch", "A ReLU follows the addition, as in the order of 2015; here nothing does.")
def relu_behind_the_addition() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    return Block


@wrong("silenced branch", "The shortcut is missing: the output is that of the branch.")
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x)

    return Block


@wrong("gradients", "The branch's input is detached, so the input's gradient comes back through the shortcut alone.")
def branch_detached() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return x + self.branch(x.detach())

    return Block


@wrong("silenced branch", "The shortcut is detached, or made under no_grad, so no gradient goes through it.")
def detached() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach() + self.branch(x)

    return Block


@wrong("output in training", "The first ReLU is missing: the branch begins with one.")
def first_relu_dropped() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    return Block


@wrong("output in training", "The second ReLU is missing, the one between the two convolutions.")
def second_relu_dropped() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv2(self.bn1(self.conv1(F.relu(x)))))

    return Block


@wrong(
    "output in training", "The BNs come first, as in He et al.'s full pre-activation; here they stand behind the 3x3."
)
def bn_first() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))

    return Block


@wrong("parameter count", "There is a projection; the input is added as it is.")
def projected() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.project = nn.Conv2d(channels, channels, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.project(x) + self.branch(x)

    return Block


@wrong("gradients", "The branch is detached before the addition, so that none of its layers learns.")
def detached_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return x + self.branch(x).detach()

    return Block


@wrong("gradients", "One BN is called twice, and the other one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn1(self.conv2(F.relu(self.bn1(self.conv1(F.relu(x))))))

    return Block


@right
def relu_out_of_place() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.branch = nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
            )

        def forward(self, x: Tensor) -> Tensor:
            return x + self.branch(x)

    return Block


@right
def branch_works_on_a_copy() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            copy = x.clone()
            copy.relu_()
            return self.bn2(self.conv2(self.bn1(self.conv1(copy)).relu_()))

        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            out += x
            return out

    return Block


@right
def lists_of_layers() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.convs = nn.ModuleList(nn.LazyConv2d(width, 3, padding=1, bias=False) for _ in range(2))
            self.norms = nn.ModuleList(nn.LazyBatchNorm2d() for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            y = x
            for conv, norm in zip(self.convs, self.norms, strict=True):
                y = norm(conv(torch.clamp_min(y, 0)))
            return torch.add(y, x)

    return Block
