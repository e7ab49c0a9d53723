"""Programs for ``residual-block``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import blocks, changes_of_shape, right, wrong


class Base(blocks.Block):
    """The right block. The wrong ones change one thing."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = self.make_shortcut(in_channels, out_channels, stride)

    def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        if not self.projects(in_channels, out_channels, stride):
            return nn.Identity()
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))

    def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
        return stride != 1 or in_channels != out_channels

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return self.relu2(self.branch(x) + self.shortcut(x))


def stride_to_second(block: Base) -> None:
    """Move the stride, in place."""
    block.conv2.stride, block.conv1.stride = block.conv1.stride, (1, 1)


SHARED = [
    *blocks.programs(
        Base,
        without=("first_relu_is_relu6",),  # where it fails first depends on the salt
        expected={
            "last_relu_is_gelu": ("silenced branch", "The last ReLU is a GELU."),
            "last_relu_is_relu6": (
                "output in training",
                "The last ReLU is a ReLU6, which lets nothing through above 6.",
            ),
        },
    ),
    *changes_of_shape.programs(Base),
]


@wrong("output in training", "The branch is missing: its parameters are there, but no convolution.")
def nothing_but_zeros() -> type[nn.Module]:
    return blocks.nothing_but_zeros(Base, F.relu)


@wrong("output in training", "The stride is on the second 3x3; it belongs to the first.")
def stride_on_second_and_weights_stored_otherwise() -> type[nn.Module]:
    return blocks.inputs_first(blocks.changed(Base, stride_to_second))


@wrong(
    "output in training",
    "Where branch and input happen to have one shape, as at stride 2 on a map of one pixel, the input itself is added.",
)
def tensors_decide() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + (x if out.shape == x.shape else self.shortcut(x)))

    return Block


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            raise NotImplementedError

    return Block


@wrong("builds", "A layer is assigned before super().__init__() is called, so the module can't take it.")
def super_forgotten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
            super().__init__()

    return Block


@wrong("builds", "The stride has no default: BasicBlock(16, 16) must work, too.")
def stride_without_default() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)

    return Block


@wrong(
    "shape",
    "The branch's map comes out too small: often the 3x3 convolutions lack their padding.",
)
def no_padding() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1.padding = self.conv2.padding = (0, 0)

    return Block


@wrong("shape", "The stride is ignored: the map keeps its size.")
def stride_ignored() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, 1)

    return Block


@wrong("shape", "The branch's map shrinks twice: often both 3x3 convolutions have the stride.")
def stride_on_both() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv2.stride = (stride, stride)

    return Block


@wrong("shape", "The first 3x3 convolution lacks its padding, so that the branch's map comes out too small.")
def first_convolution_unpadded() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1.padding = (0, 0)

    return Block


@wrong("shape", "The second 3x3 takes in_channels, but what reaches it has out_channels already.")
def second_convolution_from_the_input() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv2 = nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False)

    return Block


@wrong("shape", "The first BN has in_channels, but the convolution before it puts out out_channels.")
def first_norm_as_wide_as_the_input() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1 = nn.BatchNorm2d(in_channels)

    return Block


@wrong("parameter count", "All convolutions have a bias, the projection's, too; none on this sheet has one.")
def all_biases() -> type[nn.Module]:
    return blocks.replaced(Base, nn.Conv2d, blocks.with_bias)


@wrong("parameter count", "The convolutions have a bias, which the BN behind them makes useless.")
def biases() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
            self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)

    return Block


@wrong(
    "parameter count", "The shortcut is projected everywhere, also where the input could be added as it is (option C)."
)
def projection_everywhere() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    return Block


@wrong("parameter count", "The projection has no BN behind its 1x1 convolution.")
def projection_without_bn() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().make_shortcut(in_channels, out_channels, stride)
            return made[0] if isinstance(made, nn.Sequential) else made

    return Block


@wrong("parameter count", "One BN serves both convolutions; each needs its own.")
def one_bn_for_both() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn2 = self.bn1

    return Block


@wrong("parameter count", "The projection is a 3x3 convolution; a 1x1 is asked for.")
def projection_3x3() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().make_shortcut(in_channels, out_channels, stride)
            if isinstance(made, nn.Sequential):
                made[0] = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
            return made

    return Block


@wrong("parameter count", "Some parameters are frozen (requires_grad is False), so they never learn.")
def frozen() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn2.requires_grad_(False)

    return Block


@wrong("silenced branch", "Where the shape stays, nothing is added: the block returns relu(F(x)), as a plain net does.")
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            if isinstance(self.shortcut, nn.Identity):
                return F.relu(self.branch(x))
            return super().forward(x)

    return Block


@wrong(
    "silenced branch", "The ReLU stands before the addition: the branch can only add, and negative inputs come through."
)
def relu_before_addition() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) + self.shortcut(x)

    return Block


@wrong("silenced branch", "The last ReLU is missing.")
def no_last_relu() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x) + self.shortcut(x)

    return Block


@wrong(
    "silenced branch",
    "The branch's own output is added instead of the input, as by `out += out`.",
)
def added_to_itself() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + (out if isinstance(self.shortcut, nn.Identity) else self.shortcut(x)))

    return Block


@wrong("silenced branch", "The shortcut is multiplied with the branch instead of added to it.")
def multiplied() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) * self.shortcut(x))

    return Block


@wrong("silenced branch", "What is added is the result of the first convolution, not the block's input.")
def identity_caught_late() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            first = F.relu(self.bn1(self.conv1(x)))
            late = first if isinstance(self.shortcut, nn.Identity) else self.shortcut(x)
            return F.relu(self.bn2(self.conv2(first)) + late)

    return Block


@wrong("silenced branch", "The shortcut is detached, or made under no_grad, so no gradient goes through it.")
def detached_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + self.shortcut(x.detach()))

    return Block


@wrong("silenced branch", "The sum is averaged: (F(x) + x) / 2 instead of F(x) + x.")
def averaged() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu((self.branch(x) + self.shortcut(x)) / 2)

    return Block


@wrong("output in training", "The ReLU between the two convolutions is missing.")
def no_inner_relu() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv2(self.bn1(self.conv1(x))))

    return Block


@wrong("output in training", "The first ReLU stands before its BN: the order is convolution, BN, ReLU.")
def relu_before_bn() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv2(self.bn1(F.relu(self.conv1(x)))))

    return Block


@wrong("output in training", "The stride is on the second 3x3; it belongs to the first.")
def stride_on_second() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            stride_to_second(self)

    return Block


@wrong("output in training", "A ReLU follows the projection's BN; nothing stands between that BN and the sum.")
def relu_on_projection() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = self.shortcut(x)
            if not isinstance(self.shortcut, nn.Identity):
                shortcut = F.relu(shortcut)
            return F.relu(self.branch(x) + shortcut)

    return Block


@wrong("output in evaluation", "A BN normalises with the batch's statistics in evaluation mode, too.")
def no_running_statistics() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn2 = nn.BatchNorm2d(out_channels, track_running_stats=False)

    return Block


@wrong(
    "output in evaluation",
    "The second BN uses the batch's statistics in evaluation mode, too, and moves its running ones.",
)
def bn_always_training() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = self.conv2(F.relu(self.bn1(self.conv1(x))))
            return F.batch_norm(
                out, self.bn2.running_mean, self.bn2.running_var, self.bn2.weight, self.bn2.bias, training=True
            )

    return Block


@wrong("input kept", "The input itself is overwritten, as by `x += …`, which changes the caller's tensor.")
def input_overwritten() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            if not isinstance(self.shortcut, nn.Identity):
                return F.relu(out + self.shortcut(x))
            x += out
            return F.relu(x)

    return Block


@wrong(
    "state_dict",
    "The block computes with something that isn't in its state_dict, such as a buffer that isn't persistent.",
)
def statistics_not_saved() -> type[nn.Module]:
    class Norm(nn.BatchNorm2d):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.register_buffer("running_mean", torch.zeros(channels), persistent=False)

    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn2 = Norm(out_channels)

    return Block


@wrong("own weights", "Blocks share a layer, which is often made once, outside their __init__; each needs its own.")
def shared_convolution() -> type[nn.Module]:
    kept: dict[int, nn.Conv2d] = {}

    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv2 = kept.setdefault(out_channels, self.conv2)

    return Block


@wrong(
    "shape",
    "x itself is added where a projection is needed: is it made (stride not 1 or channels differ), and used?",
)
def never_projected() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + x)

    return Block


@wrong(
    "shape",
    "x itself is added where a projection is needed: is it made (stride not 1 or channels differ), and used?",
)
def never_projected_input_first() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x + self.branch(x))

    return Block


@wrong("shape", "The projection lacks the stride, so that its map is larger than the branch's.")
def projection_without_stride() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            if isinstance(self.shortcut, nn.Sequential):
                self.shortcut[0].stride = (1, 1)  # pyright: ignore

    return Block


@wrong(
    "shape",
    "The first convolution takes out_channels channels: often in_channels and out_channels are swapped.",
)
def channels_swapped() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(out_channels, in_channels, stride)

    return Block


@wrong("parameter count", "The projection's 1x1 convolution has a bias: no convolution on this sheet has one.")
def projection_with_bias() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().make_shortcut(in_channels, out_channels, stride)
            if isinstance(made, nn.Sequential):
                made[0] = nn.Conv2d(in_channels, out_channels, 1, stride)
            return made

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
            conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            return nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), conv, nn.BatchNorm2d(out_channels))

    return Block


@wrong("gradients", "The branch gets a detached input, so no gradient goes back through it.")
def detached_input_of_the_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x.detach()) + self.shortcut(x))

    return Block


@wrong("gradients", "One BN is called twice, and the other one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn1(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    return Block


@wrong("parameter count", "The second BN is missing: the branch ends with a convolution.")
def no_last_bn() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn2 = nn.Identity()

    return Block


@wrong("silenced branch", "A BN stands behind the addition, on the shortcut's way, too.")
def bn_after_addition() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.conv2(F.relu(self.bn1(self.conv1(x))))
            return F.relu(self.bn2(out + self.shortcut(x)))

    return Block


@wrong("output in training", "There is a third ReLU, between the branch's last BN and the addition.")
def relu_before_and_after() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(F.relu(self.branch(x)) + self.shortcut(x))

    return Block


@wrong("output in training", "The branch is subtracted; it should be added.")
def subtracted() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.shortcut(x) - self.branch(x))

    return Block


@wrong("output in training", "What is added to the branch goes through a ReLU before.")
def relu_on_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + F.relu(self.shortcut(x)))

    return Block


@wrong("gradients", "The branch is detached before the addition, so that none of its layers learns.")
def detached_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x).detach() + self.shortcut(x))

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.downsample = None
            if stride != 1 or inplanes != planes:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
                )

        def forward(self, x: Tensor) -> Tensor:
            identity = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += identity
            return self.relu(out)

    return Block


@right
def sequential_and_shortcut_first() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, a: int, b: int, s: int = 1) -> None:
            super().__init__()
            self.skip = nn.Sequential()
            if (s, a) != (1, b):
                self.skip.append(nn.Conv2d(a, b, 1, s, bias=False)).append(nn.BatchNorm2d(b))
            self.body = nn.Sequential(
                nn.Conv2d(a, b, 3, s, 1, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(),
                nn.Conv2d(b, b, 3, 1, 1, bias=False),
                nn.BatchNorm2d(b),
            )

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.skip(x) + self.body(x))

    return Block


@right
def lazy_layers() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.LazyConv2d(out_channels, 3, stride, 1, bias=False),
                nn.LazyBatchNorm2d(),
                nn.ReLU(),
                nn.LazyConv2d(out_channels, 3, 1, 1, bias=False),
                nn.LazyBatchNorm2d(),
            )
            self.project = stride != 1 or in_channels != out_channels
            if self.project:
                self.skip = nn.Sequential(nn.LazyConv2d(out_channels, 1, stride, bias=False), nn.LazyBatchNorm2d())

        def forward(self, x: Tensor) -> Tensor:
            return (self.body(x) + (self.skip(x) if self.project else x)).clamp(min=0)

    return Block


@right
def parameters_and_functions() -> type[nn.Module]:
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(channels))
            self.shift = nn.Parameter(torch.zeros(channels))
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("variance", torch.ones(channels))

        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.mean, self.variance, self.scale, self.shift, self.training)  # pyright: ignore

    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.stride = stride
            self.w1 = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
            self.w2 = nn.Parameter(torch.randn(out_channels, out_channels, 3, 3))
            self.n1, self.n2 = Norm(out_channels), Norm(out_channels)
            self.w3 = None
            if stride > 1 or in_channels != out_channels:
                self.w3, self.n3 = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1)), Norm(out_channels)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.n1(F.conv2d(x, self.w1, stride=self.stride, padding=1)))
            y = self.n2(F.conv2d(y, self.w2, padding=1))
            if self.w3 is None:
                return F.relu(x + y)
            return F.relu(self.n3(F.conv2d(x, self.w3, stride=self.stride)) + y)

    return Block


@right
def own_batch_norm() -> type[nn.Module]:
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
            self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
            self.register_buffer("running_mu", torch.zeros(1, channels, 1, 1))
            self.register_buffer("running_sigma2", torch.ones(1, channels, 1, 1))
            self.running_mu: Tensor
            self.running_sigma2: Tensor

        def forward(self, x: Tensor) -> Tensor:
            mean, variance = self.running_mu, self.running_sigma2
            if self.training:
                mean = x.mean((0, 2, 3), keepdim=True)
                variance = x.var((0, 2, 3), keepdim=True, unbiased=False)
                with torch.no_grad():
                    self.running_mu.lerp_(mean, 0.1)
                    self.running_sigma2.lerp_(x.var((0, 2, 3), keepdim=True), 0.1)
            return self.gamma * (x - mean) / (variance + 1e-5).sqrt() + self.beta

    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1, self.bn2 = Norm(out_channels), Norm(out_channels)  # pyright: ignore

    return Block


@right
def factory_function():  # noqa: ANN201
    class Sum(nn.Module):
        def __init__(self, *parts: nn.Module) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([part(x) for part in self.parts]).sum(0)

    def conv_bn(a: int, b: int, size: int, stride: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(a, b, size, stride, size // 2, bias=False), nn.BatchNorm2d(b))

    def make(inputs: int, outputs: int, step: int = 1) -> nn.Module:
        skip = nn.Identity() if inputs == outputs and step == 1 else conv_bn(inputs, outputs, 1, step)
        body = nn.Sequential(conv_bn(inputs, outputs, 3, step), nn.ReLU(True), conv_bn(outputs, outputs, 3, 1))
        return nn.Sequential(Sum(body, skip), nn.ReLU())

    return make
