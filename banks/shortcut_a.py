"""Programs for ``shortcut-a``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from banks import right, wrong


class Base(nn.Module):
    """The right shortcut. The wrong ones change one thing."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ValueError("channels can only be added")
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
        self.extra = out_channels - in_channels

    def pick(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride]

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(self.pick(x), (0, 0, 0, 0, 0, self.extra))


@wrong("builds", "The class is not written yet.")
def unwritten() -> type[nn.Module]:
    class Shortcut(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__()
            raise NotImplementedError

    return Shortcut


@wrong("builds", "Equal channels are refused, too; only fewer channels out than in are an error.")
def equal_channels_refused() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)
            if out_channels <= in_channels:
                raise ValueError("no channels to add")

    return Shortcut


@wrong("refuses", "Fewer channels out than in are not refused: a negative padding silently cuts channels off.")
def negative_padding() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, in_channels, stride)
            self.extra = out_channels - in_channels

    return Shortcut


@wrong("shape", "The stride is taken along one axis only, not along height and width.")
def one_axis() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return x[:, :, :: self.stride]

    return Shortcut


@wrong("shape", "Every second pixel is taken whatever the stride is.")
def stride_always_2() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return x[:, :, ::2, ::2]

    return Shortcut


@wrong("shape", "Only a stride of 2 makes the map smaller; another one is ignored.")
def no_stride_but_2() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return x[:, :, ::2, ::2] if self.stride == 2 else x

    return Shortcut


@wrong("shape", "Where the channels are equal the input is returned as it is, without the stride.")
def equal_channels_untouched() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return x if self.extra == 0 else super().forward(x)

    return Shortcut


@wrong("shape", "At stride 1 the input is returned as it is, without the channels of zeros.")
def stride_1_untouched() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return x if self.stride == 1 else super().forward(x)

    return Shortcut


@wrong("shape", "The channels are always doubled, so out_channels is ignored.")
def always_doubled() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x)
            return x if self.extra == 0 else torch.cat([x, torch.zeros_like(x)], 1)

    return Shortcut


@wrong("shape", "F.pad's first two numbers are for the last axis, so the zeros went to the width.")
def zeros_at_the_width() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.pad(self.pick(x), (0, self.extra))

    return Shortcut


@wrong("shape", "The slice starts at pixel 1, not at pixel 0, so an odd map loses a row.")
def slice_from_1() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return x[:, :, self.stride - 1 :: self.stride, self.stride - 1 :: self.stride]

    return Shortcut


@wrong("parameter count", "A 1x1 convolution changes the channels; that is option B, without its BN.")
def projected() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.project(x)

    return Shortcut


@wrong(
    "parameter count",
    "The channels of zeros are trained parameters, often an nn.Parameter, so an optimizer will change them.",
)
def learned_zeros() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.zeros = nn.Parameter(torch.zeros(1, self.extra, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x)
            return torch.cat([x, self.zeros.expand(len(x), -1, *x.shape[2:])], 1)

    return Shortcut


@wrong("zeros after", "The zeros stand before the existing channels; they belong after them.")
def zeros_before() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.pad(self.pick(x), (0, 0, 0, 0, self.extra, 0))

    return Shortcut


@wrong("zeros after", "The zeros are split, half of them before and half after the existing channels.")
def zeros_on_both_sides() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            before = self.extra // 2
            return F.pad(self.pick(x), (0, 0, 0, 0, before, self.extra - before))

    return Shortcut


@wrong("zeros after", "The existing channels are repeated where zeros should be.")
def repeated() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x)
            return torch.cat([x, x, x], 1)[:, : self.out_channels]

    return Shortcut


@wrong("zeros after", "Ones are added where zeros should be.")
def ones() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.pad(self.pick(x), (0, 0, 0, 0, 0, self.extra), value=1)

    return Shortcut


@wrong("input kept", "The input is overwritten once the output is made.")
def input_overwritten() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x).clone()
            x.detach().zero_()
            return y

    return Shortcut


@wrong("both modes", "forward draws random numbers, which nothing asks for.")
def drawn() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if torch.rand(()) < 2 else x

    return Shortcut


@wrong("both modes", "In evaluation mode the pixels are averaged; option A picks every stride-th one.")
def averaged_in_evaluation() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return super().pick(x) if self.training else F.avg_pool2d(x, self.stride, ceil_mode=True)

    return Shortcut


@wrong("kept pixels", "The pixels are averaged; option A picks every stride-th one.")
def averaged() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, self.stride, ceil_mode=True)

    return Shortcut


@wrong("kept pixels", "The largest pixel of each window is taken; option A takes the first.")
def largest() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return F.max_pool2d(x, self.stride, ceil_mode=True)

    return Shortcut


@wrong("kept pixels", "F.interpolate spreads its pixels over the map, so at an odd size they are not every stride-th.")
def interpolated() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            height, width = (-(-size // self.stride) for size in x.shape[2:])
            return F.interpolate(x, (height, width), mode="nearest")

    return Shortcut


@wrong("kept pixels", "The upper left corner of the map is cut out instead of every stride-th pixel.")
def corner() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            height, width = (-(-size // self.stride) for size in x.shape[2:])
            return x[:, :, :height, :width]

    return Shortcut


@wrong("kept pixels", "A ReLU stands on the shortcut: negative values are lost.")
def rectified() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    return Shortcut


@wrong("input gradient", "The pixels are taken with .data or .detach(), so no gradient goes through the shortcut.")
def detached() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.data)

    return Shortcut


@wrong("types", "The output is made as float32 whatever the input is; x.new_zeros keeps the input's type.")
def always_float32() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x)
            out = torch.zeros(len(x), self.out_channels, *x.shape[2:], dtype=torch.float32)
            out[:, : self.in_channels] = x
            return out

    return Shortcut


@wrong("refuses", "Fewer channels out than in are an AssertionError; raise a ValueError.")
def asserted() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            assert out_channels >= in_channels
            super().__init__(in_channels, out_channels, stride)

    return Shortcut


@wrong("refuses", "The ValueError is raised in forward; raise it in __init__, when the module is made.")
def refused_in_forward() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, in_channels, stride)
            self.extra = out_channels - in_channels

        def forward(self, x: Tensor) -> Tensor:
            if self.extra < 0:
                raise ValueError("channels can only be added")
            return super().forward(x)

    return Shortcut


@wrong("shape", "forward returns None, often because its `return` is missing.")
def nothing_returned() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().forward(x)

    return Shortcut


@wrong(
    "shape",
    "The pixels are averaged, and an odd size is rounded down; option A picks every stride-th one, and rounds up.",
)
def averaged_rounding_down() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, self.stride)

    return Shortcut


@wrong("shape", "out_channels channels of zeros are added; only the missing ones are, out_channels - in_channels.")
def padded_by_out_channels() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.pad(self.pick(x), (0, 0, 0, 0, 0, self.out_channels))

    return Shortcut


@wrong("shape", "F.pad got four numbers, which are for width and height; the channels' two come fifth and sixth.")
def zeros_at_the_height() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.pad(self.pick(x), (0, 0, 0, self.extra))

    return Shortcut


@wrong("shape", "F.pad got eight numbers, so the zeros went to the batch; the channels' two come fifth and sixth.")
def zeros_in_the_batch() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.pad(self.pick(x), (0, 0, 0, 0, 0, 0, 0, self.extra))

    return Shortcut


@right
def buffer_of_zeros() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.register_buffer("zeros", torch.zeros(1, self.extra, 1, 1))
            self.zeros: Tensor

        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x).contiguous(memory_format=torch.channels_last)
            return torch.hstack([x, self.zeros.to(x).expand(len(x), -1, *x.shape[2:])])

    return Shortcut


@right
def fixed_convolution_in_a_buffer() -> type[nn.Module]:
    class Shortcut(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__()
            if in_channels > out_channels:
                raise ValueError("fewer channels out than in")
            self.stride = stride
            self.register_buffer("weight", torch.eye(out_channels, in_channels)[:, :, None, None], persistent=False)
            self.weight: Tensor

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.weight, stride=self.stride)

    return Shortcut


@wrong("parameter count", "A convolution whose weights don't learn does it: its weights are still parameters.")
def frozen_convolution() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False).requires_grad_(False)
            with torch.no_grad():
                self.conv.weight.copy_(torch.eye(out_channels, in_channels)[:, :, None, None])

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x)

    return Shortcut


@wrong("refuses", "Fewer channels out than in are refused at stride 1 alone.")
def refused_at_stride_1() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, in_channels, stride)
            if out_channels < in_channels and stride == 1:
                raise ValueError("channels can only be added")
            self.out_channels, self.extra = out_channels, out_channels - in_channels

    return Shortcut


@wrong("refuses", "Fewer channels out than in are refused only where the stride isn't 1.")
def refused_at_other_strides() -> type[nn.Module]:
    class Shortcut(Base):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            super().__init__(in_channels, in_channels, stride)
            if out_channels < in_channels and stride != 1:
                raise ValueError("channels can only be added")
            self.out_channels, self.extra = out_channels, out_channels - in_channels

    return Shortcut


@wrong("shape", "A stride above 2 is taken as 2.")
def stride_at_most_2() -> type[nn.Module]:
    class Shortcut(Base):
        def pick(self, x: Tensor) -> Tensor:
            stride = min(self.stride, 2)
            return x[:, :, ::stride, ::stride]

    return Shortcut


@wrong("shape", "The output is float64, whatever the input's type is.")
def always_float64() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).double()

    return Shortcut


@wrong("types", "The zeros are float32 whatever the input is, so an output for float16 is float32: use x.new_zeros.")
def zeros_of_float32() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x)
            return torch.cat([x, torch.zeros(len(x), self.extra, *x.shape[2:], device=x.device)], 1)

    return Shortcut


@wrong("types", "The zeros are on the CPU wherever the input is: x.new_zeros makes them where the input is.")
def zeros_on_the_cpu() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            x = self.pick(x)
            return torch.cat([x, torch.zeros(len(x), self.extra, *x.shape[2:], dtype=x.dtype)], 1)

    return Shortcut


@wrong("kept pixels", "A bit of the input is dropped at random in training.")
def dropout() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(super().forward(x), 0.01, self.training)

    return Shortcut


@wrong("kept pixels", "Of what is kept, values far from zero are cut off.")
def clamped() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).clamp(-6, 6)

    return Shortcut


@right
def zeros_joined() -> type[nn.Module]:
    class Shortcut(nn.Module):
        def __init__(self, a: int, b: int, s: int) -> None:
            super().__init__()
            if a > b:
                raise ValueError(f"{a} > {b}")
            self.more, self.s = b - a, s

        def forward(self, x: Tensor) -> Tensor:
            x = x[..., :: self.s, :: self.s]
            n, _, h, w = x.shape
            return torch.cat([x, torch.zeros(n, self.more, h, w, dtype=x.dtype, device=x.device)], 1)

    return Shortcut


@right
def filled_in() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            n, c, h, w = x.shape
            rows, columns = range(0, h, self.stride), range(0, w, self.stride)
            out = x.new_zeros(n, self.out_channels, len(rows), len(columns))
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    out[:, :c, i, j] = x[:, :, row, column]
            return out

    return Shortcut


@right
def pooling_window_of_1() -> type[nn.Module]:
    class Shortcut(nn.Sequential):
        def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
            if in_channels > out_channels:
                raise ValueError("fewer channels out than in")
            pad = nn.ConstantPad3d((0, 0, 0, 0, 0, out_channels - in_channels), 0.0)
            super().__init__(nn.MaxPool2d(1, stride), pad)

    return Shortcut


@right
def fixed_convolution() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            weight = torch.eye(self.out_channels, self.in_channels, dtype=x.dtype, device=x.device)
            return F.conv2d(x, weight[:, :, None, None], stride=self.stride)

    return Shortcut


@right
def compiled():  # noqa: ANN201
    return lambda *args: torch.compile(Base(*args), backend="eager")


@right
def dropout_of_nothing() -> type[nn.Module]:
    class Shortcut(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(super().forward(x), 0.0, self.training)

    return Shortcut


@right
def factory_function():  # noqa: ANN201
    class Apply(nn.Module):
        def __init__(self, stride: int, extra: int) -> None:
            super().__init__()
            self.stride, self.extra = stride, extra

        def forward(self, x: Tensor) -> Tensor:
            rows = torch.arange(0, x.shape[2], self.stride)
            columns = torch.arange(0, x.shape[3], self.stride)
            x = x.index_select(2, rows).index_select(3, columns)
            return F.pad(x.permute(0, 2, 3, 1), (0, self.extra)).permute(0, 3, 1, 2)

    def make(inputs: int, outputs: int, step: int) -> nn.Module:
        class TooFew(ValueError):
            pass

        if outputs < inputs:
            raise TooFew
        return Apply(step, outputs - inputs)

    return make
