"""Programs for ``plain-twin``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from banks import parts, residual_nets, right, small_nets, wrong

OWN_WORDS = {
    "stride_in_every_block": (
        "map sizes",
        "The stride of stages 2 and 3 is in more convolutions than their first one, once in each pair.",
    ),
    "stride_in_stage_1": ("map sizes", "Stage 1 has a stride of 2, too; it keeps the map's size."),
    "repeated_block": (
        "parameter count",
        "A stage's later layers share their weights, often because `[layer] * n` repeats one and the same.",
    ),
    "plain_list": (
        "parameter count",
        "The net doesn't know the parameters of its layers, often because they are kept in a plain list.",
    ),
    "blocks_with_bias": ("parameter count", "Every convolution but the stem's has a bias."),
    "no_strides": ("map sizes", "No stage has a stride: the strides don't go away with the projections."),
    "stem_without_relu": ("output in training", "The stem has no ReLU; it is SmallResNet's."),
    "largest_value": ("output in training", "The map's largest value is taken; the average is, as in SmallResNet."),
    "bn1_twice": ("gradients", "One BN is used after both convolutions of a pair, and the other one never."),
    "three_blocks_at_most": ("parameter count", "The net stops growing: a stage never has more than six layers."),
    "two_blocks_at_most": ("parameter count", "A stage never has more than four layers."),
}
SHARED = [
    *small_nets.programs(small_nets.Net, OWN_WORDS),
    *parts.programs(
        lambda made_of: small_nets.with_parts(small_nets.Net, made_of),
        without=("relu6_stem", "relu6_middle", "relu6_last", "small_eps"),
    ),
]


@wrong("builds", "All arguments but the depth have a default: PlainNet(20) must work, too.")
def no_defaults() -> type[nn.Module]:
    class Net(small_nets.Net):
        def __init__(self, depth: int, num_classes: int, in_channels: int, width: int) -> None:
            super().__init__(depth, num_classes, in_channels, width)

    return Net


@wrong("shape", "The shortcut was set to None, and forward still calls it.")
def shortcut_called() -> type[nn.Module]:
    class Own(small_nets.Pair):
        shortcut = None

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + self.shortcut(x))  # pyright: ignore

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("shape", "The projections are gone but not the additions, so they fail where the shape changes.")
def additions_kept() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x) + x)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("parameter count", "This is still SmallResNet: its additions and projections are all there.")
def secretly_residual() -> type[nn.Module]:
    return residual_nets.Net


@wrong("parameter count", "Nothing is added any more, but the projections are still there, unused.")
def projections_kept() -> type[nn.Module]:
    class Own(residual_nets.Block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x))

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("parameter count", "Only the additions of identities are gone: two projections are still added.")
def projections_added() -> type[nn.Module]:
    class Own(residual_nets.Block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) if isinstance(self.shortcut, nn.Identity) else super().forward(x)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong(
    "parameter count", "The convolutions of a pair became one: without shortcuts there are still 2n of them a stage."
)
def one_layer_a_block() -> type[nn.Module]:
    class Own(nn.Sequential):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
            super().__init__(conv, nn.BatchNorm2d(out_channels), nn.ReLU())

    class Net(small_nets.Net):
        block = Own  # pyright: ignore[reportAssignmentType]

    return Net


@wrong("parameter count", "The BNs were removed together with the shortcuts; they stay.")
def bns_removed() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1 = self.bn2 = nn.Identity()  # pyright: ignore

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("parameter count", "The channels change in a stage's second convolution; they change in its first.")
def channels_change_late() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv1 = nn.Conv2d(in_channels, in_channels, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(in_channels)
            self.conv2 = nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("no shortcuts", "The net is secretly residual: the input is still added wherever the shape stays.")
def identities_added() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + x if out.shape == x.shape else out)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("no shortcuts", "The net is secretly residual: option A has no parameters, and is still a shortcut.")
def option_a() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            stride = self.conv1.stride[0]
            return F.relu(out + F.pad(x[..., ::stride, ::stride], (0, 0, 0, 0, 0, out.shape[1] - x.shape[1])))

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("no shortcuts", "A shortcut goes around a whole stage.")
def stage_skipped() -> type[nn.Module]:
    class Net(small_nets.Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            x = x + self.stages[0](x)
            return self.fc(self.pool(self.stages[2](self.stages[1](x))))

    return Net


@wrong("map sizes", "A pooling layer makes the map smaller after the convolutions, in place of a stride in the first.")
def pooled_after_the_stage() -> type[nn.Module]:
    class Net(small_nets.Net):
        strides = (1, 1, 1)

        def stage(self, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
            made = super().stage(in_channels, channels, blocks, stride)
            return made if in_channels == channels else nn.Sequential(made, nn.MaxPool2d(2))

    return Net


@wrong("output in training", "The ReLU after a pair's second BN went away with the addition; it stays.")
def no_second_relu() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def forward(self, x: Tensor) -> Tensor:
            return self.branch(x)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("output in training", "The first ReLU of each pair is missing.")
def no_first_relu() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def branch(self, x: Tensor) -> Tensor:
            return self.bn2(self.conv2(self.bn1(self.conv1(x))))

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("output in training", "The ReLUs stand before their BNs: the order is convolution, BN, ReLU.")
def relu_before_bn() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def forward(self, x: Tensor) -> Tensor:
            return self.bn2(F.relu(self.conv2(self.bn1(F.relu(self.conv1(x))))))

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("output in training", "The branch's output is added to itself where the input used to be added.")
def added_to_itself() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            return F.relu(out + out)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("output in evaluation", "The BNs normalise with the batch's statistics in evaluation mode, too.")
def no_running_statistics() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.bn1 = nn.BatchNorm2d(out_channels, track_running_stats=False)

    class Net(small_nets.Net):
        block = Own

    return Net


@wrong("gradients", "The stem runs under torch.no_grad(), so it never learns.")
def stem_without_gradient() -> type[nn.Module]:
    class Net(small_nets.Net):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = self.stem(x)
            return self.fc(self.pool(self.stages(x)))

    return Net


@wrong("gradients", "In a pair that keeps the shape, the first convolution is used twice and the second never.")
def first_convolution_twice() -> type[nn.Module]:
    class Own(small_nets.Pair):
        def branch(self, x: Tensor) -> Tensor:
            same = self.conv1.weight.shape == self.conv2.weight.shape
            second = self.conv1 if same else self.conv2
            return self.bn2(second(F.relu(self.bn1(self.conv1(x)))))

    class Net(small_nets.Net):
        block = Own

    return Net


@right
def flag_in_the_block() -> type[nn.Module]:
    class Own(residual_nets.Block):
        residual = False

        def make_shortcut(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
            return super().make_shortcut(in_channels, out_channels, stride) if self.residual else nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            if self.residual:
                out += self.shortcut(x)
            return F.relu(out, inplace=True)

    class Net(residual_nets.Net):
        block = Own

    return Net


@right
def projections_deleted_afterwards() -> type[nn.Module]:
    class Net(residual_nets.Net):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__(depth, num_classes, in_channels, width)
            for module in self.modules():
                if isinstance(module, residual_nets.Block):
                    del module.shortcut

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for module in self.modules():
                if isinstance(module, residual_nets.Block):
                    x = torch.relu_(module.branch(x))
            return self.fc(self.pool(x))

    return Net


@right
def one_long_sequence():  # noqa: ANN201
    def make(depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> nn.Sequential:
        n, rest = divmod(depth - 2, 6)
        if rest or n < 1:
            raise ValueError(f"{depth} layers are not 6n + 2")
        widths = [width] * (2 * n + 1) + [2 * width] * (2 * n) + [4 * width] * (2 * n)
        layers: list[nn.Module] = []
        before, last = in_channels, width
        for after in widths:
            layers += [nn.Conv2d(before, after, 3, 2 if after > last else 1, 1, bias=False)]
            layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            before = last = after
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, num_classes))

    return make


@right
def parameters_and_functions() -> type[nn.Module]:
    class Net(nn.Module):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__()
            if depth not in range(8, 1000, 6):
                raise ValueError(depth)
            self.weights, self.norms = nn.ParameterList(), nn.ModuleList()
            self.strides: list[int] = []
            before = in_channels
            for layer in range(depth - 1):
                stage = max(layer - 1, 0) // ((depth - 2) // 3)
                after = width * 2**stage
                self.strides.append(2 if layer and after > before else 1)
                self.weights.append(nn.Parameter(torch.randn(after, before, 3, 3)))
                self.norms.append(nn.BatchNorm2d(after))
                before = after
            self.matrix = nn.Parameter(torch.zeros(num_classes, before))
            self.offset = nn.Parameter(torch.zeros(num_classes))

        def forward(self, x: Tensor) -> Tensor:
            for weight, norm, stride in zip(self.weights, self.norms, self.strides, strict=True):
                x = norm(F.conv2d(x, weight, None, stride, 1)).clamp(min=0)
            return torch.einsum("nchw,kc->nk", x, self.matrix) / x[0, 0].numel() + self.offset

    return Net


@right
def lazy_layers() -> type[nn.Module]:
    class Layer(nn.Sequential):
        def __init__(self, channels: int, stride: int = 1) -> None:
            conv = nn.LazyConv2d(channels, 3, stride, 1, bias=False)
            super().__init__(conv, nn.LazyBatchNorm2d(), nn.ReLU())

    class Net(nn.Module):
        def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 1, width: int = 16) -> None:
            super().__init__()
            if depth % 6 != 2 or depth < 8:
                raise ValueError(depth)
            per_stage = (depth - 2) // 3
            self.body = nn.ModuleList([Layer(width)])
            for channels, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
                self.body.append(Layer(channels, stride))
                self.body.extend(Layer(channels) for _ in range(per_stage - 1))
            self.head = nn.LazyLinear(num_classes)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.body:
                x = layer(x)
            return self.head(x.flatten(2).mean(-1))

    return Net


@right
def checkpointed_channels_last() -> type[nn.Module]:
    class Net(small_nets.Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x.contiguous(memory_format=torch.channels_last))
            out = checkpoint(self.stages, x, use_reentrant=False, preserve_rng_state=False)
            assert isinstance(out, Tensor)
            return self.fc(self.pool(out))

    return Net
