"""Training: one loop for every net of the course."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import Tensor, nn
from tqdm import tqdm

from labutils.data import ImageData

Result = TypeVar("Result")
Augmentation = Callable[[Tensor, torch.Generator], Tensor]


@dataclass
class History:
    """What :func:`fit` saw, one entry an epoch.

    ``train_loss`` (cross-entropy, nats) and ``train_error`` (percent) are means over the epoch's batches, each taken
    in training mode before its step. ``test_error`` (percent) and ``seconds`` (since the start, the time for testing
    included) are taken at the end of the epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)
    test_error: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def choose_device(name: str = "auto") -> torch.device:
    """The device called "cpu", "cuda" or "mps"; with "auto", the fastest there is.

    Raises ValueError, with the names that work here, for a device that is unknown or missing.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in there.items() if available)
    if not there.get(name):
        allowed = ", ".join(device for device, available in there.items() if available)
        raise ValueError(f"device {name!r} is not available here: choose auto or one of {allowed}.")
    return torch.device(name)


def learning_rate(step: int, steps: int, warmup: int) -> float:
    """The rate at ``step`` (0, 1, ...) as a share of its peak: a line up over ``warmup`` steps, then a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) -> the same shape: each image padded with zeros and cut out again at an offset of its own."""
    count, _, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    top, left = torch.randint(2 * padding + 1, (2, count, 1), generator=generator)
    rows = (top + torch.arange(height))[:, :, None]
    columns = (left + torch.arange(width))[:, None, :]
    image = torch.arange(count)[:, None, None]
    return padded[image, :, rows, columns].permute(0, 3, 1, 2)


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) -> the same shape: each image mirrored left to right with probability 1/2."""
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirrored.to(images.device), images.flip(3), images)


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """He et al.'s augmentation for CIFAR-10: four pixels of padding, a random crop and a random flip."""
    return random_flip(random_crop(images, 4, generator), generator)


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
    """Train ``model`` in place by SGD on the cross-entropy.

    The learning rate rises to ``lr`` over ``warmup`` epochs and falls to 0 along a cosine. ``augment`` changes each
    batch of training images before it is normalised. ``seed`` fixes the order of the images and the augmentation; the
    model's weights are the caller's to seed. Afterwards the model is on the device it was trained on, in training
    mode. Raises ValueError for an unknown device or a warm-up that is not shorter than the run, and
    FloatingPointError as soon as the loss is not finite.
    """
    if not 0 <= warmup < max(epochs, 1):
        raise ValueError(f"warmup must be shorter than the run: {warmup} of {epochs} epochs leave none to train at lr.")
    place = choose_device(device)
    nn.utils.convert_conv2d_weight_memory_format(model.to(place), torch.channels_last)
    images, labels = data.train_images.to(place), data.train_labels.to(place)
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum, weight_decay=weight_decay, fused=True)
    batches = math.ceil(len(images) / batch_size)
    if progress:
        count = sum(p.numel() for p in model.parameters())
        print(f"Training {count:,} parameters on {len(images):,} images for {epochs} epochs on {place}, seed {seed}.")
    history = History()
    start = time.perf_counter()
    bar = tqdm if progress else partial(tqdm, disable=True)
    for epoch in (steps := bar(range(1, epochs + 1), desc="epochs")):
        model.train()
        loss_sum = torch.zeros((), device=place)
        wrong = torch.zeros((), device=place)
        shuffled = torch.randperm(len(images), generator=order).to(place).split(batch_size)
        for step, index in enumerate(shuffled, start=(epoch - 1) * batches):
            batch = images[index] if augment is None else augment(images[index], order)
            logits = model(data.normalise(batch).contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = lr * learning_rate(step, epochs * batches, warmup * batches)
            optimizer.step()
            loss_sum += loss.detach() * len(index)
            wrong += (logits.argmax(1) != labels[index]).sum()
        history.train_loss.append(loss_sum.item() / len(images))
        history.train_error.append(100 * wrong.item() / len(images))
        if not math.isfinite(history.train_loss[-1]):
            raise FloatingPointError(
                f"the training loss is no longer finite in epoch {epoch}: try a lower lr than {lr}."
            )
        _, test_error = evaluate(model, data, "test")
        history.test_error.append(test_error)
        history.seconds.append(time.perf_counter() - start)
        steps.set_postfix(loss=f"{history.train_loss[-1]:.4f}", test_error=f"{test_error:.1f}%")
    return history


@torch.no_grad()
def evaluate(model: nn.Module, data: ImageData, part: Literal["train", "test"] = "test") -> tuple[float, float]:
    """Mean cross-entropy (nats) and error (percent) in evaluation mode. The model's mode is left as it was found."""
    images, labels = (data.train_images, data.train_labels) if part == "train" else (data.test_images, data.test_labels)
    place = next(model.parameters()).device
    was_training = model.training
    model.eval()
    loss_sum, wrong = 0.0, 0
    for index in torch.arange(len(images)).split(1000):
        logits, target = model(data.normalise(images[index].to(place))), labels[index].to(place)
        loss_sum += F.cross_entropy(logits, target, reduction="sum").item()
        wrong += int((logits.argmax(1) != target).sum())
    model.train(was_training)
    return loss_sum / len(images), 100 * wrong / len(images)


def run_parallel(function: Callable[..., Result], jobs: Sequence[tuple[Any, ...]], processes: int = 2) -> list[Result]:
    """``[function(*job) for job in jobs]``, in single-threaded processes side by side, with a progress bar.

    Small nets leave a second thread idle, so independent runs go faster this way. ``function`` may be defined in a
    notebook. Where the environment variable LABUTILS_THREADS asks for more threads a process, there are fewer
    processes.
    """
    threads = int(os.environ.get("LABUTILS_THREADS", "1"))
    tasks: Any = Parallel(n_jobs=max(1, processes // threads), return_as="generator")(
        delayed(_with_threads)(threads, function, job) for job in jobs
    )
    return list(tqdm(tasks, total=len(jobs), desc="runs"))


def _with_threads(threads: int, function: Callable[..., Result], job: tuple[Any, ...]) -> Result:
    torch.set_num_threads(threads)
    return function(*job)
