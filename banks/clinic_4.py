"""Programs for ``clinic-4``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import AS_FOUND, right, wrong


class Base(nn.Module):
    """The right block. The wrong ones change one thing."""

    def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
        super().__init__()
        first, second, third = self.strides(stride)
        out_channels = 4 * mid_channels
        self.conv1 = nn.Conv2d(in_channels, mid_channels, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(mid_channels)
        self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, second, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid_channels)
        self.conv3 = nn.Conv2d(mid_channels, out_channels, 1, third, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = nn.Identity()
        if self.projects(in_channels, out_channels, stride):
            self.downsample = self.projection(in_channels, out_channels, stride)

    def strides(self, stride: int) -> tuple[int, int, int]:
        return 1, stride, 1

    def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
        return stride != 1 or in_channels != out_channels

    def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))

    def branch(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.downsample(x))


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            raise NotImplementedError

    return Block


@wrong("builds", "The stride has no default: NarrowBlock(16, 4) must work, too.")
def stride_without_default() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int) -> None:
            super().__init__(in_channels, mid_channels, stride)

    return Block


@wrong("shape", "The 3x3 has the stride now, but the first 1x1 has kept it, so the map is halved twice.")
def stride_on_both() -> type[nn.Module]:
    class Block(Base):
        def strides(self, stride: int) -> tuple[int, int, int]:
            return stride, stride, 1

    return Block


@wrong("shape", "The first 1x1 has lost the stride, but the 3x3 did not get it, so the sum fails.")
def stride_on_none() -> type[nn.Module]:
    class Block(Base):
        def strides(self, stride: int) -> tuple[int, int, int]:
            return 1, 1, 1

    return Block


@wrong("shape", "The shortcut's 1x1 has lost its stride, so the sum fails; only the branch's 1x1 should lose it.")
def shortcut_without_stride() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return super().projection(in_channels, out_channels, 1)

    return Block


@wrong(
    "shape", "The projection is made only where the stride is not 1, so the sum fails where just the channels change."
)
def projection_on_stride_alone() -> type[nn.Module]:
    class Block(Base):
        def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
            return stride != 1

    return Block


@wrong("parameter count", "The shortcut is always projected; where the shape stays, it is the input itself.")
def always_projected() -> type[nn.Module]:
    class Block(Base):
        def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
            return True

    return Block


@wrong("parameter count", "The first 1x1 has become a 3x3 so that it sees all pixels; only the stride should move.")
def first_1x1_widened() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, mid_channels, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, 1, 1, bias=False)

    return Block


@wrong("parameter count", "The shortcut's 1x1 has become a 3x3; it may skip pixels, since the branch no longer does.")
def shortcut_3x3() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    return Block


@wrong("parameter count", "The projection has no BN.")
def projection_without_bn() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    return Block


@wrong("output in training", AS_FOUND)
def broken_block() -> type[nn.Module]:
    class BrokenNarrowBlock(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            out_channels = 4 * mid_channels
            self.conv1 = nn.Conv2d(in_channels, mid_channels, 1, stride, bias=False)
            self.bn1 = nn.BatchNorm2d(mid_channels)
            self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(mid_channels)
            self.conv3 = nn.Conv2d(mid_channels, out_channels, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(out_channels)
            self.downsample = nn.Identity()
            if stride != 1 or in_channels != out_channels:
                self.downsample = nn.Sequential(
                    nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
                )

        def forward(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            return F.relu(out + self.downsample(x))

    return BrokenNarrowBlock


@wrong("output in training", "The stride has moved to the last 1x1, which skips pixels as the first one did.")
def stride_on_last_1x1() -> type[nn.Module]:
    class Block(Base):
        def strides(self, stride: int) -> tuple[int, int, int]:
            return 1, 1, stride

    return Block


@wrong("output in training", "The branch halves the map with a pool; the 3x3 should have the stride.")
def pooled_branch() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, 1, 1, bias=False)
            self.pool = nn.AvgPool2d(3, stride, 1) if stride != 1 else nn.Identity()

        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn2(self.conv2(self.pool(out))))
            return self.bn3(self.conv3(out))

    return Block


@wrong(
    "output in training", "The shortcut averages pixels before its 1x1, as ResNet-D does; here the 1x1 has the stride."
)
def averaged_shortcut() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            made = super().projection(in_channels, out_channels, 1)
            return nn.Sequential(nn.AvgPool2d(stride, stride, ceil_mode=True), made)

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
            return F.relu(self.branch(x)) + self.downsample(x)

    return Block


@wrong("output in evaluation", "The shortcut's BN is made without running statistics, so it uses the batch's for ever.")
def projection_without_statistics() -> type[nn.Module]:
    class Block(Base):
        def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(out_channels, track_running_stats=False))

    return Block


@wrong("gradients", "The shortcut is detached, so no gradient goes through it.")
def detached_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            shortcut = x.detach() if isinstance(self.downsample, nn.Identity) else self.downsample(x)
            return F.relu(self.branch(x) + shortcut)

    return Block


@wrong("gradients", "The first BN is called twice, and the second one never.")
def first_bn_twice() -> type[nn.Module]:
    class Block(Base):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn1(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Block


@wrong("shape", "The projection is made at stride 2 only; any stride but 1 changes the map.")
def projection_at_stride_2_alone() -> type[nn.Module]:
    class Block(Base):
        def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
            return stride == 2 or in_channels != out_channels

    return Block


@wrong("parameter count", "A convolution has a bias; here none has.")
def biases() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, mid_channels, 1)
            self.conv2 = nn.Conv2d(mid_channels, mid_channels, 3, stride, 1)
            self.conv3 = nn.Conv2d(mid_channels, 4 * mid_channels, 1)

    return Block


@wrong("input kept", "The input itself is overwritten: `shortcut += …` changes the caller's tensor.")
def input_overwritten() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            shortcut = self.downsample(x)
            shortcut += out
            return F.relu(shortcut)

    return Block


@wrong("gradients", "The branch gets a detached input, so no gradient goes back through it.")
def detached_input_of_the_branch() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x.detach()) + self.downsample(x))

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(4 * planes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inplanes != 4 * planes:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes)
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
def broken_block_with_strides_exchanged() -> type[nn.Module]:
    class Block(Base):
        def strides(self, stride: int) -> tuple[int, int, int]:
            return stride, 1, 1

        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, mid_channels, stride)
            self.conv1.stride, self.conv2.stride = self.conv2.stride, self.conv1.stride

    return Block


@right
def thinned_by_slices() -> type[nn.Module]:
    class Thin(nn.Module):
        def __init__(self, stride: int) -> None:
            super().__init__()
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            return x[..., :: self.stride, :: self.stride]

    def conv_bn(a: int, b: int, size: int, *thin: nn.Module) -> list[nn.Module]:
        return [nn.Conv2d(a, b, size, 1, size // 2, bias=False), *thin, nn.BatchNorm2d(b)]

    class Block(nn.Module):
        def __init__(self, a: int, b: int, stride: int = 1) -> None:
            super().__init__()
            thin = Thin(stride)
            self.skip = nn.Sequential(*([] if (a, stride) == (4 * b, 1) else [thin, *conv_bn(a, 4 * b, 1)]))
            self.body = nn.Sequential(
                *conv_bn(a, b, 1), nn.ReLU(), *conv_bn(b, b, 3, thin), nn.ReLU(True), *conv_bn(b, 4 * b, 1)
            )

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.skip(x) + self.body(x))

    return Block


@right
def loop_over_lazy_layers() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, mid_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.layers = nn.ModuleList()
            for channels, size, step in ((mid_channels, 1, 1), (mid_channels, 3, stride), (4 * mid_channels, 1, 1)):
                conv = nn.LazyConv2d(channels, size, step, size // 2, bias=False)
                self.layers.append(nn.Sequential(conv, nn.LazyBatchNorm2d()))
            self.project = None
            if stride > 1 or in_channels != 4 * mid_channels:
                conv = nn.LazyConv2d(4 * mid_channels, 1, stride, bias=False)
                self.project = nn.Sequential(conv, nn.LazyBatchNorm2d())

        def run(self, x: Tensor) -> Tensor:
            for layer in self.layers[:-1]:
                x = layer(x).clamp(min=0)
            return self.layers[-1](x)

        def forward(self, x: Tensor) -> Tensor:
            x = x.contiguous(memory_format=torch.channels_last)
            return F.relu(self.run(x).add(x if self.project is None else self.project(x)), inplace=True)

    return Block


@right
def parameters_and_functions():  # noqa: ANN201
    class Norm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("variance", torch.ones(channels))

        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.mean, self.variance, self.scale, self.shift, self.training)  # pyright: ignore

    class Block(nn.Module):
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.stride = stride
            self.w1, self.n1 = nn.Parameter(torch.randn(b, a)), Norm(b)
            self.w2, self.n2 = nn.Parameter(torch.randn(b, b, 3, 3)), Norm(b)
            self.w3, self.n3 = nn.Parameter(torch.randn(4 * b, b)), Norm(4 * b)
            self.w4 = None
            if (stride, a) != (1, 4 * b):
                self.w4, self.n4 = nn.Parameter(torch.randn(4 * b, a)), Norm(4 * b)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.n1(F.linear(x.movedim(1, -1), self.w1).movedim(-1, 1)))
            y = F.relu(self.n2(F.conv2d(F.pad(y, (1, 1, 1, 1)), self.w2, stride=self.stride)))
            y = self.n3(torch.einsum("nchw,dc->ndhw", y, self.w3))
            if self.w4 is not None:
                thin = x[:, :, :: self.stride, :: self.stride]
                x = self.n4(torch.einsum("nchw,dc->ndhw", thin, self.w4))
            return F.relu(x + y)

    def make(inputs: int, inner: int, step: int = 1) -> nn.Module:
        return Block(inputs, inner, step)

    return make
