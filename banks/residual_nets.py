"""What the banks of ``small-resnet`` and ``clinic-1`` share: a net of residual blocks, and programs one step away."""

from collections.abc import Collection
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from banks import Maker, small_nets, wrong
from banks.parts import variations


class Block(small_nets.Pair):
    """The right block. The wrong ones change one thing."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, stride)
        self.shortcut: Any = self.make_shortcut(in_channels, out_channels, stride)

    def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        if stride == 1 and in_channels == out_channels:
            return nn.Identity()
        return nn.Sequential(self.parts.conv(in_channels, out_channels, 1, stride), self.parts.norm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.parts.relu["last"](self.branch(x) + self.shortcut(x))


class Net(small_nets.Net):
    """The right net. The wrong ones change one thing."""

    block = Block


@wrong("parameter count", "A stage has twice the blocks: a block has two layers, so n is (depth - 2) / 6, not / 3.")
def a_layer_a_block(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            return 2 * super().count(depth)

    return Own


@wrong("parameter count", "A stage has n + 1 blocks: the first one belongs to the n.")
def one_block_more(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def count(self, depth: int) -> int:
            return super().count(depth) + 1

    return Own


@wrong("parameter count", "The shortcuts are option A, without parameters; option B is asked for.")
def option_a(base: type[Net]) -> type[nn.Module]:
    class Pad(nn.Module):
        def __init__(self, extra: int, stride: int) -> None:
            super().__init__()
            self.extra, self.stride = extra, stride

        def forward(self, x: Tensor) -> Tensor:
            return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))

    class OwnBlock(base.block):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return Pad(out_channels - in_channels, stride)

    class Own(base):
        block = OwnBlock

    return Own


@wrong("parameter count", "Every shortcut is projected (option C); option B projects only where the shape changes.")
def option_c(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    class Own(base):
        block = OwnBlock

    return Own


@wrong("parameter count", "The widths are w, 2w, 3w; they double, to w, 2w, 4w.")
def widths_added(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        factors = (1, 2, 3)

    return Own


@wrong("parameter count", "The stem has no BN.")
def stem_without_bn(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.stem[1] = nn.Identity()

    return Own


@wrong("parameter count", "The linear layer has no bias.")
def linear_without_bias(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.fc = nn.Linear(self.fc.in_features, self.fc.out_features, bias=False)

    return Own


@wrong("shortcuts", "Nothing is added at all: the projections are made, but forward leaves them out. A plain net.")
def nothing_added(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x))

    class Own(base):
        block = OwnBlock

    return Own


@wrong("shortcuts", "Only the projections are added; where the shape stays, the input is not.")
def only_projections_added(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def forward(self, x: Tensor) -> Tensor:
            if isinstance(self.shortcut, nn.Identity):
                return F.relu(self.branch(x))
            return super().forward(x)

    class Own(base):
        block = OwnBlock

    return Own


@wrong("shortcuts", "Where the shape stays, the branch's own output is added to it (`out += out`), not the input.")
def added_to_itself(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + (out if isinstance(self.shortcut, nn.Identity) else self.shortcut(x)))

    class Own(base):
        block = OwnBlock

    return Own


@wrong("map sizes", "Stage 3 has no stride of 2.")
def no_stride_in_stage_3(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        strides = (1, 2, 1)

    return Own


@wrong("map sizes", "A max-pool follows the stem, as in the net for ImageNet; small images need none.")
def pooling_stem(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.stem.append(nn.MaxPool2d(3, 2, 1))

    return Own


@wrong("map sizes", "The stem has a stride of 2.")
def strided_stem(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.stem[0].stride = (2, 2)

    return Own


@wrong("map sizes", "The blocks have their stride on the second 3x3; it belongs to the first.")
def stride_on_second(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1.stride, self.conv2.stride = (1, 1), (stride, stride)

    class Own(base):
        block = OwnBlock

    return Own


@wrong("output in training", "The ReLU stands before the addition in every block.")
def relu_before_addition(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) + self.shortcut(x)

    class Own(base):
        block = OwnBlock

    return Own


@wrong("output in training", "The blocks end with the addition: the ReLU after it is missing.")
def no_last_relu(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x) + self.shortcut(x)

    class Own(base):
        block = OwnBlock

    return Own


@wrong("shape", "The average is taken over a square as wide as the map, which is right for square maps only.")
def square_window(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def pool(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, x.shape[3]).flatten(1)

    return Own


@wrong("output in training", "A softmax follows the linear layer; the loss function has it already.")
def softmax(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).softmax(1)

    return Own


@wrong("output in evaluation", "The stem's BN normalises with the batch's statistics in evaluation mode, too.")
def no_running_statistics(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.stem[1] = nn.BatchNorm2d(self.stem[1].num_features, track_running_stats=False)

    return Own


@wrong("gradients", "The shortcuts are detached, so gradients come down through the branches alone.")
def detached_shortcuts(base: type[Net]) -> type[nn.Module]:
    class OwnBlock(base.block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + self.shortcut(x).detach())

    class Own(base):
        block = OwnBlock

    return Own


@wrong("gradients", "The loop over a stage calls one block again and again, and the other ones never.")
def wrong_index(base: type[Net]) -> type[nn.Module]:
    class Stage(nn.Module):
        def __init__(self, *blocks: nn.Module) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(blocks)

        def forward(self, x: Tensor) -> Tensor:
            x = self.blocks[0](x)
            for _ in self.blocks[1:]:
                x = self.blocks[-1](x)
            return x

    class Own(base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            rest = [self.block(channels, channels) for _ in range(blocks - 1)]
            return Stage(self.block(in_channels, channels, stride), *rest)

    return Own


@wrong(
    "shape",
    "A stage's later blocks are made like its first one (`[block] * n`, or `channels` is not updated), but what "
    "reaches them is already as wide as the stage.",
)
def stage_of_first_blocks(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            return nn.Sequential(*[self.block(in_channels, channels, stride)] * blocks)

    return Own


@wrong("output in training", "A ReLU follows the linear layer; the scores go out as they are.")
def last_relu(base: type[Net]) -> type[nn.Module]:
    class Own(base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    return Own


OUTPUT = "output in training"
# Where they fail first, and why, if a net is made with a number of blocks a stage, as those of the clinic are.
MADE_OF_BLOCKS = {
    "a_layer_a_block": ("parameter count", "A stage has twice as many blocks as `blocks` says."),
    "one_block_more": ("parameter count", "A stage has one block too many: the first one belongs to `blocks`."),
    "widths_added": ("parameter count", "The widths are 16, 32 and 48; they double, to 16, 32 and 64."),
    "linear_without_bias": ("parameter count", "The linear layer has no bias; only the convolutions go without."),
    "no_stride_in_stage_3": (OUTPUT, "Stage 3 keeps the size of the map; it should halve it once more."),
    "pooling_stem": (OUTPUT, "A max-pool follows the stem, as in the nets for large images; here is none."),
    "strided_stem": (OUTPUT, ""),
    "square_window": (OUTPUT, ""),
}


def programs(
    base: type[small_nets.Net], expected: dict[str, tuple[str, str]], without: Collection[str] = ()
) -> list[Maker]:
    """The programs above, as :func:`banks.parts.variations` makes them."""
    return variations(globals(), base, expected, without)
