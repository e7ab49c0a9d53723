"""Probes of functions that count a model's parameters and multiply-adds."""

from typing import Any

import torch
from torch import Tensor, nn

from .fill import fill
from .registry import Args, Facts, Objects, Shape, kind, probe
from .traces import Before, seed
from .values import number

OTHER_SEEDS = 8  # for a count that draws random numbers: is it the same under these?


class Reused(nn.Module):
    """A convolution called three times and known by two names, one never called, and linear layers with one weight."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.again = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.body = nn.Sequential(self.again, nn.ReLU())
        self.add_module("spare", nn.Conv2d(width, 2, 1))
        self.there = nn.Linear(width, width)
        self.back = nn.Linear(width, width)
        self.back.weight = self.there.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = self.body(x)
        return self.back(self.there(x.mean((2, 3))).relu())


class PixelByPixel(nn.Module):
    """Linear layers at every pixel, a scale that belongs to no layer, and a frozen part."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, width, 2, stride=2), nn.BatchNorm2d(width))
        self.stem.requires_grad_(False)
        self.mix = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        return x + self.scale * self.mix(x)


class Centred(nn.Conv2d):
    """A convolution that takes the mean off its weights first."""

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight - self.weight.mean((1, 2, 3), keepdim=True), self.bias)


class Classifier(nn.Linear):
    """A linear layer under another name."""


def plain(in_channels: int, width: int) -> nn.Module:
    """Strides, an oblong kernel, biases, BN, layers within layers, and two hooks that have been there before."""
    net = nn.Sequential(
        nn.Conv2d(in_channels, width, 3, stride=2, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(width, 2 * width, (1, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(2 * width)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 5),
    )
    net[0].register_forward_hook(_nothing)
    net[-1].register_forward_pre_hook(_nothing)
    return net


def _nothing(*_arguments: Any) -> None:
    pass


def grouped(in_channels: int, width: int) -> nn.Module:
    """A grouped and a depthwise convolution between two 1x1."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 1, bias=False),
        nn.Conv2d(width, 2 * width, 3, padding=1, groups=2, bias=False),
        nn.Conv2d(2 * width, 2 * width, 3, stride=2, groups=2 * width, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.Conv2d(2 * width, 3, 1, bias=False),
    )


def oblong(in_channels: int, width: int) -> nn.Module:
    """Kernels, strides, paddings and dilations that are not the same along height and width."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, (3, 1), bias=False),
        nn.ReLU(),
        nn.Conv2d(width, width, (2, 3), stride=(1, 2), padding=(1, 0)),
        nn.ReLU(),
        nn.Conv2d(width, 3, (2, 1), dilation=(3, 1), bias=False),
    )


def to_one_pixel(in_channels: int, width: int) -> nn.Module:
    """A convolution that leaves one pixel of a map of 2x2, and BN, which can't be trained on a single number."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 1, bias=False),
        nn.BatchNorm2d(2 * width),
    )


def subclassed(in_channels: int, width: int) -> nn.Module:
    """Layers whose classes are derived from PyTorch's."""
    return nn.Sequential(
        Centred(in_channels, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 3, 1),
        nn.Flatten(2),
        Classifier(20, 5),
    )


NETS: dict[str, Any] = {
    "plain": plain,
    "grouped": grouped,
    "reused": Reused,
    "pixels": PixelByPixel,
    "oblong": oblong,
    "one pixel": to_one_pixel,
    "subclassed": subclassed,
}


def net(args: Args, input_shape: Shape, salt: int) -> nn.Module:
    """The net called ``args[0]``, in the mode ``args[1]``; a stem can differ. Its width depends on the salt.

    ``input_shape`` is (C, H, W).
    """
    model: nn.Module = NETS[args[0]](input_shape[0], 4 * (2 + salt % 3))
    fill(model, salt)
    model.train(args[1].startswith("training"))
    if args[1] == "training but for the stem":
        model.get_submodule("stem").eval()
    return model


def is_int(value: object) -> bool:
    """Whether it is a whole number of Python's own."""
    return isinstance(value, int) and not isinstance(value, bool)


class Modes:
    """The modes of a model's parts before a call."""

    def __init__(self, model: nn.Module) -> None:
        self._modes = [(module, module.training) for module in model.modules()]

    @property
    def kept(self) -> bool:
        """Whether those parts have these modes."""
        return all(module.training == mode for module, mode in self._modes)


@probe
def parameters(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What ``count_parameters`` returns, and what it changes."""
    model = net(args, input_shape, salt)
    modes = Modes(model)
    with torch.enable_grad(), Before(model) as before:
        returned = objects[0](model)
        left = [*before.changes(), *([] if modes.kept else ["the modes"])]
    return {"count": number(returned), "int": is_int(returned), "kind": kind(returned), "left": left}


@probe
def macs(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What ``count_macs`` returns, at once and when called again, and what it changes.

    Where it draws random numbers, for instance an image, it is called under some other seeds as well.
    """
    model = net(args, input_shape, salt)
    modes = Modes(model)
    seed(salt)
    with torch.enable_grad(), Before(model) as before:
        returned = objects[1](model, tuple(input_shape))
        left, drew, modes_kept = before.changes(), before.drew, modes.kept
    again = set()
    with torch.enable_grad(), Before(model):
        for other in range(1 + (OTHER_SEEDS if drew else 0)):
            seed(salt + other)
            again.add(number(objects[1](model, tuple(input_shape))))
    return {
        "count": number(returned),
        "again": sorted(again),
        "int": is_int(returned),
        "kind": kind(returned),
        "modes_kept": modes_kept,
        "buffers_kept": "the buffers" not in left,
        "left": [word for word in left if word != "the buffers"],
    }
