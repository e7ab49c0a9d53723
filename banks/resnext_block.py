"""Programs for ``resnext-block``."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import right, wrong


def conv_bn(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Base(nn.Module):
    """The right block, its 3x3 grouped. The wrong ones change one thing."""

    def __init__(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.make_branch(inputs, outputs, cardinality, width, stride)
        self.shortcut = self.make_shortcut(inputs, outputs, stride)

    def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
        self.layers(inputs, outputs, cardinality * width, stride, cardinality)

    def layers(self, inputs: int, outputs: int, inner: int, stride: int, groups: int) -> None:
        self.reduce = conv_bn(inputs, inner)
        self.spatial = conv_bn(inner, inner, 3, stride, groups)
        self.expand = conv_bn(inner, outputs)

    def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        return nn.Identity() if stride == 1 and inputs == outputs else conv_bn(inputs, outputs, 1, stride)

    def branch(self, x: Tensor) -> Tensor:
        return self.expand(F.relu(self.spatial(F.relu(self.reduce(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


class Path(nn.Sequential):
    """One of the paths that are summed."""

    def __init__(self, inputs: int, outputs: int, width: int, stride: int) -> None:
        last = nn.Conv2d(width, outputs, 1, bias=False)
        super().__init__(conv_bn(inputs, width), nn.ReLU(), conv_bn(width, width, 3, stride), nn.ReLU(), last)


class Paths(Base):
    """The right block as a sum of paths."""

    def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
        self.paths = nn.ModuleList(self.path(inputs, outputs, width, stride) for _ in range(cardinality))
        self.bn = nn.BatchNorm2d(outputs)

    def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
        return Path(inputs, outputs, width, stride)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn(torch.stack([path(x) for path in self.paths]).sum(0))


class Concatenated(Base):
    """The right block as paths whose maps lie side by side before the last 1x1."""

    def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
        self.paths = nn.ModuleList()
        for _ in range(cardinality):
            layers = (conv_bn(inputs, width), nn.ReLU(), conv_bn(width, width, 3, stride), nn.ReLU())
            self.paths.append(nn.Sequential(*layers))
        self.expand = conv_bn(cardinality * width, outputs)

    def branch(self, x: Tensor) -> Tensor:
        return self.expand(torch.cat([path(x) for path in self.paths], 1))


@wrong("shape", "The output is made 4 times as wide, as in the bottleneck: here out_channels is the output itself.")
def expanded_by_4() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int = 1) -> None:
            super().__init__(inputs, 4 * outputs, cardinality, width, stride)

    return Block


@wrong(
    "shape", "The projection is made only where the stride is not 1, so the sum fails where just the channels change."
)
def projection_on_stride_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            return nn.Identity() if stride == 1 else conv_bn(inputs, outputs, 1, stride)

    return Block


@wrong(
    "shape", "The shortcut keeps the size of the map at stride 2: the projection is missing there, or has no stride."
)
def projection_on_channels_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            return nn.Identity() if inputs == outputs else conv_bn(inputs, outputs, 1, stride)

    return Block


@wrong("parameter count", "`groups` gets the width of a group: it is the number of groups, the cardinality.")
def groups_and_width_swapped() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.layers(inputs, outputs, cardinality * width, stride, groups=width)

    return Block


@wrong("parameter count", "The 3x3 is not grouped: it is a bottleneck's.")
def not_grouped() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.layers(inputs, outputs, cardinality * width, stride, groups=1)

    return Block


@wrong("parameter count", "Every channel is a group of its own: the 3x3 is depthwise.")
def depthwise() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.layers(inputs, outputs, cardinality * width, stride, groups=cardinality * width)

    return Block


@wrong("parameter count", "The width inside is half of out_channels: it is cardinality x group_width.")
def inner_is_half_the_output() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.layers(inputs, outputs, outputs // 2, stride, cardinality)

    return Block


@wrong("builds", "group_width is taken for the width of all groups together, which the groups then don't divide.")
def inner_is_the_group_width() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.layers(inputs, outputs, width, stride, cardinality)

    return Block


@wrong(
    "parameter count", "The first 1x1 is grouped, too, so each group sees a part of the input: it must see all of it."
)
def first_1x1_grouped() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            super().make_branch(inputs, outputs, cardinality, width, stride)
            self.reduce = conv_bn(inputs, cardinality * width, groups=cardinality)

    return Block


@wrong("parameter count", "The last 1x1 is grouped, too, so each output channel sees one group: it must sum over all.")
def last_1x1_grouped() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            super().make_branch(inputs, outputs, cardinality, width, stride)
            self.expand = conv_bn(cardinality * width, outputs, groups=cardinality)

    return Block


@wrong("parameter count", "Each path has a BN of its own at the end: one BN must follow the sum.")
def bn_in_each_path() -> type[nn.Module]:
    class Block(Paths):
        def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
            return nn.Sequential(super().path(inputs, outputs, width, stride), nn.BatchNorm2d(outputs))

        def branch(self, x: Tensor) -> Tensor:
            return torch.stack([path(x) for path in self.paths]).sum(0)

    return Block


@wrong("parameter count", "One path is run for all of them: `[path] * cardinality` repeats the same module.")
def one_path_repeated() -> type[nn.Module]:
    class Block(Paths):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.paths = nn.ModuleList([self.path(inputs, outputs, width, stride)] * cardinality)
            self.bn = nn.BatchNorm2d(outputs)

    return Block


@wrong("parameter count", "The paths are concatenated, so each makes a part of the output: they must be summed.")
def paths_concatenated() -> type[nn.Module]:
    class Block(Paths):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            super().make_branch(inputs, outputs // cardinality, cardinality, width, stride)
            self.bn = nn.BatchNorm2d(outputs)

        def branch(self, x: Tensor) -> Tensor:
            return self.bn(torch.cat([path(x) for path in self.paths], 1))

    return Block


@wrong("parameter count", "The shortcut is projected everywhere, also where the input could be added as it is.")
def projection_everywhere() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            return conv_bn(inputs, outputs, 1, stride)

    return Block


@wrong("shape", "The input's channels are compared with the width inside: what counts is the output's.")
def projection_by_inner_width() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int = 1) -> None:
            super().__init__(inputs, outputs, cardinality, width, stride)
            keeps = stride == 1 and inputs == cardinality * width
            self.shortcut = nn.Identity() if keeps else conv_bn(inputs, outputs, 1, stride)

    return Block


@wrong("parameter count", "The convolutions have a bias, which the BN behind them makes useless.")
def biases() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            super().make_branch(inputs, outputs, cardinality, width, stride)
            inner = cardinality * width
            self.reduce[0] = nn.Conv2d(inputs, inner, 1)
            self.spatial[0] = nn.Conv2d(inner, inner, 3, stride, 1, groups=cardinality)
            self.expand[0] = nn.Conv2d(inner, outputs, 1)

    return Block


@wrong(
    "silenced branch", "There is no shortcut where the shape stays: the block returns relu(F(x)), as a plain net does."
)
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) if isinstance(self.shortcut, nn.Identity) else super().forward(x)

    return Block


@wrong("silenced branch", "The ReLU stands before the addition: it belongs after it.")
def relu_before_addition() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) + self.shortcut(x)

    return Block


@wrong("silenced branch", "The ReLU after the addition is missing.")
def no_last_relu() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x) + self.shortcut(x)

    return Block


@wrong("silenced branch", "The input is added once for each path, not once for the block.")
def shortcut_in_each_path() -> type[nn.Module]:
    class Block(Paths):
        def forward(self, x: Tensor) -> Tensor:
            if not isinstance(self.shortcut, nn.Identity):
                return super().forward(x)
            return F.relu(self.branch(x) + len(self.paths) * x)

    return Block


@wrong("output in training", "There is no ReLU between the grouped 3x3 and the last 1x1.")
def no_second_relu() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.expand(self.spatial(F.relu(self.reduce(x))))

    return Block


@wrong("output in training", "A ReLU follows the third BN, too: the branch can then only add, never take away.")
def relu_after_each_bn() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return F.relu(super().branch(x))

    return Block


@wrong("output in training", "The stride is on the first 1x1; it belongs to the grouped 3x3.")
def stride_on_first() -> type[nn.Module]:
    class Block(Base):
        def layers(self, inputs: int, outputs: int, inner: int, stride: int, groups: int) -> None:
            super().layers(inputs, outputs, inner, 1, groups)
            self.reduce = conv_bn(inputs, inner, 1, stride)

    return Block


@wrong("output in training", "The channels are shuffled between the groups: that is ShuffleNet's block.")
def channels_shuffled() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int = 1) -> None:
            super().__init__(inputs, outputs, cardinality, width, stride)
            self.cardinality = cardinality

        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.reduce(x)).unflatten(1, (self.cardinality, -1)).transpose(1, 2).flatten(1, 2)
            return self.expand(F.relu(self.spatial(out)))

    return Block


@wrong("output in training", "Each path ends in a ReLU before the sum: the sum must come first.")
def relu_in_each_path() -> type[nn.Module]:
    class Block(Paths):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn(torch.stack([F.relu(path(x)) for path in self.paths]).sum(0))

    return Block


@wrong("output in training", "The paths have no ReLU between their 1x1 and their 3x3.")
def paths_without_first_relu() -> type[nn.Module]:
    class Block(Paths):
        def path(self, inputs: int, outputs: int, width: int, stride: int) -> nn.Module:
            last = nn.Conv2d(width, outputs, 1, bias=False)
            return nn.Sequential(conv_bn(inputs, width), conv_bn(width, width, 3, stride), nn.ReLU(), last)

    return Block


@wrong("output in evaluation", "The paths are averaged: the BN hides that in training, but they must be summed.")
def paths_averaged() -> type[nn.Module]:
    class Block(Paths):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn(torch.stack([path(x) for path in self.paths]).mean(0))

    return Block


@wrong("output in evaluation", "The BNs track no running statistics, so each batch is normalised by its own.")
def no_running_statistics() -> type[nn.Module]:
    class Block(Base):
        def layers(self, inputs: int, outputs: int, inner: int, stride: int, groups: int) -> None:
            super().layers(inputs, outputs, inner, stride, groups)
            self.reduce[1], self.spatial[1] = (nn.BatchNorm2d(inner, track_running_stats=False) for _ in range(2))
            self.expand[1] = nn.BatchNorm2d(outputs, track_running_stats=False)

    return Block


@wrong("gradients", "The first BN is called after both convolutions, the second one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            bn = self.reduce[1]
            return self.expand(F.relu(bn(self.spatial[0](F.relu(self.reduce(x))))))

    return Block


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def momentum_of_other_libraries() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int = 1) -> None:
            super().__init__(inputs, outputs, cardinality, width, stride)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.9

    return Block


@wrong("input kept", "The input itself is overwritten: `x += …` changes the caller's tensor.")
def input_overwritten() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            if not isinstance(self.shortcut, nn.Identity):
                return F.relu(out + self.shortcut(x))
            x += out
            return F.relu(x)

    return Block


@wrong("shape", "The projection is made at stride 2 only; any stride but 1 changes the map.")
def projection_at_stride_2_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            needed = stride == 2 or inputs != outputs
            return conv_bn(inputs, outputs, 1, stride) if needed else nn.Identity()

    return Block


@wrong("shape", "There is no projection where the shape changes.")
def no_projection() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            return nn.Identity()

    return Block


@wrong("shape", "The 3x3 has no padding.")
def no_padding() -> type[nn.Module]:
    class Block(Base):
        def layers(self, inputs: int, outputs: int, inner: int, stride: int, groups: int) -> None:
            super().layers(inputs, outputs, inner, stride, groups)
            self.spatial[0] = nn.Conv2d(inner, inner, 3, stride, groups=groups, bias=False)

    return Block


@wrong("shape", "forward returns nothing.")
def nothing_returned() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Any:
            super().forward(x)

    return Block


@wrong("parameter count", "The projection has no BN.")
def projection_without_bn() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            made = super().make_shortcut(inputs, outputs, stride)
            return made[0] if isinstance(made, nn.Sequential) else made

    return Block


@wrong("parameter count", "A convolution has a bias; here none has.")
def bias_in_each_convolution() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int = 1) -> None:
            super().__init__(inputs, outputs, cardinality, width, stride)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    module.bias = nn.Parameter(torch.zeros(module.out_channels))

    return Block


@wrong("output in training", "The stride is on the last 1x1; it belongs to the grouped 3x3.")
def stride_on_last() -> type[nn.Module]:
    class Block(Base):
        def layers(self, inputs: int, outputs: int, inner: int, stride: int, groups: int) -> None:
            super().layers(inputs, outputs, inner, 1, groups)
            self.expand = conv_bn(inner, outputs, 1, stride)

    return Block


@wrong("gradients", "The branch gets a detached input, so no gradient goes back through it.")
def detached_input_of_the_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x.detach()) + self.shortcut(x))

    return Block


@wrong("gradients", "What the paths put out is detached before the last 1x1, so that no path learns.")
def detached_paths() -> type[nn.Module]:
    class Block(Concatenated):
        def branch(self, x: Tensor) -> Tensor:
            return self.expand(torch.cat([path(x) for path in self.paths], 1).detach())

    return Block


@wrong("gradients", "The groups' weights are joined by way of `.data`, which no gradient goes through.")
def weights_joined_by_data() -> type[nn.Module]:
    class Joined(nn.ModuleList):
        def __init__(self, width: int, stride: int, groups: int) -> None:
            super().__init__(nn.Conv2d(width, width, 3, bias=False) for _ in range(groups))
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            weights = torch.cat([conv.weight.data for conv in self])  # pyright: ignore[reportArgumentType]
            return F.conv2d(x, weights, stride=self.stride, padding=1, groups=len(self))

    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            super().make_branch(inputs, outputs, cardinality, width, stride)
            self.spatial[0] = Joined(width, stride, cardinality)

    return Block


@wrong("shape", "There is no projection where the shape changes, and the input itself is overwritten by `x += …`.")
def added_to_the_input() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            return nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            x += self.branch(x)
            return F.relu(x)

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, inplanes: int, planes: int, groups: int, base_width: int, stride: int = 1) -> None:
            super().__init__()
            width = groups * base_width
            self.conv1 = nn.Conv2d(inplanes, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, planes, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inplanes != planes:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
                )

        def forward(self, x: Tensor) -> Tensor:
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
            out += x if self.downsample is None else self.downsample(x)
            return self.relu(out)

    return Block


@right
def sum_of_paths() -> type[nn.Module]:
    return Paths


@right
def paths_concatenated_before_the_last_1x1() -> type[nn.Module]:
    return Concatenated


@right
def one_3x3_for_each_group() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            super().make_branch(inputs, outputs, cardinality, width, stride)
            parts = (nn.Conv2d(width, width, 3, stride, 1, bias=False) for _ in range(cardinality))
            self.spatial[0] = nn.ModuleList(parts)

        def branch(self, x: Tensor) -> Tensor:
            parts, bn = self.spatial
            assert isinstance(parts, nn.ModuleList)
            groups = F.relu(self.reduce(x)).tensor_split(len(parts), 1)
            return self.expand(
                F.relu(bn(torch.cat([part(group) for part, group in zip(parts, groups, strict=True)], 1)))
            )

    return Block


@right
def one_tensor_of_all_paths() -> type[nn.Module]:
    class Block(Base):
        def make_branch(self, inputs: int, outputs: int, cardinality: int, width: int, stride: int) -> None:
            self.stride = stride
            self.w1 = nn.Parameter(torch.randn(cardinality, width, inputs))
            self.w2 = nn.Parameter(torch.randn(cardinality, width, width, 3, 3))
            self.w3 = nn.Parameter(torch.randn(cardinality, outputs, width))
            self.bn1, self.bn2 = nn.BatchNorm2d(cardinality * width), nn.BatchNorm2d(cardinality * width)
            self.bn3 = nn.BatchNorm2d(outputs)

        def branch(self, x: Tensor) -> Tensor:
            cardinality = len(self.w1)
            x = F.relu(self.bn1(torch.einsum("gdi,nihw->ngdhw", self.w1, x).flatten(1, 2)))
            x = F.conv2d(x, self.w2.flatten(0, 1), stride=self.stride, padding=1, groups=cardinality)
            x = F.relu(self.bn2(x)).unflatten(1, (cardinality, -1))
            return self.bn3(torch.einsum("god,ngdhw->nohw", self.w3, x))

    return Block


@right
def lazy_function():  # noqa: ANN201
    class Residual(nn.Module):
        def __init__(self, body: nn.Module, skip: nn.Module | None) -> None:
            super().__init__()
            self.body, self.skip = body, skip

        def forward(self, x: Tensor) -> Tensor:
            return (self.body(x) + (x if self.skip is None else self.skip(x))).clamp(min=0)

    def make(a: int, b: int, c: int, d: int, s: int = 1) -> nn.Module:
        body = nn.Sequential()
        for number, (outputs, size, step, groups) in enumerate([(c * d, 1, 1, 1), (c * d, 3, s, c), (b, 1, 1, 1)]):
            if number:
                body.append(nn.ReLU(inplace=True))
            body.append(nn.LazyConv2d(outputs, size, step, size // 2, groups=groups, bias=False))
            body.append(nn.LazyBatchNorm2d())
        return Residual(body, None if (a, s) == (b, 1) else conv_bn(a, b, 1, s))

    return make
