"""Probes of functions: loops, counts and slices."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fill import fill, noise
from .modules import Args, Facts, Objects, Shape, Unusable, kind, probe

Batch = tuple[Tensor, Tensor]
CLASSES = 3
average_loss = partial(F.cross_entropy, label_smoothing=0.2)


def number(value: object) -> int | float:
    """A single number, whatever holds it, whole ones as int. Raises Unusable for anything else."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    elif type(value).__module__ == "numpy":
        value = getattr(value, "item", lambda: None)()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"it gave {kind(value)} where a number was expected")
    if abs(value) >= 2**63:
        raise Unusable("it gave a number that is far too large")
    return int(value) if float(value).is_integer() else float(value)


class Notes(set[str]):
    """Words that a net writes down. A copy of the net writes them into the same place."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Notes":
        return self


class Watched(nn.Module):
    """A small net that notes, whenever it is called, its mode and whether its output carries gradients."""

    def __init__(self, in_channels: int, salt: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, CLASSES)
        fill(self, salt)
        self.modes = Notes()
        self.gradients = Notes()

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))
        self.modes.update("training" if module.training else "evaluation" for module in self.modules())
        if y.requires_grad:
            self.gradients.add("recorded")
        return y

    def noted_modes(self) -> str:
        """The modes of all its parts at all calls so far."""
        return " and ".join(sorted(self.modes))


def labelled(args: Args, image: Shape, salt: int, training: bool) -> Iterable[Batch]:
    """Batches of the sizes ``args[1:]``, in a list or, where ``args[0]`` is "iterator", to be read only once.

    Each holds images (size, *image), ``image`` being (C, H, W), and labels (size,).
    Labels are what a fresh net thinks most likely for all of the first batch, every second of the next and so on, and
    least likely for the others, so that the batches' losses and accuracies lie far apart.
    """
    net = Watched(image[0], salt).train(training)
    batches = []
    for place, size in enumerate(args[1:]):
        images = noise((size, *image), salt + place)
        with torch.no_grad():
            logits = net(images)
        likely = torch.arange(size) % (place + 1) == place
        batches.append((images, torch.where(likely, logits.argmax(1), logits.argmin(1))))
    return (batch for batch in batches) if args[0] == "iterator" else batches


def values(model: nn.Module) -> Tensor:
    """All parameters in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    """One that remembers, so that it can't be replaced by another."""
    return torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)


@probe
def epoch(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What ``train_one_epoch`` returns, and what it leaves. The model is in evaluation mode before."""
    model = Watched(input_shape[0], salt).eval()
    before = values(model)
    batches = labelled(args, input_shape, salt, training=True)
    with torch.enable_grad():
        returned = objects[0](model, batches, optimizer_of(model), average_loss)
    try:
        loss = float(number(returned))
    except Unusable:
        loss = math.nan
    return {
        "float": isinstance(returned, float),
        "kind": kind(returned),
        "loss": loss,
        "modes": model.noted_modes(),
        "weights": values(model),
        "moved": not torch.equal(before, values(model)),
    }


@probe
def accuracy(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What the last function returns, and how it calls the model, which is in training mode before."""
    model = Watched(input_shape[0], salt).train()
    batches = labelled(args, input_shape, salt, training=False)
    with torch.enable_grad():
        returned = objects[-1](model, batches)
        recording = torch.is_grad_enabled()
    return {
        "float": isinstance(returned, float),
        "kind": kind(returned),
        "accuracy": float(number(returned)),
        "modes": model.noted_modes(),
        "gradients": bool(model.gradients),
        "can_train_after": f"{recording} {all(parameter.requires_grad for parameter in model.parameters())}",
    }


class Given(nn.Module):
    """Gives its input back, and notes at each call its own mode and that of a layer in it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.calls: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(" and ".join("training" if part.training else "evaluation" for part in (self, self.layer)))
        return self.layer(x)


@probe
def close_scores(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What the last function returns for scores below zero that lie close together, and the modes at each call.

    Of seven classes none has half of the probability. Every third image of a batch is labelled wrongly, from the third
    one on.
    """
    batches = []
    for place, size in enumerate(args[1:]):
        scores = noise((size, 7), salt + place) / 4 - 2
        wrong = torch.arange(size) % 3 == 2
        batches.append((scores, torch.where(wrong, scores.argmin(1), scores.argmax(1))))
    model = Given().train()
    with torch.enable_grad():
        share = objects[-1](model, (batch for batch in batches) if args[0] == "iterator" else batches)
    return {"accuracy": float(number(share)), "calls": model.calls}


@probe
def turns(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """One model evaluated, trained and evaluated again."""
    train_one_epoch, evaluate = objects[0], objects[1]
    model = Watched(input_shape[0], salt)
    with torch.enable_grad():
        before = number(evaluate(model, labelled(args, input_shape, salt, training=False)))
        train_one_epoch(model, labelled(args, input_shape, salt, training=True), optimizer_of(model), average_loss)
        after = number(evaluate(model, labelled(args, input_shape, salt, training=False)))
    return {"accuracies": [float(before), float(after)], "weights": values(model)}


class Reused(nn.Module):
    """A convolution called three times, and two linear layers that share one weight."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.again = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.there = nn.Linear(width, width)
        self.back = nn.Linear(width, width)
        self.back.weight = self.there.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = self.again(x).relu()
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


def plain(in_channels: int, width: int) -> nn.Module:
    """Strides, an oblong kernel, biases, BN, layers within layers."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, stride=2, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(width, 2 * width, (1, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(2 * width)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 5),
    )


def grouped(in_channels: int, width: int) -> nn.Module:
    """A grouped and a depthwise convolution between two 1x1."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 1, bias=False),
        nn.Conv2d(width, 2 * width, 3, padding=1, groups=2, bias=False),
        nn.Conv2d(2 * width, 2 * width, 3, stride=2, groups=2 * width, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.Conv2d(2 * width, 3, 1, bias=False),
    )


NETS: dict[str, Any] = {"plain": plain, "grouped": grouped, "reused": Reused, "pixels": PixelByPixel}


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


@probe
def parameters(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What ``count_parameters`` returns."""
    return {"count": number(objects[0](net(args, input_shape, salt)))}


@probe
def macs(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What ``count_macs`` returns, at once and when called again, and what it changes."""
    model = net(args, input_shape, salt)
    modes = [module.training for module in model.modules()]
    buffers = [buffer.clone() for buffer in model.buffers()]
    count = number(objects[1](model, tuple(input_shape)))
    left = list(model.buffers())
    buffers_kept = len(left) == len(buffers) and all(
        old.device == new.device and torch.equal(old, new) for old, new in zip(buffers, left, strict=True)
    )
    modes_kept = modes == [module.training for module in model.modules()]
    again = number(objects[1](model, tuple(input_shape)))
    return {"count": count, "again": again, "modes_kept": modes_kept, "buffers_kept": buffers_kept}


def triples(objects: Objects, args: Args, salt: int) -> tuple[list[list[Tensor]], Facts]:
    """What ``split_paths`` returns, and in words what it is. There are no triples where it is something else.

    ``args`` are in, C, d and out. The weights given are (C x d, in, 1, 1), (C x d, d, 3, 3) and (out, C x d, 1, 1).
    """
    in_channels, cardinality, width, out_channels = args
    inner = cardinality * width
    weights = (
        noise((inner, in_channels, 1, 1), salt) / math.sqrt(in_channels),
        noise((inner, width, 3, 3), salt) / math.sqrt(9 * width),
        noise((out_channels, inner, 1, 1), salt) / math.sqrt(inner),
    )
    returned = objects[0](*weights, cardinality)
    if not isinstance(returned, list | tuple):
        return [], {"kind": kind(returned), "length": -1, "entry": "", "shapes": []}
    for entry in returned:
        if not isinstance(entry, list | tuple):
            return [], {"kind": "a list", "length": len(returned), "entry": kind(entry), "shapes": []}
        if len(entry) != 3 or not all(isinstance(weight, Tensor) for weight in entry):
            inside = ", ".join(kind(weight) for weight in entry[:4])
            found = f"a {type(entry).__name__} of {len(entry)} ({inside}{', …' if len(entry) > 4 else ''})"
            return [], {"kind": "a list", "length": len(returned), "entry": found, "shapes": []}
    paths = [[weight.detach() for weight in entry] for entry in returned]
    shapes = [[str(tuple(weight.shape)) for weight in path] for path in paths]
    return paths, {"kind": "a list", "length": len(paths), "entry": "triple", "shapes": shapes}


@probe
def split(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What kind of thing ``split_paths`` returns, and the shapes in it. ``args`` are in, C, d and out."""
    return triples(objects, args, salt)[1]


@probe
def paths(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The outputs (paths, N, out, H, W) of the paths that ``split_paths`` returns, and their sum."""
    found, facts = triples(objects, args, salt)
    if not found:
        raise Unusable(f"it gave {facts['kind']} without triples in it")
    x = noise(input_shape, salt + 1)
    outputs = torch.stack([F.conv2d(F.conv2d(F.conv2d(x, w1), w2, padding=1), w3) for w1, w2, w3 in found])
    return {"outputs": outputs, "sum": outputs.sum(0)}
