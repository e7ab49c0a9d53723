"""Training: one loop for every net of the course."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
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
from labutils.graphs import CapturedStep, captured

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

    With ``capture``, a step on a GPU that holds all images, in one process, is one CUDA graph: ``is_captured`` says
    whether. ``augment`` and the model then have to do the same in every step, without ``.item()``.

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
        capture: bool = False,
        wrap: Callable[[nn.Module], nn.Module] = lambda model: model,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        count = len(data.train_images)
        smallest = min(batch_size, count % batch_size or batch_size)
        if smallest < world:
            raise ValueError(f"a batch of {smallest} images can't be shared by {world} processes: change batch_size.")
        self.device = choose_device(device)
        self.model, self.data, self.epochs = model, _near(data, self.device), epochs
        nn.utils.convert_conv2d_weight_memory_format(model.to(self.device), torch.channels_last)
        self.images, self.labels = self.data.train_images, self.data.train_labels
        self.batch_size, self.augment = batch_size, augment
        self.steps = epochs * math.ceil(count / batch_size)
        self.lr, self.schedule = lr, schedule
        self.order = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(self.images.device)
        self.autocast = nullcontext
        if autocast:  # a weight is used once a step, so there is nothing to cache
            self.autocast = partial(torch.autocast, self.device.type, torch.bfloat16, cache_enabled=False)
        self.forward = wrap(model)
        self.rank, self.world = rank, world
        self.history = History()
        self.totals = torch.zeros(2, device=self.device)  # the sum of the losses, the number of wrong answers
        self.on_stream: Callable[[], AbstractContextManager[Any]] = nullcontext
        self.step: Callable[[Tensor], None] = self._train_step
        self.rate: Tensor | None = None  # None: the optimizer has a number
        if capture and self.images.is_cuda and world == 1:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            self.on_stream = partial(torch.cuda.stream, stream)
            self.step = CapturedStep(self._train_step, partial(captured, generator=self.noise, stream=stream))
            self.rate = torch.tensor(lr, device=self.device)
        rate = lr if self.rate is None else self.rate
        self.optimizer = torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=weight_decay, fused=True)

    @property
    def is_captured(self) -> bool:
        """Whether steps are CUDA graphs, as far as is known by now."""
        return isinstance(self.step, CapturedStep) and self.step.works

    def run_epoch(self, advance: Callable[[int], object] = lambda images: None) -> None:
        """Train for an epoch, test, and append to ``history``. ``advance(images)`` is called after each step.

        Raises FloatingPointError where the training loss is not finite.
        """
        for images in self.steps_of_an_epoch():
            advance(images)

    def steps_of_an_epoch(self) -> Iterator[int]:
        """The same step by step, so that several trainers can take turns: the number of images of each."""
        start = time.perf_counter()
        history, count = self.history, len(self.images)
        step = len(history.lr) * math.ceil(count / self.batch_size)
        look_every = 1 if self.device.type == "cpu" and self.world == 1 else STEPS_BETWEEN_LOOKS
        self.model.train()
        rate = self.lr
        with self.on_stream():
            self.totals.zero_()
            shuffled = torch.randperm(count, generator=self.order).to(self.images.device)
            self.noise = self._generator_of_this_process()
        for batch in shuffled.split(self.batch_size):
            rate = self.lr * self.schedule(step, self.steps)
            with self.on_stream():
                self._set_rate(rate)
                self.step(batch)
                step += 1
                if step % look_every == 0:
                    self._finite_totals()
            yield len(batch)
        with self.on_stream():
            loss_sum, wrong = self._finite_totals()
            history.train_loss.append(loss_sum / count)
            history.train_error.append(100 * wrong / count)
            history.test_error.append(self._test_error())
        history.seconds.append((history.seconds or [0.0])[-1] + time.perf_counter() - start)
        history.lr.append(rate)

    def _train_step(self, batch: Tensor) -> None:
        """One step on this process's share of the batch (N,), int64, which is where the images are.

        Losses and wrong answers are added to ``totals``. Nothing leaves the device.
        """
        share = batch[self.rank :: self.world]
        images = self.images[share] if self.augment is None else self.augment(self.images[share], self.noise)
        labels = self.labels[share].to(self.device)
        x = self.data.normalise(images.to(self.device)).contiguous(memory_format=torch.channels_last)
        with self.autocast():
            logits = self.forward(x)
        loss = F.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        (loss * (len(share) * self.world / len(batch))).backward()  # DDP averages over processes, we over images
        self.optimizer.step()
        self.totals += torch.stack([loss.detach() * len(share), (logits.argmax(1) != labels).sum()])

    def _set_rate(self, rate: float) -> None:
        if self.rate is not None:
            self.rate.fill_(rate)
            return
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _test_error(self) -> float:
        on_gpu = self.device.type == "cuda"
        with self.autocast() if on_gpu else nullcontext():  # on a processor, tests stay in float32
            return evaluate(self.model, self.data, "test")[1]

    def _finite_totals(self) -> tuple[float, float]:
        """The epoch's totals so far, of all processes. Raises FloatingPointError if the loss is not finite."""
        totals = self.totals
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
        """The source of this epoch's augmentation, where the images are. No other process draws the same."""
        if self.world == 1 and self.noise.device == self.order.device:
            return self.order
        origin = (self.order.initial_seed(), len(self.history.lr), self.rank)
        return self.noise.manual_seed(int(np.random.SeedSequence(origin).generate_state(1)[0]))

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
        if self.rate is not None:
            self.optimizer.param_groups[0]["lr"] = self.rate  # and not the loaded copy
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


def _near(data: ImageData, device: torch.device) -> ImageData:
    """The same images, as far as they fit on the device."""
    tensors = {name: value for name, value in vars(data).items() if isinstance(value, Tensor)}
    return replace(data, **{name: near(tensor, device) for name, tensor in tensors.items()})


@torch.inference_mode()
def evaluate(model: nn.Module, data: ImageData, part: Literal["train", "test"] = "test") -> tuple[float, float]:
    """Mean cross-entropy (nats) and error (percent) in evaluation mode, of a model (N, C, H, W) -> (N, classes).

    The images go to where the model is. Its mode is left as it was found.
    """
    images, labels = (data.train_images, data.train_labels) if part == "train" else (data.test_images, data.test_labels)
    place = next(model.parameters()).device
    was_training = model.training
    model.eval()
    parts: list[Tensor] = []  # of the images, each with its sum of losses and number of wrong answers
    at_once = min(1000, max(1, 1000 * 3 * 32 * 32 // images[0].numel()))  # large images need large activations
    for index in torch.arange(len(images), device=images.device).split(at_once):
        logits, target = model(data.normalise(images[index].to(place))), labels[index].to(place)
        loss = F.cross_entropy(logits, target, reduction="sum")
        parts.append(torch.stack([loss, (logits.argmax(1) != target).sum()]))
    model.train(was_training)
    losses, wrong = zip(*torch.stack(parts).tolist(), strict=True)  # a GPU is waited for once
    return sum(losses) / len(images), 100 * sum(wrong) / len(images)
