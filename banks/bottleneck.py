"""Programs for ``bottleneck``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from banks import right, wrong


class Base(nn.Module):
    """The right block. The wrong ones change one thing."""

    def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = 4 * mid_channels
        self.conv1 = nn.Conv2d(in_channels, mid_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(mid_channels)
        self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid_channels)
        self.conv3 = nn.Conv2d(mid_channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = self.make_shortcut(in_channels, mid_channels, stride)

    def make_shortcut(self, in_channels: int, mid_channels: int, stride: int) -> nn.Module:
        if stride == 1 and in_channels == 4 * mid_channels:
            return nn.Identity()
        return self.projection(in_channels, 4 * mid_channels, stride)

    def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))

    def branch(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


@wrong("shape", "The last 1x1 gives mid_channels again: the output must be four times as wide.")
def not_expanded() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv3 = nn.Conv2d(mid_channels, mid_channels, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(mid_channels)
            self.shortcut = nn.Identity()
            if stride != 1 or in_channels != mid_channels:
                self.shortcut = self.projection(in_channels, mid_channels, stride)

    return Block


@wrong("shape", "The second argument is taken for the output's channels; it is the width inside, a quarter of them.")
def second_argument_is_output() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels // 4, stride)

    return Block


@wrong(
    "shape", "The projection is made only where the stride is not 1, so the first block of a net's first stage fails."
)
def projection_on_stride_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, mid_channels: int, stride: int) -> nn.Module:
            return nn.Identity() if stride == 1 else self.projection(in_channels, 4 * mid_channels, stride)

    return Block


@wrong(
    "shape", "The projection is made only where the channels change, or it lacks the stride: the sum fails at stride 2."
)
def projection_on_channels_alone() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, mid_channels: int, stride: int) -> nn.Module:
            return super().make_shortcut(in_channels, mid_channels, 1 if in_channels == 4 * mid_channels else stride)

    return Block


@wrong("shape", "The input's channels are compared with mid_channels; what counts is the output, 4 x mid_channels.")
def projection_by_inner_width() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, mid_channels: int, stride: int) -> nn.Module:
            if stride == 1 and in_channels == mid_channels:
                return nn.Identity()
            return self.projection(in_channels, 4 * mid_channels, stride)

    return Block


@wrong("shape", "The 3x3 has no padding, so the map shrinks and the sum fails.")
def no_padding() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv2.padding = (0, 0)

    return Block


@wrong("shape", "The 1x1 convolutions have padding 1, which adds a border of zeros: only a 3x3 needs it.")
def padded_1x1() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1.padding = self.conv3.padding = (1, 1)

    return Block


@wrong("shape", "The shortcut is pooled 2x2, which rounds odd sizes down, while the strided 3x3 rounds them up.")
def pooled_shortcut() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().projection(in_channels, out_channels, 1)
            return nn.Sequential(nn.AvgPool2d(stride), made) if stride != 1 else made

    return Block


@wrong("parameter count", "The shortcut is projected everywhere, also where the input could be added as it is.")
def projection_everywhere() -> type[nn.Module]:
    class Block(Base):
        def make_shortcut(self, in_channels: int, mid_channels: int, stride: int) -> nn.Module:
            return self.projection(in_channels, 4 * mid_channels, stride)

    return Block


@wrong("parameter count", "The projection has no BN behind its 1x1 convolution.")
def projection_without_bn() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    return Block


@wrong("parameter count", "The convolutions have a bias, which the BN behind them makes useless.")
def biases() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, mid_channels, 1)
            self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, stride, 1)
            self.conv3 = nn.Conv2d(mid_channels, 4 * mid_channels, 1)

    return Block


@wrong("parameter count", "The last 1x1 has no BN behind it.")
def no_last_bn() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.bn3 = nn.Identity()

    return Block


@wrong("parameter count", "One BN serves the first two convolutions; each needs its own.")
def one_bn_for_two() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.bn2 = self.bn1

    return Block


@wrong(
    "parameter count",
    "The first 1x1 widens already, so the 3x3 works on all channels: it must work on the narrow ones.",
)
def wide_inside() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            wide = 4 * mid_channels
            self.conv1 = nn.Conv2d(in_channels, wide, 1, bias=False)
            self.conv2 = nn.Conv2d(wide, wide, 3, stride, 1, bias=False)
            self.conv3 = nn.Conv2d(wide, wide, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(wide), nn.BatchNorm2d(wide)

    return Block


@wrong("parameter count", "The BNs and ReLUs stand before the convolutions: this is the pre-activation block.")
def pre_activation() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.bn1, self.bn3 = nn.BatchNorm2d(in_channels), nn.BatchNorm2d(mid_channels)

        def forward(self, x: Tensor) -> Tensor:
            out = self.conv1(F.relu(self.bn1(x)))
            out = self.conv2(F.relu(self.bn2(out)))
            out = self.conv3(F.relu(self.bn3(out)))
            return out + self.shortcut(x)

    return Block


@wrong(
    "silenced branch", "There is no shortcut where the shape stays: the block returns relu(F(x)), as a plain net does."
)
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            if isinstance(self.shortcut, nn.Identity):
                return F.relu(self.branch(x))
            return super().forward(x)

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


@wrong("silenced branch", "The shortcut is a detached copy of the input, so no gradient goes through it.")
def detached_identity() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = x.detach().clone() if isinstance(self.shortcut, nn.Identity) else self.shortcut(x)
            return F.relu(self.branch(x) + shortcut)

    return Block


@wrong("output in training", "The stride is on the first 1x1, where the paper had it; here it belongs to the 3x3.")
def stride_on_first() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)

    return Block


@wrong("output in training", "The stride is on the last 1x1; it belongs to the 3x3.")
def stride_on_last() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv3.stride, self.conv2.stride = (stride, stride), (1, 1)

    return Block


@wrong("output in training", "A ReLU follows the third BN, too: the branch can then only add, never take away.")
def relu_after_each_bn() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            return F.relu(super().branch(x))

    return Block


@wrong("output in training", "There is no ReLU between the first 1x1 and the 3x3.")
def no_first_relu() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
            return self.bn3(self.conv3(out))

    return Block


@wrong("output in training", "There is no ReLU between the 3x3 and the last 1x1.")
def no_second_relu() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            return self.bn3(self.conv3(self.bn2(self.conv2(out))))

    return Block


@wrong("output in training", "Each ReLU stands before its BN: the order is convolution, BN, ReLU.")
def relu_before_bn() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = self.bn1(F.relu(self.conv1(x)))
            out = self.bn2(F.relu(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Block


@wrong("output in training", "A ReLU stands on the projection: the shortcut must stay linear.")
def relu_on_projection() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return nn.Sequential(super().projection(in_channels, out_channels, stride), nn.ReLU())

    return Block


@wrong("output in evaluation", "The running statistics of a BN written by hand are plain attributes, not buffers.")
def statistics_as_attributes() -> type[nn.Module]:
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
            self.mean, self.variance = torch.zeros(channels), torch.ones(channels)

        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.mean, self.variance, self.gamma, self.beta, self.training)

    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.bn1, self.bn2, self.bn3 = Norm(mid_channels), Norm(mid_channels), Norm(4 * mid_channels)

    return Block


@wrong("output in evaluation", "The BNs track no running statistics, so each batch is normalised by its own.")
def no_running_statistics() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.bn1 = nn.BatchNorm2d(mid_channels, track_running_stats=False)
            self.bn2 = nn.BatchNorm2d(mid_channels, track_running_stats=False)
            self.bn3 = nn.BatchNorm2d(4 * mid_channels, track_running_stats=False)

    return Block


@wrong("gradients", "The projection reads a detached input, so no gradient goes back through it.")
def detached_projection() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(x.detach())
            return F.relu(self.branch(x) + shortcut)

    return Block


@wrong("gradients", "The second BN is made but not used: the first one is called twice.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn1(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Block


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def momentum_of_other_libraries() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
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


@wrong("own weights", "The 3x3 is made once for a width and kept, so all blocks of that width share it.")
def shared_convolution() -> type[nn.Module]:
    kept: dict[tuple[int, int], nn.Conv2d] = {}

    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv2 = kept.setdefault((mid_channels, stride), self.conv2)

    return Block


@wrong("builds", "A layer is assigned before super().__init__() is called, so the module can't take it.")
def super_forgotten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            self.conv1 = nn.Conv2d(in_channels, mid_channels, 1, bias=False)
            super().__init__()

    return Block


@wrong("builds", "The stride has no default: Bottleneck(64, 16) must work, too.")
def stride_without_default() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int) -> None:
            super().__init__(in_channels, mid_channels, stride)

    return Block


@wrong("shape", "The output is computed, but forward does not return it.")
def nothing_returned() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().forward(x)

    return Block


@wrong(
    "shape",
    "x itself is added although the shape changes: is the projection made (stride not 1 or channels differ), and used?",
)
def never_projected() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + x)

    return Block


@wrong(
    "shape",
    "x itself is added although the shape changes: is the projection made (stride not 1 or channels differ), and used?",
)
def never_projected_input_first() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x + self.branch(x))

    return Block


@wrong("shape", "The first 1x1 and the 3x3 both have the stride, so the branch shrinks twice.")
def stride_on_both() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1.stride = (stride, stride)

    return Block


@wrong("parameter count", "The projection's 1x1 convolution has a bias: no convolution on this sheet has one.")
def projection_with_bias() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride)
            return nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    return Block


@wrong("running statistics", "The BNs' momentum isn't PyTorch's default, 0.1.")
def small_momentum() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.01

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(nn.Module):
        expansion = 4

        def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(planes * self.expansion)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inplanes != planes * self.expansion:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes * self.expansion, 1, stride, bias=False),
                    nn.BatchNorm2d(planes * self.expansion),
                )

        def forward(self, x: Tensor) -> Tensor:
            identity = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            out += identity
            return self.relu(out)

    return Block


@right
def factory_of_sequentials():  # noqa: ANN201
    class Residual(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            body, skip = self
            return torch.relu(torch.add(body(input), skip(input)))

    def layer(inputs: int, outputs: int, size: int, step: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, size, step, "same" if step == 1 else size // 2, bias=False), norm(outputs)]

    norm = nn.BatchNorm2d

    def make(inputs: int, width: int, step: int = 1) -> nn.Module:
        outputs = width * 4
        skip = [] if (inputs, step) == (outputs, 1) else layer(inputs, outputs, 1, step)
        body = [
            *layer(inputs, width, 1),
            nn.ReLU(),
            *layer(width, width, 3, step),
            nn.ReLU(),
            *layer(width, outputs, 1),
        ]
        return Residual(nn.Sequential(*body), nn.Sequential(*skip))

    return make


@right
def linear_layers_for_the_1x1() -> type[nn.Module]:
    class Pointwise(nn.Linear):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__(inputs, outputs, bias=False)

        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input.movedim(1, -1)).movedim(-1, 1)

    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1 = Pointwise(in_channels, mid_channels)  # pyright: ignore
            self.conv3 = Pointwise(mid_channels, 4 * mid_channels)  # pyright: ignore

    return Block


@right
def lazy_layers() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            widths = (mid_channels, mid_channels, 4 * mid_channels)
            sizes = ((1, 1, 0), (3, stride, 1), (1, 1, 0))
            self.convs = nn.ModuleList(nn.LazyConv2d(w, *s, bias=False) for w, s in zip(widths, sizes, strict=True))
            self.norms = nn.ModuleList(nn.LazyBatchNorm2d() for _ in widths)
            self.skip = nn.ModuleList()
            if stride != 1 or in_channels != widths[-1]:
                self.skip.extend([nn.LazyConv2d(widths[-1], 1, stride, bias=False), nn.LazyBatchNorm2d()])

        def forward(self, x: Tensor) -> Tensor:
            out = x
            for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
                out = norm(conv(out.relu() if number else out))
            for layer in self.skip:
                x = layer(x)
            return (out + x).relu()

    return Block


@right
def parameters_and_functions() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            out = 4 * mid_channels
            self.stride = stride
            self.reduce = nn.Parameter(torch.randn(mid_channels, in_channels))
            self.spatial = nn.Parameter(torch.randn(mid_channels, mid_channels, 3, 3))
            self.expand = nn.Parameter(torch.randn(out, mid_channels))
            self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (mid_channels, mid_channels, out))
            self.project = None
            if stride > 1 or in_channels != out:
                self.project = nn.Parameter(torch.randn(out, in_channels))
                self.norms.append(nn.BatchNorm2d(out))

        def forward(self, x: Tensor) -> Tensor:
            y = self.norms[0](torch.einsum("oi,nihw->nohw", self.reduce, x)).clamp(min=0)
            y = self.norms[1](F.conv2d(y, self.spatial, stride=self.stride, padding=1)).clamp(min=0)
            y = self.norms[2](torch.einsum("oi,nihw->nohw", self.expand, y))
            if self.project is not None:
                x = x[:, :, :: self.stride, :: self.stride]
                x = self.norms[3](torch.einsum("oi,nihw->nohw", self.project, x))
            return (x + y).clamp(min=0)

    return Block


@right
def checkpointed_with_zero_padding_apart() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            unpadded = nn.Conv2d(mid_channels, mid_channels, 3, stride, bias=False)
            self.conv2 = nn.Sequential(nn.ZeroPad2d(1), unpadded)  # pyright: ignore
            nn.init.zeros_(self.bn3.weight)

        def forward(self, x: Tensor) -> Tensor:
            out = checkpoint(self.branch, x, use_reentrant=False, preserve_rng_state=False)
            assert isinstance(out, Tensor)
            return F.relu_(out.add_(self.shortcut(x)))

    return Block
