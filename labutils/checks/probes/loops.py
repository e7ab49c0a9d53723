"""Probes of functions that train a model or measure its accuracy."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fill import fill, noise
from .registry import Args, Facts, Objects, Shape, Unusable, kind, probe
from .traces import Before, seed
from .values import number

Batch = tuple[Tensor, Tensor] | list[Tensor]
CLASSES = 3
MODES = {True: "training", False: "evaluation"}
KEPT = (
    "the model's parts",
    "the parameters as objects",
    "the parameters' type, shape or device",
    "requires_grad, now False",
    "requires_grad, now True",
    "the recording of gradients",
)
KEPT_IN_EVALUATION = (*KEPT, "the parameters' values", "the buffers")
STEEPNESS = 20  # gradients as long as those that people clip


def average_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """The batch's average (), of outputs (N, classes) and labels (N,). No loss that one would write by oneself."""
    return STEEPNESS * F.cross_entropy(outputs, labels, label_smoothing=0.2)


@dataclass
class Pass:
    """One call of a net: who was called, the modes of its parts, and what gradients came of it."""

    called: str
    modes: str
    recorded: bool
    trained: bool = False


class Log(list[Pass]):
    """What a net writes down of its calls. A copy of the net writes into the same log."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Log":
        return self

    @property
    def trained(self) -> list[Pass]:
        """Those that gradients went back through."""
        return [done for done in self if done.trained]

    @property
    def called(self) -> str:
        """Who was called, in words."""
        return " and ".join(sorted({done.called for done in self}))


def modes(passes: list[Pass]) -> str:
    """The modes of passes in their order, each named once where it is followed by itself."""
    return ", then ".join(name for name, _ in groupby(done.modes for done in passes))


class Original(str):
    """The word "the model", which becomes "a copy of it" in a copy."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> str:
        return "a copy of it"


class Watched(nn.Module):
    """A net that logs its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.name: str = Original("the model")

    def noted(self, y: Tensor) -> Tensor:
        """The output (N, classes) itself, once the call is logged."""
        done = Pass(self.name, self._modes(), y.requires_grad)
        self.log.append(done)
        if y.requires_grad:
            y.register_hook(lambda _gradient: setattr(done, "trained", True))
        return y

    def _modes(self) -> str:
        """The mode of most parts, and those that have another."""
        trained = [module.training for module in self.modules()]
        most = sum(trained) > len(trained) / 2
        others = [type(module).__name__ for module in self.children() if module.training != most]
        others = ["the model itself"] * (self.training != most) + others
        return MODES[most] + (f" but for {', '.join(others)}" if others else "")


class Small(Watched):
    """A convolution, BN, ReLU, the mean over the map, and a linear layer."""

    def __init__(self, in_channels: int, salt: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, CLASSES)
        fill(self, salt)

    def forward(self, x: Tensor) -> Tensor:
        return self.noted(self.fc(self.bn(self.conv(x)).relu().mean((2, 3))))


class Given(Watched):
    """Gives its input back."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.noted(x * self.scale)


def dtype_of(args: Args) -> torch.dtype:
    """The type of model and images: float64 where ``args[0]`` says so."""
    return torch.float64 if "float64" in args[0] else torch.float32


def handed_over(args: Args, batches: list[tuple[Tensor, Tensor]]) -> Iterable[Batch]:
    """As tuples to be read only once where ``args[0]`` is "iterator", and otherwise as a list of lists of two."""
    return (batch for batch in batches) if args[0] == "iterator" else [list(batch) for batch in batches]


def labelled(args: Args, image: Shape, salt: int, training: bool) -> Iterable[Batch]:
    """Batches of the sizes ``args[1:]``, as in :func:`handed_over`.

    Each holds images (size, *image), ``image`` being (C, H, W), and labels (size,).
    Labels are what a fresh net thinks most likely for all of the first batch, every second of the next and so on, and
    least likely for the others, so that the batches' losses and accuracies lie far apart.
    """
    net = Small(image[0], salt).to(dtype_of(args)).train(training)
    batches = []
    for place, size in enumerate(args[1:]):
        images = noise((size, *image), salt + place).to(dtype_of(args))
        with torch.no_grad():
            logits = net(images)
        likely = torch.arange(size) % (place + 1) == place
        batches.append((images, torch.where(likely, logits.argmax(1), logits.argmin(1))))
    return handed_over(args, batches)


def weights_of(model: nn.Module) -> Tensor:
    """All parameters in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def statistics_of(model: Small) -> Tensor:
    """The running statistics in one vector."""
    assert model.bn.running_mean is not None
    assert model.bn.running_var is not None
    return torch.cat([model.bn.running_mean, model.bn.running_var])


def in_use(model: nn.Module, salt: int) -> torch.optim.Optimizer:
    """An optimizer that has taken a step, so that another can't replace it. The step's gradients are still there."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.8, weight_decay=0.02)
    for parameter in model.parameters():
        parameter.grad = 5 * noise(tuple(parameter.shape), salt + 1).to(parameter.dtype)
    optimizer.step()
    return optimizer


@probe
def epoch(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What ``train_one_epoch`` returns, what it does, and what it leaves.

    The model's parts are in evaluation mode before, and so is the model itself, but for batches that are an iterator.

    ``modes`` are those of the passes that gradients went back through, or of all where none was.
    """
    seed(salt)
    model = Small(input_shape[0], salt).to(dtype_of(args)).eval()
    model.training = args[0] == "iterator"
    optimizer = in_use(model, salt)
    steps: list[None] = []
    optimizer.register_step_post_hook(lambda *_: steps.append(None))
    weights = weights_of(model)
    batches = labelled(args, input_shape, salt, training=True)
    with torch.enable_grad(), Before(model) as before:
        returned = objects[0](model, batches, optimizer, average_loss)
        left, drew = before.changes(), before.drew
    try:
        loss = float(number(returned))
    except Unusable:
        loss = math.nan
    tracked = model.bn.num_batches_tracked
    return {
        "float": isinstance(returned, float),
        "kind": kind(returned),
        "loss": loss,
        "called": model.log.called,
        "modes": modes(model.log.trained or model.log),
        "weights": weights_of(model),
        "moved": not torch.equal(weights, weights_of(model)),
        "steps": len(steps),
        "backward_passes": len(model.log.trained),
        "statistics": statistics_of(model),
        "training_passes": -1 if tracked is None else int(tracked),
        "left": [word for word in left if word in KEPT],
        "drew": drew,
    }


@probe
def accuracy(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What the last function returns, how it calls the model, and what it leaves.

    The model is in training mode before, and a part of it is frozen.
    """
    seed(salt)
    model = Small(input_shape[0], salt).to(dtype_of(args)).train()
    model.fc.bias.requires_grad_(False)
    batches = labelled(args, input_shape, salt, training=False)
    with torch.enable_grad(), Before(model) as before:
        returned = objects[-1](model, batches)
        left, drew = before.changes(), before.drew
    return {
        "float": isinstance(returned, float),
        "kind": kind(returned),
        "accuracy": float(number(returned)),
        "modes": modes(model.log),
        "gradients": any(done.recorded for done in model.log),
        "left": [word for word in left if word in KEPT_IN_EVALUATION],
        "drew": drew,
    }


@probe
def close_scores(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What the last function returns for scores below zero that lie close together.

    Of seven classes none has half of the probability. Every third image of a batch is labelled wrongly, from the third
    one on: by its second best class in the first batch, and by its worst in the others. ``all_right`` is what it
    returns where no image is.
    """
    seed(salt)
    batches, right = [], []
    for place, size in enumerate(args[1:]):
        scores = (noise((size, 7), salt + place) / 4 - 2).to(dtype_of(args))
        ranked = scores.argsort(1, descending=True)
        wrong = torch.arange(size) % 3 == 2
        batches.append((scores, torch.where(wrong, ranked[:, 1 if place == 0 else -1], ranked[:, 0])))
        right.append((scores, ranked[:, 0]))
    model = Given().train()
    with torch.enable_grad(), Before(model):
        share = float(number(objects[-1](model, handed_over(args, batches))))
        all_right = float(number(objects[-1](model, handed_over(args, right))))
    return {"accuracy": share, "all_right": all_right}


@probe
def turns(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """One model evaluated and trained, twice."""
    seed(salt)
    train_one_epoch, evaluate = objects[0], objects[1]
    model = Small(input_shape[0], salt).to(dtype_of(args))
    optimizer = in_use(model, salt)
    accuracies = []
    with torch.enable_grad(), Before(model):
        for _ in range(2):
            accuracies.append(float(number(evaluate(model, labelled(args, input_shape, salt, training=False)))))
            train_one_epoch(model, labelled(args, input_shape, salt, training=True), optimizer, average_loss)
    return {"accuracies": accuracies, "weights": weights_of(model)}
