"""Training: one loop for every net of the course."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from labutils.augment import Augmentation
from labutils.data import ImageData
from labutils.devices import choose_device, near

Schedule = Callable[[int, int], float]
STEPS_BETWEEN_LOOKS = 100  # at the loss, where a look makes a GPU or another process wait


@dataclass
class History:
    """What :func:`fit` saw, one entry an epoch.

    ``train_loss`` (cross-entropy, nats) and ``train_error`` (percent) are means over the epoch's batches, each taken
    in training mode before its step. ``test_error`` (percent) and ``seconds`` (since the start, the time for testing
    included) are taken at the end of the epoch, and ``lr`` is the learning rate of its last step.
    """

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)
    test_error: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)


def learning_rate(step: int, steps: int, warmup: int) -> float:
    """The rate at ``step`` (0, 1, ...) as a share of its peak: a line up over ``warmup`` steps, then a cosine to 0.

    Of ``steps`` in all; raises ZeroDivisionError for a step after a warm-up that takes all of them.
    """
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def step_schedule(step: int, steps: int, warmup: int = 0) -> float:
    """He et al.'s rate at ``step`` (0, 1, ...) as a share of its peak: divided by 10 at half and at three quarters.

    Of ``steps`` in all. For the first ``warmup`` steps it is a tenth, as the paper needed for 110 layers.
    """
    if step < warmup:
        return 0.1
    return (1, 0.1, 0.01)[(2 * step >= steps) + (4 * step >= 3 * steps)]


class Trainer:
    """SGD on the cross-entropy, an epoch at a time, with a state that can be saved and continued from.

    ``schedule(step, steps)`` is the learning rate as a share of ``lr``. ``augment`` changes each batch of training
    images before it is normalised. ``seed`` fixes the order of the images and the augmentation; the weights are the
    caller's to seed. With ``autocast``, convolutions compute in bfloat16 while the weights stay float32.

    ``wrap`` makes of the model, once it is on its device, what is called to train it: its compiled or its distributed
    form. Of ``world`` processes, each trains on its own share of every batch.

    Whether the loss is still finite is looked at after every step on a processor, and after every 100 steps and at the
    epoch's end on a GPU or with several processes, which would have to wait for it.

    Raises ValueError for an unknown device, and for batches with fewer images than there are processes.
    """

    def __init__(
        self,
        model: nn.Module,
        data: ImageData,
        *,
        epochs: int,
        batch_size: int,
        lr: float,
        momentum: float,
        weight_decay: float,
        schedule: Schedule,
        augment: Augmentation | None,
        seed: int,
        device: str,
        autocast: bool = False,
        wrap: Callable[[nn.Module], nn.Module] = lambda model: model,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        count = len(data.train_images)
        smallest = min(batch_size, count % batch_size or batch_size)
        if smallest < world:
            raise ValueError(f"a batch of {smallest} images can't be shared by {world} processes: change batch_size.")
        self.device = choose_device(device)
        self.model, self.data, self.epochs = model, data, epochs
        nn.utils.convert_conv2d_weight_memory_format(model.to(self.device), torch.channels_last)
        self.images, self.labels = (near(part, self.device) for part in (data.train_images, data.train_labels))
        self.batch_size, self.augment = batch_size, augment
        self.steps = epochs * math.ceil(count / batch_size)
        self.lr, self.schedule = lr, schedule
        self.optimizer = torch.optim.SGD(model.parameters(), lr, momentum, weight_decay=weight_decay, fused=True)
        self.order = torch.Generator().manual_seed(seed)
        self.autocast = partial(torch.autocast, self.device.type, torch.bfloat16) if autocast else nullcontext
        self.forward = wrap(model)
        self.rank, self.world = rank, world
        self.history = History()

    def run_epoch(self, advance: Callable[[int], object] = lambda images: None) -> None:
        """Train for an epoch, test, and append to ``history``. ``advance(images)`` is called after each step.

        Raises FloatingPointError where the training loss is not finite.
        """
        start = time.perf_counter()
        history, count = self.history, len(self.images)
        step = len(history.lr) * math.ceil(count / self.batch_size)
        totals = torch.zeros(2, device=self.device)  # the sum of the losses, the number of wrong answers
        look_every = 1 if self.device.type == "cpu" and self.world == 1 else STEPS_BETWEEN_LOOKS
        self.model.train()
        shuffled = torch.randperm(count, generator=self.order).to(self.images.device)
        noise = self._generator_of_this_process()
        for batch in shuffled.split(self.batch_size):
            self.optimizer.param_groups[0]["lr"] = self.lr * self.schedule(step, self.steps)
            totals += self._train_step(batch, noise)
            step += 1
            if step % look_every == 0:
                self._finite_totals(totals)
            advance(len(batch))
        loss_sum, wrong = self._finite_totals(totals)
        history.train_loss.append(loss_sum / count)
        history.train_error.append(100 * wrong / count)
        history.test_error.append(evaluate(self.model, self.data, "test")[1])
        history.seconds.append((history.seconds or [0.0])[-1] + time.perf_counter() - start)
        history.lr.append(self.optimizer.param_groups[0]["lr"])

    def _train_step(self, batch: Tensor, noise: torch.Generator) -> Tensor:
        """One step on this process's share of the batch: its sum of losses and number of wrong answers, (2,)."""
        share = batch[self.rank :: self.world]
        images = self.images[share] if self.augment is None else self.augment(self.images[share], noise)
        labels = self.labels[share].to(self.device)
        x = self.data.normalise(images.to(self.device)).contiguous(memory_format=torch.channels_last)
        with self.autocast():
            logits = self.forward(x)
        loss = F.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        (loss * (len(share) * self.world / len(batch))).backward()  # DDP averages over processes, we over images
        self.optimizer.step()
        return torch.stack([loss.detach() * len(share), (logits.argmax(1) != labels).sum()])

    def _finite_totals(self, totals: Tensor) -> tuple[float, float]:
        """The epoch's totals so far, (2,), of all processes. Raises FloatingPointError if the loss is not finite."""
        if self.world > 1:
            totals = totals.clone()
            dist.all_reduce(totals)
        loss_sum, wrong = totals.tolist()
        if not math.isfinite(loss_sum):
            raise FloatingPointError(
                f"the training loss is no longer finite in epoch {len(self.history.lr) + 1}: "
                f"try a lower lr than {self.lr}."
            )
        return loss_sum, wrong

    def _generator_of_this_process(self) -> torch.Generator:
        """The source of this epoch's augmentation. Only one that no other process draws from keeps them different."""
        if self.world == 1:
            return self.order
        origin = (self.order.initial_seed(), len(self.history.lr), self.rank)
        return torch.Generator().manual_seed(int(np.random.SeedSequence(origin).generate_state(1)[0]))

    def state_dict(self) -> dict[str, Any]:
        """What ``load_state_dict`` of a trainer with the same settings needs in order to continue exactly here."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "history": asdict(self.history),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        self.history = History(**state["history"])


def fit(
    model: nn.Module,
    data: ImageData,
    *,
    epochs: int = 15,
    batch_size: int = 64,
    lr: float = 0.02,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    warmup: int = 0,
    augment: Augmentation | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> History:
    """Train ``model``, (N, C, H, W) -> (N, classes), in place by SGD on the cross-entropy. Returns what it saw.

    The learning rate rises to ``lr`` over ``warmup`` epochs and falls to 0 along a cosine. ``augment`` changes each
    batch of training images before it is normalised. ``seed`` fixes the order of the images and the augmentation; the
    model's weights are the caller's to seed. Afterwards the model is on the device it was trained on, in training
    mode. Raises ValueError for an unknown device or a warm-up that is negative or not shorter than the run, and
    FloatingPointError as soon as the loss is not finite: after the very step, on a GPU within 100 steps.
    """
    if not 0 <= warmup < max(epochs, 1):
        raise ValueError(f"warmup must be at least 0 and leave an epoch to train at lr: {warmup} of {epochs} don't.")
    trainer = Trainer(
        model,
        data,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        schedule=partial(learning_rate, warmup=warmup * math.ceil(len(data.train_images) / batch_size)),
        augment=augment,
        seed=seed,
        device=device,
    )
    if progress:
        count, images = sum(p.numel() for p in model.parameters()), len(data.train_images)
        print(
            f"Training {count:,} parameters on {images:,} images for {epochs} epochs on {trainer.device}, seed {seed}."
        )
    history = trainer.history
    make_bar = tqdm if progress else partial(tqdm, disable=True)  # disable=False would override TQDM_DISABLE
    for _ in (bar := make_bar(range(epochs), desc="epochs")):
        trainer.run_epoch()
        bar.set_postfix(loss=f"{history.train_loss[-1]:.4f}", test_error=f"{history.test_error[-1]:.1f}%")
    return history


@torch.no_grad()
def evaluate(model: nn.Module, data: ImageData, part: Literal["train", "test"] = "test") -> tuple[float, float]:
    """Mean cross-entropy (nats) and error (percent) in evaluation mode, of a model (N, C, H, W) -> (N, classes).

    The images go to where the model is. Its mode is left as it was found.
    """
    images, labels = (data.train_images, data.train_labels) if part == "train" else (data.test_images, data.test_labels)
    place = next(model.parameters()).device
    was_training = model.training
    model.eval()
    loss_sum, wrong = 0.0, 0
    at_once = min(1000, max(1, 1000 * 3 * 32 * 32 // images[0].numel()))  # large images need large activations
    for index in torch.arange(len(images)).split(at_once):
        logits, target = model(data.normalise(images[index].to(place))), labels[index].to(place)
        loss_sum += F.cross_entropy(logits, target, reduction="sum").item()
        wrong += int((logits.argmax(1) != target).sum())
    model.train(was_training)
    return loss_sum / len(images), 100 * wrong / len(images)
