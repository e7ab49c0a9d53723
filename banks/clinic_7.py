"""Programs for ``clinic-7``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, right, wrong
from banks.residual_block import Base


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


@wrong("shape", AS_FOUND)
def as_found() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return projection(in_channels, out_channels, stride) if stride != 1 else nn.Identity()

    return Block


@wrong("shape", "The projection depends on the channels alone, so the sum fails where just the map shrinks.")
def channels_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if in_channels == out_channels:
                return nn.Identity()
            return projection(in_channels, out_channels, stride)

    return Block


@wrong("shape", "The two conditions are joined by `and`, so there is no projection where only one of them holds.")
def joined_by_and() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            both = stride != 1 and in_channels != out_channels
            return projection(in_channels, out_channels, stride) if both else nn.Identity()

    return Block


@wrong("shape", "The projection is made only where the channels grow, and is missing where they become fewer.")
def only_where_channels_grow() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            needed = stride != 1 or in_channels < out_channels
            return projection(in_channels, out_channels, stride) if needed else nn.Identity()

    return Block


@wrong("parameter count", "The projection became a 3x3 convolution; a 1x1 is asked for.")
def projection_3x3() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().make_shortcut(in_channels, out_channels, stride)
            if isinstance(made, nn.Sequential):
                made[0] = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
            return made

    return Block


@wrong(
    "parameter count", "An input of one channel is left to broadcasting, which adds it to every channel of the branch."
)
def broadcast_from_one_channel() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            needed = stride != 1 or in_channels not in (1, out_channels)
            return projection(in_channels, out_channels, stride) if needed else nn.Identity()

    return Block


@wrong("parameter count", "The projection is made everywhere, also where the input has the right shape already.")
def projection_everywhere() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return projection(in_channels, out_channels, stride)

    return Block


@wrong(
    "parameter count", "Channels of zeros are appended instead of a projection, which is another shortcut (option A)."
)
def padded_where_channels_grow() -> type[nn.Module]:
    class Pad(nn.Module):
        def __init__(self, extra: int) -> None:
            super().__init__()
            self.extra = extra

        def forward(self, x: Tensor) -> Tensor:
            return F.pad(x, (0, 0, 0, 0, 0, self.extra))

    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if stride == 1 and in_channels < out_channels:
                return Pad(out_channels - in_channels)
            return super().make_shortcut(in_channels, out_channels, stride)

    return Block


@wrong(
    "output in training",
    "The shortcut is averaged over pixels before the projection; the stride belongs to the 1x1 itself.",
)
def stride_left_to_pooling() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if stride == 1 and in_channels == out_channels:
                return nn.Identity()
            pool = nn.AvgPool2d(stride, ceil_mode=True)
            return nn.Sequential(pool, *projection(in_channels, out_channels, 1))

    return Block


@wrong("shape", "The projection is made at stride 2 only; any stride but 1 changes the map.")
def stride_2_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            needed = stride == 2 or in_channels != out_channels
            return projection(in_channels, out_channels, stride) if needed else nn.Identity()

    return Block


@wrong("shape", "The projection's 1x1 has no stride.")
def projection_without_stride() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            needed = stride != 1 or in_channels != out_channels
            return projection(in_channels, out_channels, 1) if needed else nn.Identity()

    return Block


@wrong("parameter count", "The projection has no BN.")
def projection_without_bn() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().make_shortcut(in_channels, out_channels, stride)
            return made[0] if isinstance(made, nn.Sequential) else made

    return Block


@wrong("parameter count", "A convolution has a bias; here none has.")
def projection_with_bias() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().make_shortcut(in_channels, out_channels, stride)
            if isinstance(made, nn.Sequential):
                made[0] = nn.Conv2d(in_channels, out_channels, 1, stride)
            return made

    return Block


@wrong("input kept", "The input itself is overwritten: `shortcut += …` changes the caller's tensor.")
def input_overwritten() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            shortcut = self.shortcut(x)
            shortcut += out
            return F.relu(shortcut)

    return Block


@wrong("output in training", "The ReLU after the addition is missing.")
def no_last_relu() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x) + self.shortcut(x)

    return Block


@wrong("gradients", "The shortcut is detached, so no gradient goes through it.")
def detached_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = x.detach() if isinstance(self.shortcut, nn.Identity) else self.shortcut(x)
            return F.relu(self.branch(x) + shortcut)

    return Block


@wrong("gradients", "The branch gets a detached input, so no gradient goes back through it.")
def detached_input_of_the_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x.detach()) + self.shortcut(x))

    return Block


@wrong("gradients", "The first BN is called twice, and the second one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn1(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    return Block


@right
def shapes_compared() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if (1, in_channels) == (stride, out_channels):
                return nn.Sequential()
            return projection(in_channels, out_channels, stride)

        def forward(self, x: Tensor) -> Tensor:
            return (self.shortcut(x) + self.branch(x)).relu()

    return Block


@right
def two_conditions_in_a_row() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            self.downsample = None
            if stride != 1:
                self.downsample = projection(in_channels, out_channels, stride)
            elif in_channels != out_channels:
                self.downsample = projection(in_channels, out_channels, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.body(x)
            y += x if self.downsample is None else self.downsample(x)
            return torch.relu(y)

    return Block


@right
def pixels_picked_before_a_plain_projection() -> type[nn.Module]:
    class Pick(nn.Module):
        def __init__(self, stride: int) -> None:
            super().__init__()
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, :: self.stride, :: self.stride]

    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            if stride == 1 and in_channels == out_channels:
                return nn.Identity()
            return nn.Sequential(Pick(stride), *projection(in_channels, out_channels, 1))

    return Block
