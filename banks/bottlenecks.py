"""What the banks of the exercises on bottlenecks share: the block, and programs one step away from it."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import Maker, right, wrong


def conv(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


class Block(nn.Module):
    """A bottleneck with its shortcut. The programs change one thing; the exercises say what it is called with.

    (N, inputs, H, W) -> (N, outputs, H / stride, W / stride), rounded up. The 3x3 has ``groups`` groups.
    """

    conv: Callable[..., nn.Module] = staticmethod(conv)
    norm: Callable[..., nn.Module] = nn.BatchNorm2d

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.make_branch(inputs, inner, outputs, stride, groups)
        self.shortcut = self.projection(inputs, outputs, stride) if self.projects(inputs, outputs, stride) else None

    def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
        first, second, third = self.strides(stride)
        self.conv1, self.bn1 = self.conv(inputs, inner, 1, first), self.norm(inner)
        self.conv2, self.bn2 = self.conv(inner, inner, 3, second, groups), self.norm(inner)
        self.conv3, self.bn3 = self.conv(inner, outputs, 1, third), self.norm(outputs)

    def strides(self, stride: int) -> tuple[int, int, int]:
        return 1, stride, 1

    def projects(self, inputs: int, outputs: int, stride: int) -> bool:
        return stride != 1 or inputs != outputs

    def projection(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        return nn.Sequential(self.conv(inputs, outputs, 1, stride), self.norm(outputs))

    def relu(self, x: Tensor, place: int) -> Tensor:
        """The ReLU after the first BN, after the second, and after the addition."""
        return F.relu(x)

    def branch(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)), 1)
        x = self.relu(self.bn2(self.conv2(x)), 2)
        return self.bn3(self.conv3(x))

    def skip(self, x: Tensor) -> Tensor:
        return x if self.shortcut is None else self.shortcut(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.branch(x) + self.skip(x), 3)


def shared(
    modules: Iterable[ModuleType],
    called: Callable[[Any], Any],
    own: Mapping[str, tuple[str, str]],
    without: Collection[str] = (),
) -> list[Maker]:
    """The programs of the modules, as one exercise calls the block.

    ``own`` gives, by name, the check that must fail first and the misconception where this exercise has its own, and
    ``without`` names programs that have no place in it. Raises ValueError for a name that no program has.
    """
    builders = {name: value for module in modules for name, value in vars(module).items() if hasattr(value, "expected")}
    if unknown := {*own, *without} - builders.keys():
        raise ValueError(f"No program is called {', '.join(sorted(unknown))}.")
    expected = {name: build.expected for name, build in builders.items()}
    expected |= {name: ("wrong", *check_and_words) for name, check_and_words in own.items()}
    return [_program(build, called, expected[name]) for name, build in builders.items() if name not in without]


def _program(build: Callable[[], Any], called: Callable[[Any], Any], expected: tuple[str, ...]) -> Maker:
    def make() -> object:
        return called(build())

    make.__name__ = build.__name__
    make.expected = expected  # pyright: ignore[reportFunctionMemberAccess]
    return make


def with_relu(changed: Callable[[Tensor], Tensor], *places: int) -> type[Block]:
    """The block with something else where some ReLUs are."""

    class Own(Block):
        def relu(self, x: Tensor, place: int) -> Tensor:
            return changed(x) if place in places else super().relu(x, place)

    return Own


def with_norm(at: str, **options: Any) -> type[Block]:
    """The block with other options of the BN called ``at``, or of each where that is ""."""

    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            for name, module in self.named_modules():
                if isinstance(module, nn.BatchNorm2d) and at in ("", name):
                    for option, value in options.items():
                        setattr(module, option, value)

    return Own


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            raise NotImplementedError

    return Own


@wrong("builds", "A layer is assigned before super().__init__() is called, so the module can't take it.")
def super_forgotten() -> type[Block]:
    class Own(Block):
        def __init__(self, inputs: int, inner: int, *args: int) -> None:
            self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
            super().__init__(inputs, inner, *args)

    return Own


@wrong("shape", "forward returns None: it must end with `return` and the output.")
def nothing_returned() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().forward(x)

    return Own


@wrong("shape", "The branch's map loses a border one pixel wide, as behind a 3x3 without padding.")
def no_padding() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.conv2.padding = (0, 0)  # pyright: ignore[reportArgumentType]

    return Own


@wrong("shape", "The branch's map gains a border of zeros, as from 1x1 convolutions with padding: only a 3x3 needs it.")
def padded_1x1() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.conv1.padding = self.conv3.padding = (1, 1)  # pyright: ignore[reportArgumentType]

    return Own


@wrong("shape", "The output comes as float16: it must have the input's type.")
def half_output() -> type[Block]:
    return with_relu(lambda x: x.relu().half(), 3)


@wrong("shape", "The output comes as float64: it must have the input's type.")
def double_output() -> type[Block]:
    return with_relu(lambda x: x.relu().double(), 3)


@wrong("parameter count", "The branch's convolutions have a bias; here no convolution has one.")
def biases() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            for layer in (self.conv1, self.conv2, self.conv3):
                assert isinstance(layer, nn.Conv2d)
                layer.bias = nn.Parameter(torch.zeros(layer.out_channels))

    return Own


def without_norm(name: str) -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            setattr(self, name, nn.Identity())

    return Own


@wrong("parameter count", "No BN follows the first 1x1.")
def no_first_bn() -> type[Block]:
    return without_norm("bn1")


@wrong("parameter count", "No BN follows the 3x3.")
def no_second_bn() -> type[Block]:
    return without_norm("bn2")


@wrong("parameter count", "No BN follows the last 1x1.")
def no_last_bn() -> type[Block]:
    return without_norm("bn3")


@wrong("parameter count", "One BN serves the first two convolutions; each needs its own.")
def one_bn_for_two() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.bn2 = self.bn1

    return Own


@wrong("parameter count", "The weights of the 3x3 are not trained: their requires_grad is False.")
def frozen_3x3() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.conv2.requires_grad_(False)

    return Own


@wrong("parameter count", "The BNs and ReLUs stand before the convolutions: this is the pre-activation block.")
def pre_activation() -> type[Block]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.bn1, self.bn3 = self.norm(inputs), self.norm(inner)

        def forward(self, x: Tensor) -> Tensor:
            out = self.conv1(F.relu(self.bn1(x)))
            out = self.conv2(F.relu(self.bn2(out)))
            return self.conv3(F.relu(self.bn3(out))) + self.skip(x)

    return Own


@wrong("input kept", "The input itself is overwritten, as by `x += …`: forward must leave it as it was.")
def input_overwritten() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            out = self.branch(x)
            shortcut = self.skip(x)
            shortcut += out
            return F.relu(shortcut)

    return Own


@wrong("own weights", "Blocks made with equal arguments share their 3x3: each must make its own, in its __init__.")
def shared_convolution() -> type[Block]:
    kept: dict[tuple[int, ...], nn.Module] = {}

    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.conv2 = kept.setdefault(args, self.conv2)

    return Own


@wrong(
    "silenced branch", "Where the shape stays, the input isn't added: the branch alone comes out, as if it were plain."
)
def no_shortcut() -> type[Block]:
    class Own(Block):
        def skip(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x) if self.shortcut is None else self.shortcut(x)

    return Own


@wrong("silenced branch", "The last ReLU stands before the addition: it belongs after it.")
def relu_before_addition() -> type[Block]:
    class Own(Block):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.branch(x)) + self.skip(x)

    return Own


@wrong("silenced branch", "No ReLU follows the addition.")
def no_last_relu() -> type[Block]:
    return with_relu(lambda x: x, 3)


@wrong("silenced branch", "Where the shape stays, no gradient goes back through the shortcut, as if it were detached.")
def detached_shortcut() -> type[Block]:
    class Own(Block):
        def skip(self, x: Tensor) -> Tensor:
            return x.detach() if self.shortcut is None else self.shortcut(x)

    return Own


@wrong("output in training", "A ReLU follows the third BN, too: the branch can then only add, never take away.")
def relu_after_each_bn() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return F.relu(super().branch(x))

    return Own


@wrong("output in training", "There is no ReLU between the first 1x1 and the 3x3.")
def no_first_relu() -> type[Block]:
    return with_relu(lambda x: x, 1)


@wrong("output in training", "There is no ReLU between the 3x3 and the last 1x1.")
def no_second_relu() -> type[Block]:
    return with_relu(lambda x: x, 2)


@wrong("output in training", "The branch has no ReLU at all: its three convolutions are then as good as one.")
def no_relu_inside() -> type[Block]:
    return with_relu(lambda x: x, 1, 2)


@wrong("output in training", "The branch's activations are GELU where ReLU is asked for.")
def gelu_inside() -> type[Block]:
    return with_relu(F.gelu, 1, 2)


@wrong("output in training", "Each ReLU of the branch stands before its BN: the order is convolution, BN, ReLU.")
def relu_before_bn() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            out = self.bn1(F.relu(self.conv1(x)))
            out = self.bn2(F.relu(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Own


@wrong("output in training", "The branch is multiplied by a half before it is added.")
def halved_branch() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return super().branch(x) / 2

    return Own


@wrong("output in training", "The branch is subtracted from the shortcut: it must be added.")
def subtracted_branch() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return -super().branch(x)

    return Own


@wrong("output in training", "In place of the 3x3 stands a 1x9, which has as many weights but other neighbours.")
def kernel_of_1x9() -> type[Block]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv2 = nn.Conv2d(inner, inner, (1, 9), stride, (0, 4), groups=groups, bias=False)

    return Own


@wrong("output in training", "The 3x3 is dilated by 2, so that it leaves out its nearest neighbours.")
def dilated() -> type[Block]:
    class Own(Block):
        def make_branch(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
            super().make_branch(inputs, inner, outputs, stride, groups)
            self.conv2 = nn.Conv2d(inner, inner, 3, stride, 2, dilation=2, groups=groups, bias=False)

    return Own


@wrong("output in training", "The 3x3 repeats the pixels of the border around the map: its padding is of zeros.")
def replicated_border() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            x = F.pad(F.relu(self.bn1(self.conv1(x))), (1, 1, 1, 1), mode="replicate")
            self.conv2.padding = (0, 0)  # pyright: ignore[reportArgumentType]
            return self.bn3(self.conv3(F.relu(self.bn2(self.conv2(x)))))

    return Own


NOTHING_RANDOM = "Random numbers are drawn in training mode, as by dropout: nothing in this block is random."


@wrong("output in training", NOTHING_RANDOM)
def little_dropout() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return F.dropout(super().branch(x), 0.01, self.training)

    return Own


def with_chance(draw: Callable[[], float], limit: float) -> type[Block]:
    """The block without its branch where a random number of [0, 1) is below the limit, in training."""

    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            out = super().branch(x)
            return 0 * out if self.training and draw() < limit else out

    return Own


@wrong("output in training", "The branch is left out by chance in some passes: nothing in this block is random.")
def branch_dropped_by_chance() -> type[Block]:
    return with_chance(lambda: torch.rand(()).item(), 0.5)


NEXT_TO_NEVER = 1e-9  # neither Python's nor NumPy's generator starts from the salt, and the facts must not flicker


@wrong("output in training", "Python's random numbers are drawn in forward: nothing in this block is random.")
def branch_dropped_by_chance_of_python() -> type[Block]:
    return with_chance(random.random, NEXT_TO_NEVER)


@wrong("output in evaluation", "BNs without running statistics normalise by the batch's own, in evaluation mode, too.")
def no_running_statistics() -> type[Block]:
    class Own(Block):
        norm = staticmethod(partial(nn.BatchNorm2d, track_running_stats=False))

    return Own


@wrong("output in evaluation", "In evaluation mode, the BNs still normalise by the batch and move their statistics.")
def always_in_training_mode() -> type[Block]:
    class Own(Block):
        def train(self, mode: bool = True) -> "Own":
            return super().train(True)

    return Own


def cut_off(x: Tensor) -> Tensor:
    return F.hardtanh(x, 0, 50)


@wrong("details", "The first ReLU cuts off large values, as ReLU6 does.")
def cut_off_first() -> type[Block]:
    return with_relu(cut_off, 1)


@wrong("details", "The second ReLU cuts off large values, as ReLU6 does.")
def cut_off_second() -> type[Block]:
    return with_relu(cut_off, 2)


@wrong("details", "The last ReLU cuts off large values, as ReLU6 does.")
def cut_off_last() -> type[Block]:
    return with_relu(cut_off, 3)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 5e-4)


@wrong("details", "The first ReLU lets a little of what is negative through, as a leaky ReLU does.")
def leaky_first() -> type[Block]:
    return with_relu(leaky, 1)


@wrong("details", "The second ReLU lets a little of what is negative through, as a leaky ReLU does.")
def leaky_second() -> type[Block]:
    return with_relu(leaky, 2)


@wrong("details", "The last ReLU lets a little of what is negative through, as a leaky ReLU does.")
def leaky_last() -> type[Block]:
    return with_relu(leaky, 3)


@wrong("output in training", "The BNs' eps is 1e-3; PyTorch's default is 1e-5.")
def large_eps() -> type[Block]:
    return with_norm("", eps=1e-3)


@wrong("details", "The first BN's eps is below PyTorch's default, 1e-5.")
def small_eps() -> type[Block]:
    return with_norm("bn1", eps=9e-6)


@wrong("details", "The output is always float32, also where module and input are float64.")
def always_float32() -> type[Block]:
    return with_relu(lambda x: x.relu().float(), 3)


@wrong("details", "Values are rounded to half precision on the way.")
def rounded_to_half() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return super().branch(x).half().to(x.dtype)

    return Own


@wrong("gradients", "No gradient goes back from the branch to the input, as if the branch got a detached one.")
def detached_input_of_the_branch() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return super().branch(x.detach())

    return Own


@wrong("gradients", "One BN is called after both convolutions, and another one never.")
def first_bn_twice() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn1(self.conv2(out)))
            return self.bn3(self.conv3(out))

    return Own


@wrong("gradients", "The weights of the 3x3 get no gradient, as if they were detached: they never learn.")
def detached_weights() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            weights = {name: weight.detach() for name, weight in self.conv2.named_parameters()}
            out = F.relu(self.bn2(torch.func.functional_call(self.conv2, weights, (out,))))
            return self.bn3(self.conv3(out))

    return Own


MOMENTUM = "The BNs' momentum isn't PyTorch's default, 0.1."


@wrong("running statistics", MOMENTUM)
def momentum_of_other_libraries() -> type[Block]:
    return with_norm("", momentum=0.9)


@wrong("running statistics", MOMENTUM)
def small_momentum() -> type[Block]:
    return with_norm("", momentum=0.01)


@wrong("running statistics", MOMENTUM)
def momentum_a_little_off() -> type[Block]:
    return with_norm("", momentum=0.11)


@wrong(
    "running statistics", "The branch's running statistics move as if it saw each batch twice: it is often run twice."
)
def branch_run_twice() -> type[Block]:
    class Own(Block):
        def branch(self, x: Tensor) -> Tensor:
            return (super().branch(x) + super().branch(x)) / 2

    return Own


@wrong("state_dict", "The running statistics are not in the state_dict: their buffers are not persistent.")
def statistics_not_saved() -> type[Block]:
    class Norm(nn.BatchNorm2d):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            for name in ("running_mean", "running_var"):
                self.register_buffer(name, getattr(self, name), persistent=False)

    class Own(Block):
        norm = Norm

    return Own


@right
def torchvision_style() -> type[Block]:
    class Own(Block):
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.activation = nn.ReLU(inplace=True)

        def relu(self, x: Tensor, place: int) -> Tensor:
            return self.activation(x)

        def forward(self, x: Tensor) -> Tensor:
            identity = self.skip(x)
            out = self.branch(x)
            out += identity
            return self.activation(out)

    return Own


@right
def lazy_layers() -> type[Block]:
    def lazy(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
        return nn.LazyConv2d(outputs, size, stride, size // 2, groups=groups, bias=False)

    class Own(Block):
        conv = staticmethod(lazy)
        norm = staticmethod(lambda channels: nn.LazyBatchNorm2d())

    return Own
