"""Programs for ``resnext-block``."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import bottleneck_layouts, bottlenecks, projections, right, wrong
from banks.bottlenecks import Block, conv


def called(block: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """The block, as this exercise calls it."""

    def make(in_channels: int, out_channels: int, cardinality: int, group_width: int, stride: int = 1) -> nn.Module:
        return block(in_channels, cardinality * group_width, out_channels, stride, cardinality)

    return make


SHARED = bottlenecks.shared((bottlenecks, projections, bottleneck_layouts), called, {})


def conv_bn(inputs: int, outputs: int, size: int = 1, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs, size, stride), nn.BatchNorm2d(outputs))


class Path(nn.Sequential):
    """One of the paths that are summed."""

    def __init__(self, inputs: int, outputs: int, width: int, stride: int) -> None:
        last = conv(width, outputs)
        super().__init__(conv_bn(inputs, width), nn.ReLU(), conv_bn(width, width, 3, stride), nn.ReLU(), last)


class Paths(Block):
    """The right block as a sum of paths."""

    def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
        self.make_paths(inputs, inner // groups, outputs, stride, groups)
        self.bn3 = self.norm(outputs)

    def make_paths(self, inputs: int, width: int, outputs: int, stride: int, groups: int) -> None:
        self.paths = nn.ModuleList(self.path(inputs, outputs, width, stride) for _ in range(groups))

    def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
        return Path(inputs, outputs, width, stride)

    def outputs(self, x: Tensor) -> Tensor:
        return torch.stack([path(x) for path in self.paths])

    def branch(self, x: Tensor) -> Tensor:
        return self.bn3(self.outputs(x).sum(0))


class Concatenated(Paths):
    """The right block as paths whose maps lie side by side before the last 1x1."""

    def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
        super().make_branch(inputs, inner, outputs, stride, groups)
        self.conv3 = conv(inner, outputs)

    def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
        return nn.Sequential(*list(Path(inputs, outputs, width, stride))[:-1])

    def branch(self, x: Tensor) -> Tensor:
        return self.bn3(self.conv3(torch.cat([path(x) for path in self.paths], 1)))


class Shuffled(Block):
    """The block with the channels of all groups mixed before the 3x3."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, inner, outputs, stride, groups)
        self.groups = groups

    def relu(self, x: Tensor, place: int) -> Tensor:
        x = super().relu(x, place)
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2) if place == 1 else x


def grouped(groups: Callable[[int, int], int]) -> Callable[..., nn.Module]:
    """The block with another number of groups, given the cardinality and the width of a group."""

    def make(in_channels: int, out_channels: int, cardinality: int, group_width: int, stride: int = 1) -> nn.Module:
        number = groups(cardinality, group_width)
        return Block(in_channels, cardinality * group_width, out_channels, stride, number)

    return make


@wrong("builds", "The stride has no default: ResNeXtBlock(64, 64, 4, 4) must work, too.")
def stride_without_default() -> Callable[..., nn.Module]:
    return lambda in_channels, out_channels, cardinality, group_width, stride: called(Block)(
        in_channels, out_channels, cardinality, group_width, stride
    )


@wrong("builds", "group_width is taken for the width of all groups together, which the groups then don't divide.")
def inner_is_the_group_width() -> Callable[..., nn.Module]:
    return lambda a, b, cardinality, group_width, stride=1: Block(a, group_width, b, stride, cardinality)


@wrong("builds", "The width inside isn't cardinality x group_width, so that the groups don't divide it.")
def inner_is_half_the_output() -> Callable[..., nn.Module]:
    return lambda a, b, cardinality, group_width, stride=1: Block(a, b // 2, b, stride, cardinality)


@wrong("builds", "The first 1x1 is grouped, too, though the groups don't divide its input: it must see all of it.")
def first_1x1_grouped() -> Callable[..., nn.Module]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv1 = conv(inputs, inner, groups=groups)

    return called(Own)


@wrong("builds", "The last 1x1 is grouped, too, though the groups don't divide its output: it must sum over all.")
def last_1x1_grouped() -> Callable[..., nn.Module]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv3 = conv(inner, outputs, groups=groups)

    return called(Own)


@wrong("shape", "The output is made 4 times as wide, as in the bottleneck: here out_channels is the output itself.")
def expanded_by_4() -> Callable[..., nn.Module]:
    return lambda a, b, cardinality, width, stride=1: called(Block)(a, 4 * b, cardinality, width, stride)


@wrong("shape", "The input's channels are compared with the width inside: what counts is the output's.")
def projection_by_inner_width() -> Callable[..., nn.Module]:
    def make(in_channels: int, out_channels: int, cardinality: int, group_width: int, stride: int = 1) -> nn.Module:
        projects = stride != 1 or in_channels != cardinality * group_width
        block = projections.where(lambda inputs, outputs, stride: projects)
        return called(block)(in_channels, out_channels, cardinality, group_width, stride)

    return make


@wrong("shape", "The paths' outputs are joined, not summed: together they are fewer channels than the BN expects.")
def paths_concatenated() -> Callable[..., nn.Module]:
    class Own(Paths):
        def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
            return Path(inputs, outputs // self.number, width, stride)

        def make_paths(self, inputs: int, width: int, outputs: int, stride: int, groups: int) -> None:
            self.number = groups
            super().make_paths(inputs, width, outputs, stride, groups)

        def branch(self, x: Tensor) -> Tensor:
            return self.bn3(torch.cat([path(x) for path in self.paths], 1))

    return called(Own)


@wrong("parameter count", "`groups` gets the width of a group: it is the number of groups, the cardinality.")
def groups_and_width_swapped() -> Callable[..., nn.Module]:
    return grouped(lambda cardinality, width: width)


@wrong("parameter count", "The 3x3 is not grouped: it is a bottleneck's.")
def not_grouped() -> Callable[..., nn.Module]:
    return grouped(lambda cardinality, width: 1)


@wrong("parameter count", "Every channel is a group of its own: the 3x3 is depthwise.")
def depthwise() -> Callable[..., nn.Module]:
    return grouped(lambda cardinality, width: cardinality * width)


@wrong("parameter count", "The smaller one of cardinality and group_width is the number of groups.")
def fewer_of_groups_and_width() -> Callable[..., nn.Module]:
    return grouped(min)


@wrong("parameter count", "Each path has a BN of its own at the end: one BN must follow the sum.")
def bn_in_each_path() -> Callable[..., nn.Module]:
    class Own(Paths):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.bn3 = nn.Identity()

        def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
            return nn.Sequential(super().path(inputs, outputs, width, stride), nn.BatchNorm2d(outputs))

    return called(Own)


@wrong("parameter count", "All paths have the same weights, as `[path] * cardinality` repeats one path.")
def one_path_repeated() -> Callable[..., nn.Module]:
    class Own(Paths):
        def make_paths(self, inputs: int, width: int, outputs: int, stride: int, groups: int) -> None:
            self.paths = nn.ModuleList([self.path(inputs, outputs, width, stride)] * groups)

    return called(Own)


@wrong("silenced branch", "Where the shape stays, the input is added once for each path, not once for the block.")
def shortcut_in_each_path() -> Callable[..., nn.Module]:
    class Own(Paths):
        def skip(self, x: Tensor) -> Tensor:
            return len(self.paths) * x if self.shortcut is None else self.shortcut(x)

    return called(Own)


@wrong("output in training", "The channels are shuffled between the groups: that is ShuffleNet's block.")
def channels_shuffled() -> Callable[..., nn.Module]:
    return called(Shuffled)


@wrong("output in training", "Each path ends in a ReLU before the sum: the sum must come first.")
def relu_in_each_path() -> Callable[..., nn.Module]:
    class Own(Paths):
        def outputs(self, x: Tensor) -> Tensor:
            return super().outputs(x).relu()

    return called(Own)


@wrong("output in training", "The paths have no ReLU between their 1x1 and their 3x3.")
def paths_without_first_relu() -> Callable[..., nn.Module]:
    class Own(Paths):
        def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
            reduce, _, *rest = Path(inputs, outputs, width, stride)
            return nn.Sequential(reduce, *rest)

    return called(Own)


@wrong("output in evaluation", "The paths are averaged: the BN hides that in training, but they must be summed.")
def paths_averaged() -> Callable[..., nn.Module]:
    class Own(Paths):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn3(self.outputs(x).mean(0))

    return called(Own)


@wrong("gradients", "No gradient goes back from the last 1x1 to the paths, as if they were detached: none learns.")
def detached_paths() -> Callable[..., nn.Module]:
    class Own(Concatenated):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn3(self.conv3(torch.cat([path(x) for path in self.paths], 1).detach()))

    return called(Own)


@wrong("gradients", "The groups' weights get no gradient, as if they were joined by way of `.data`.")
def weights_joined_by_data() -> Callable[..., nn.Module]:
    class Joined(nn.ModuleList):
        def __init__(self, width: int, stride: int, groups: int) -> None:
            super().__init__(conv(width, width, 3) for _ in range(groups))
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            weights = torch.cat([layer.weight.data for layer in self])  # pyright: ignore[reportArgumentType]
            return F.conv2d(x, weights, stride=self.stride, padding=1, groups=len(self))

    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv2 = Joined(inner // groups, stride, groups)

    return called(Own)


@right
def sum_of_paths() -> Callable[..., nn.Module]:
    return called(Paths)


@right
def paths_concatenated_before_the_last_1x1() -> Callable[..., nn.Module]:
    return called(Concatenated)


@right
def one_3x3_for_each_group() -> Callable[..., nn.Module]:
    class Groups(nn.ModuleList):
        def forward(self, x: Tensor) -> Tensor:
            groups = x.tensor_split(len(self), 1)
            return torch.cat([part(group) for part, group in zip(self, groups, strict=True)], 1)

    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            width = inner // groups
            self.conv2 = Groups(conv(width, width, 3, stride) for _ in range(groups))

    return called(Own)


@right
def one_tensor_of_all_paths() -> Callable[..., nn.Module]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            self.stride, width = stride, inner // groups
            self.w1 = nn.Parameter(torch.randn(groups, width, inputs))
            self.w2 = nn.Parameter(torch.randn(groups, width, width, 3, 3))
            self.w3 = nn.Parameter(torch.randn(groups, outputs, width))
            self.bn1, self.bn2, self.bn3 = self.norm(inner), self.norm(inner), self.norm(outputs)

        def branch(self, x: Tensor) -> Tensor:
            groups = len(self.w1)
            x = F.relu(self.bn1(torch.einsum("gdi,nihw->ngdhw", self.w1, x).flatten(1, 2)))
            x = F.conv2d(x, self.w2.flatten(0, 1), stride=self.stride, padding=1, groups=groups)
            x = F.relu(self.bn2(x)).unflatten(1, (groups, -1))
            return self.bn3(torch.einsum("god,ngdhw->nohw", self.w3, x))

    return called(Own)
