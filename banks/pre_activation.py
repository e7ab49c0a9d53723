"""Programs for ``pre-activation``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import blocks, changes_of_shape, right, wrong


class Base(blocks.Block):
    """The right block. The wrong ones change one thing."""

    inner = 1

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.project = self.make_projection(in_channels, out_channels, stride)

    def make_projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
        if not self.projects(in_channels, out_channels, stride):
            return None
        return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
        return stride != 1 or in_channels != out_channels

    def first(self, x: Tensor) -> Tensor:
        return self.relu1(self.bn1(x))

    def second(self, out: Tensor) -> Tensor:
        return self.relu2(self.bn2(out))

    def branch(self, x: Tensor) -> Tensor:
        return self.conv2(self.second(self.conv1(x)))

    def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
        return x if self.project is None else self.project(a)

    def forward(self, x: Tensor) -> Tensor:
        a = self.first(x)
        return self.branch(a) + self.shortcut(x, a)


def stride_to_second(block: Base) -> None:
    """Move the stride, in place."""
    block.conv2.stride, block.conv1.stride = block.conv1.stride, (1, 1)


SHARED = [
    *blocks.programs(Base, without=("last_relu_is_relu6",)),  # where it fails first depends on the salt
    *changes_of_shape.programs(Base),
]


@wrong("output in training", "The branch is missing: its parameters are there, but no convolution.")
def nothing_but_zeros() -> type[nn.Module]:
    return blocks.nothing_but_zeros(Base, nn.Identity())


@wrong("output in training", "The stride is on conv2; it belongs to conv1.")
def stride_on_second_and_weights_stored_otherwise() -> type[nn.Module]:
    return blocks.inputs_first(blocks.changed(Base, stride_to_second))


@wrong(
    "output in training",
    "Where branch and input happen to have one shape, as at stride 2 on a map of one pixel, the input itself is added.",
)
def tensors_decide() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            a = self.first(x)
            out = self.branch(a)
            return out + (x if out.shape == x.shape else self.shortcut(x, a))

    return Block


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            raise NotImplementedError

    return Block


@wrong("builds", "The stride has no default: PreActBlock(16, 16) must work, too.")
def stride_without_default() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)

    return Block


@wrong("shape", "The first BN has out_channels channels, but it normalises the input, which has in_channels.")
def bn1_of_the_output() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1 = nn.BatchNorm2d(out_channels)

    return Block


@wrong("parameter count", "This is the block of 2015, where BN and ReLU stand behind the convolutions.")
def post_activation() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1 = nn.BatchNorm2d(out_channels)
            if self.project is not None:
                self.project = nn.Sequential(self.project, nn.BatchNorm2d(out_channels))

        def forward(self, x: Tensor) -> Tensor:
            out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(out + self.shortcut(x, x))

    return Block


@wrong("parameter count", "The projection has a BN behind it; here it is a bare 1x1 convolution.")
def projection_with_bn() -> type[nn.Module]:
    class Block(Base):
        def make_projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
            made = super().make_projection(in_channels, out_channels, stride)
            return made if made is None else nn.Sequential(made, nn.BatchNorm2d(out_channels))

    return Block


@wrong("parameter count", "The shortcut is projected everywhere, also where the input could be added as it is.")
def projection_everywhere() -> type[nn.Module]:
    class Block(Base):
        def make_projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
            return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    return Block


@wrong("parameter count", "A third BN stands behind the second convolution; nothing follows it but the addition.")
def third_bn() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv2 = nn.Sequential(self.conv2, nn.BatchNorm2d(out_channels))  # pyright: ignore

    return Block


@wrong("parameter count", "All convolutions have a bias, the projection's, too; none on this sheet has one.")
def all_biases() -> type[nn.Module]:
    return blocks.replaced(Base, nn.Conv2d, blocks.with_bias)


@wrong("parameter count", "Both 3x3 convolutions have a bias.")
def biases() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
            self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)

    return Block


@wrong(
    "parameter count",
    "The projection is not among the parameters: often it is kept in a plain list, or made in forward.",
)
def projection_in_a_list() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.kept = [self.project]
            self.project = None

        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            project = self.kept[0]
            return x if project is None else project(a)

    return Block


@wrong("parameter count", "The shortcut is option A, without parameters; a 1x1 convolution is asked for.")
def option_a() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.stride, self.extra, self.project = stride, out_channels - in_channels, None

        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))

    return Block


@wrong("input kept", "The input is overwritten by its ReLU, and the shortcut reads it afterwards.")
def relu_overwrites_the_input() -> type[nn.Module]:
    class Block(Base):
        def first(self, x: Tensor) -> Tensor:
            return self.bn1(F.relu(x, inplace=True))

    return Block


@wrong("input kept", "The sum is written into the input, as by `x += y`.")
def sum_overwrites_the_input() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            a = self.first(x)
            y = self.conv2(self.second(self.conv1(a)))
            if self.project is not None:
                return y + self.project(a)
            x += y
            return x

    return Block


@wrong("silenced branch", "There is no shortcut where the shape stays: the block returns the branch alone.")
def no_shortcut() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            a = self.first(x)
            y = self.conv2(self.second(self.conv1(a)))
            return y if self.project is None else y + self.project(a)

    return Block


@wrong("silenced branch", "The shortcut is a everywhere; where the shape stays, it is x itself.")
def shortcut_reads_a() -> type[nn.Module]:
    class Block(Base):
        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return a if self.project is None else self.project(a)

    return Block


@wrong("silenced branch", "A ReLU follows the addition; here nothing does.")
def last_relu() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    return Block


@wrong("silenced branch", "The shortcut is detached, or made under no_grad, so no gradient goes through it.")
def detached_shortcut() -> type[nn.Module]:
    class Block(Base):
        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return super().shortcut(x.detach(), a)

    return Block


@wrong("silenced branch", "The shortcut is bn1(x) and no longer the input: often the name x is used for both.")
def name_used_again() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.bn1(x)
            a = F.relu(x)
            return self.conv2(self.second(self.conv1(a))) + self.shortcut(x, a)

    return Block


@wrong("output in training", "The projection reads x; where the shape changes, the shortcut starts at a.")
def projection_reads_x() -> type[nn.Module]:
    class Block(Base):
        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return super().shortcut(x, x)

    return Block


@wrong("output in training", "The projection reads bn1(x), before the ReLU.")
def projection_before_relu() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            normed = self.bn1(x)
            return self.conv2(self.second(self.conv1(F.relu(normed)))) + self.shortcut(x, normed)

    return Block


@wrong("output in training", "The first ReLU is missing: a is relu(bn1(x)), not bn1(x).")
def no_first_relu() -> type[nn.Module]:
    class Block(Base):
        def first(self, x: Tensor) -> Tensor:
            return self.bn1(x)

    return Block


@wrong("output in training", "The second ReLU is missing.")
def no_second_relu() -> type[nn.Module]:
    class Block(Base):
        def second(self, out: Tensor) -> Tensor:
            return self.bn2(out)

    return Block


@wrong("output in training", "The first ReLU stands before its BN: the order is BN, ReLU, convolution.")
def relu_before_bn() -> type[nn.Module]:
    class Block(Base):
        def first(self, x: Tensor) -> Tensor:
            return self.bn1(F.relu(x))

    return Block


@wrong("output in training", "The stride is on conv2; it belongs to conv1.")
def stride_on_second() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            stride_to_second(self)

    return Block


@wrong("output in evaluation", "The first BN normalises with the batch's statistics in evaluation mode, too.")
def no_running_statistics() -> type[nn.Module]:
    class Block(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1 = nn.BatchNorm2d(in_channels, track_running_stats=False)

    return Block


@wrong(
    "output in evaluation",
    "The second BN uses the batch's statistics in evaluation mode, too, and moves its running ones.",
)
def bn_always_training() -> type[nn.Module]:
    class Block(Base):
        def second(self, out: Tensor) -> Tensor:
            bn = self.bn2
            return F.relu(F.batch_norm(out, bn.running_mean, bn.running_var, bn.weight, bn.bias, training=True))

    return Block


@wrong("gradients", "The projection reads a detached copy of a, so no gradient comes back through it.")
def detached_projection() -> type[nn.Module]:
    class Block(Base):
        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return super().shortcut(x, a.detach())

    return Block


@wrong("gradients", "The second convolution's weight gets no gradient, often because its `data` is used.")
def weight_data() -> type[nn.Module]:
    class Block(Base):
        def forward(self, x: Tensor) -> Tensor:
            a = self.first(x)
            return F.conv2d(self.second(self.conv1(a)), self.conv2.weight.data, padding=1) + self.shortcut(x, a)

    return Block


@wrong(
    "running statistics",
    "bn1 is called twice in a pass, once for each path, so its running statistics move twice; compute a once.",
)
def bn1_called_twice() -> type[nn.Module]:
    class Block(Base):
        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return x if self.project is None else self.project(F.relu(self.bn1(x)))

    return Block


@wrong(
    "shape",
    "x itself is added where a projection is needed: is it made (stride not 1 or channels differ), and used?",
)
def never_projected() -> type[nn.Module]:
    class Block(Base):
        def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
            return x

    return Block


@wrong("parameter count", "The projection has a bias: no convolution on this sheet has one.")
def projection_with_bias() -> type[nn.Module]:
    class Block(Base):
        def make_projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
            made = super().make_projection(in_channels, out_channels, stride)
            return made if made is None else nn.Conv2d(in_channels, out_channels, 1, stride)

    return Block


@right
def torchvision_style() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
            super().__init__()
            self.bn1 = nn.BatchNorm2d(inplanes)
            self.relu = nn.ReLU(inplace=True)
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
            if stride != 1 or inplanes != planes:
                self.downsample = nn.Conv2d(inplanes, planes, 1, stride, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            out = self.relu(self.bn1(x))
            identity = self.downsample(out) if hasattr(self, "downsample") else x
            out = self.conv2(self.relu(self.bn2(self.conv1(out))))
            out += identity
            return out

    return Block


@right
def sequential_parts() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, a: int, b: int, s: int = 1) -> None:
            super().__init__()
            self.pre = nn.Sequential(nn.BatchNorm2d(a), nn.ReLU(True))
            self.body = nn.Sequential(
                nn.Conv2d(a, b, 3, s, 1, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(True),
                nn.Conv2d(b, b, 3, 1, 1, bias=False),
            )
            self.same = (s, a) == (1, b)
            self.skip = nn.Identity() if self.same else nn.Conv2d(a, b, 1, s, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            a = self.pre(x)
            return self.skip(x if self.same else a) + self.body(a)

    return Block


@right
def lazy_layers() -> type[nn.Module]:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.n1, self.n2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()
            self.c1 = nn.LazyConv2d(out_channels, 3, stride, 1, bias=False)
            self.c2 = nn.LazyConv2d(out_channels, 3, padding=1, bias=False)
            self.c3 = None
            if stride != 1 or in_channels != out_channels:
                self.c3 = nn.LazyConv2d(out_channels, 1, stride, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            a = self.n1(x).clamp_min(0)
            if self.c3 is not None:
                x = self.c3(a)
            return torch.add(x, self.c2(self.n2(self.c1(a)).clamp_min(0)))

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
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__()
            self.stride = stride
            self.n1, self.n2 = Norm(in_channels), Norm(out_channels)
            self.w1 = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
            self.w2 = nn.Parameter(torch.randn(out_channels, out_channels, 3, 3))
            changes = stride > 1 or in_channels != out_channels
            self.w3 = nn.Parameter(torch.randn(out_channels, in_channels)) if changes else None

        def forward(self, x: Tensor) -> Tensor:
            a = F.relu(self.n1(x))
            y = F.conv2d(F.relu(self.n2(F.conv2d(a, self.w1, stride=self.stride, padding=1))), self.w2, padding=1)
            if self.w3 is None:
                return x + y
            picked = a[:, :, :: self.stride, :: self.stride]
            return y + torch.einsum("oi,nihw->nohw", self.w3, picked)

    return Block


@right
def factory_function():  # noqa: ANN201
    class Identity(nn.Module):
        def __init__(self, pre: nn.Module, body: nn.Module) -> None:
            super().__init__()
            self.pre, self.body = pre, body

        def forward(self, x: Tensor) -> Tensor:
            return x + self.body(self.pre(x))

    class Fork(nn.Module):
        def __init__(self, *parts: nn.Module) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([part(x) for part in self.parts]).sum(0)

    def active(channels: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(channels), nn.ReLU()]

    def conv(inputs: int, outputs: int, size: int, step: int = 1) -> nn.Module:
        return nn.Conv2d(inputs, outputs, size, step, size // 2, bias=False)

    def make(inputs: int, outputs: int, step: int = 1) -> nn.Module:
        body = nn.Sequential(conv(inputs, outputs, 3, step), *active(outputs), conv(outputs, outputs, 3))
        if inputs == outputs and step == 1:
            return Identity(nn.Sequential(*active(inputs)), body)
        return nn.Sequential(*active(inputs), Fork(body, conv(inputs, outputs, 1, step)))

    return make
