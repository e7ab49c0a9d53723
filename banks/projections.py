"""What the banks of the exercises on bottlenecks with a stride share: faults of stride and projection."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import right, wrong
from banks.bottleneck_layouts import InputFirst, with_conv
from banks.bottlenecks import Block, conv


def where(projects: Callable[[int, int, int], bool]) -> type[Block]:
    """The block with a projection where this says so of input channels, output channels and stride."""

    class Own(Block):
        def projects(self, inputs: int, outputs: int, stride: int) -> bool:
            return projects(inputs, outputs, stride)

    return Own


def with_projection(made: Callable[[int, int, int], nn.Module]) -> type[Block]:
    """The block with another projection for input channels, output channels and stride."""

    class Own(Block):
        def projection(self, inputs: int, outputs: int, stride: int) -> nn.Module:
            return made(inputs, outputs, stride)

    return Own


def with_strides(first: bool, second: bool, third: bool) -> type[Block]:
    """The block with the stride on these of its convolutions."""

    class Own(Block):
        def strides(self, stride: int) -> tuple[int, int, int]:
            return stride if first else 1, stride if second else 1, stride if third else 1

    return Own


def projected(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


@wrong("shape", "At stride 1 nothing is projected, not even where the channels change, so the sum fails there.")
def projection_on_stride_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1)


@wrong("shape", "Where the channels stay, nothing is projected at a stride of 2, so the sum fails there.")
def projection_on_channels_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: inputs != outputs)


@wrong("shape", "A projection is made only where stride and channels both change; either of them is reason enough.")
def projection_on_both_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1 and inputs != outputs)


@wrong("shape", "Where the channels stay, a projection is made at stride 2 only; any stride but 1 changes the map.")
def projection_at_stride_2_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride == 2 or inputs != outputs)


@wrong("shape", "At stride 1 nothing is projected where the channels become fewer: any change needs it.")
def projection_to_more_channels_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1 or inputs < outputs)


@wrong("shape", "At stride 1 nothing is projected where the channels become more: any change needs it.")
def projection_to_fewer_channels_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1 or inputs > outputs)


@wrong("shape", "At stride 1 nothing is projected where the channels become more, but less than twice as many.")
def projection_to_double_at_least() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1 or outputs // inputs != 1)


@wrong(
    "parameter count",
    "Wide blocks get a projection that they don't need: `is not` asks whether two numbers are one object, and large "
    "ones seldom are.",
)
def numbers_compared_as_objects() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1 or inputs is not outputs)


@wrong("shape", "At stride 1 a projection is made only where the channels double or halve: any change needs it.")
def projection_to_double_alone() -> type[Block]:
    return where(lambda inputs, outputs, stride: stride != 1 or inputs in (2 * outputs, outputs / 2))


NEVER = "The input itself is added although the shape changes: there is no projection, or it isn't used."


@wrong("shape", NEVER)
def never_projected() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + x)

    return Own


@wrong("shape", NEVER)
def never_projected_input_first() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x + self.branch(x))

    return Own


@wrong("shape", "Where the shape changes nothing is projected, and the input itself is overwritten, as by `x += …`.")
def added_to_the_input() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            x += self.branch(x)
            return F.relu(x)

    return Own


@wrong("shape", "The shortcut is pooled without overlap, which rounds odd sizes down, while the 3x3 rounds them up.")
def pooled_shortcut() -> type[Block]:
    return with_projection(
        lambda inputs, outputs, stride: nn.Sequential(nn.AvgPool2d(stride), projected(inputs, outputs, 1))
    )


@wrong("shape", "The projection has no stride, so the shortcut's map stays large where the branch's shrinks.")
def projection_without_stride() -> type[Block]:
    return with_projection(lambda inputs, outputs, stride: projected(inputs, outputs, 1))


@wrong("shape", "The first 1x1 and the 3x3 both have the stride, so the branch shrinks twice.")
def stride_on_both() -> type[Block]:
    return with_strides(True, True, False)


@wrong("shape", "No convolution of the branch has the stride, so the branch keeps its size and the sum fails.")
def stride_on_none() -> type[Block]:
    return with_strides(False, False, False)


@wrong("shape", "A stride above 2 is taken for 2.")
def stride_of_2_at_most() -> type[Block]:
    class Own(Block):
        def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
            super().__init__(inputs, inner, outputs, min(stride, 2), groups)

    return Own


@wrong("parameter count", "The shortcut is projected everywhere, also where the input could be added as it is.")
def projection_everywhere() -> type[Block]:
    return where(lambda inputs, outputs, stride: True)


@wrong("parameter count", "The projection has no BN behind its 1x1 convolution.")
def projection_without_bn() -> type[Block]:
    return with_projection(lambda inputs, outputs, stride: projected(inputs, outputs, stride)[0])


@wrong("parameter count", "The projection's 1x1 convolution has a bias; here no convolution has one.")
def projection_with_bias() -> type[Block]:
    return with_projection(
        lambda inputs, outputs, stride: nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
    )


@wrong("parameter count", "The shortcut's convolution is a 3x3; a 1x1 is asked for.")
def projection_of_3x3() -> type[Block]:
    return with_projection(
        lambda inputs, outputs, stride: nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        )
    )


@wrong("parameter count", "All convolutions have a bias, the projection's, too; here none has one.")
def biases_everywhere() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    module.bias = nn.Parameter(torch.zeros(module.out_channels))

    return Own


@wrong("output in training", "The first 1x1 has the stride, where the paper had it; here it belongs to the 3x3.")
def stride_on_first() -> type[Block]:
    return with_strides(True, False, False)


@wrong("output in training", "The last 1x1 has the stride, so that it skips pixels; it belongs to the 3x3.")
def stride_on_last() -> type[Block]:
    return with_strides(False, False, True)


@wrong("output in training", "The branch averages pixels to shrink its map; the 3x3 should have the stride.")
def pooled_branch() -> type[Block]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, 1, groups)
            self.pool = nn.AvgPool2d(3, stride, 1) if stride != 1 else nn.Identity()

        def branch(self, x: Tensor) -> Tensor:
            x = self.pool(F.relu(self.bn1(self.conv1(x))))
            return self.bn3(self.conv3(F.relu(self.bn2(self.conv2(x)))))

    return Own


@wrong("output in training", "The shortcut averages pixels before its 1x1, as ResNet-D does; the 1x1 has the stride.")
def averaged_shortcut() -> type[Block]:
    return with_projection(
        lambda inputs, outputs, stride: nn.Sequential(
            nn.AvgPool2d(stride, stride, ceil_mode=True), projected(inputs, outputs, 1)
        )
    )


@wrong("output in training", "A ReLU stands on the projection: the shortcut must stay linear.")
def relu_on_projection() -> type[Block]:
    return with_projection(lambda *args: nn.Sequential(projected(*args), nn.ReLU()))


@wrong("output in training", "The projected input isn't added: the branch alone comes out where the shape changes.")
def projection_not_added() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + x if self.shortcut is None else out + 0 * self.shortcut(x))

    return Own


@wrong("output in training", "Where the channels double at stride 2, the branch is left out.")
def branch_left_out_at_double() -> type[Block]:
    class Own(Block):
        def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
            super().__init__(inputs, inner, outputs, stride, groups)
            self.leaves_out = outputs == 2 * inputs and stride == 2

        def branch(self, x: Tensor) -> Tensor:
            return super().branch(x) * (not self.leaves_out)

    return Own


@wrong("output in training", "Whether to project is asked of the maps: on one pixel, a stride changes no map's size.")
def projection_by_maps() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + (x if out.shape == x.shape else self.skip(x)))

    return Own


@wrong("output in evaluation", "The projection's BN has no running statistics: it always uses the batch's own.")
def projection_without_statistics() -> type[Block]:
    return with_projection(
        lambda inputs, outputs, stride: nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs, track_running_stats=False)
        )
    )


@wrong("gradients", "No gradient goes back from the projection to the input, as if it read a detached one.")
def detached_projection() -> type[Block]:
    class Own(Block):
        def skip(self, x: Tensor) -> Tensor:
            return x if self.shortcut is None else self.shortcut(x.detach())

    return Own


@wrong("output in training", "The first 1x1 has the stride, where the paper had it; here it belongs to the 3x3.")
def stride_on_first_and_input_channels_first() -> type[Block]:
    return with_conv(InputFirst, with_strides(True, False, False))


@right
def thinned_by_slices() -> type[Block]:
    class Thin(nn.Module):
        def __init__(self, stride: int) -> None:
            super().__init__()
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            return x[..., :: self.stride, :: self.stride]

    def made(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        return nn.Sequential(conv(inputs, outputs, size, 1, groups), Thin(stride))

    return with_conv(made)
