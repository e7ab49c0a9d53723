"""How fast does the trainer go, against the usual way to train on CIFAR-10? Both in turns, in one run, on one machine.

    python -m experiments.bench_training [--depth 20] [--device auto] [--compile]

On a GPU the trainer goes twice, its steps as they are and each as one CUDA graph.

The usual way is written here as the popular repositories write it: each image a PIL image, torchvision's transforms in
the worker processes of a DataLoader, float32, the default memory format, and the loss read after each step. Its workers
are already running, and go on preparing a few batches while it is the other side's turn, which is to its advantage.
Both train the same network from the same start on the same random images; testing is not counted.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from experiments.bench import PAIRS, compare, summary
from labutils import models, recorded
from labutils.augment import crop_and_flip
from labutils.data import ImageData
from labutils.devices import choose_device, faster_in_bfloat16
from labutils.measure import median_seconds
from labutils.training import Trainer
from labutils.vision import load_torchvision

BATCH = 128
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BATCHES_A_TURN = {"cpu": 5, "cuda": 300, "mps": 50}
PAPER_STEPS = 64_000
RECIPE: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


def random_images(count: int) -> ImageData:
    """Images of CIFAR-10's shape with random content, on which no speed here depends. A single one to test on."""
    images, labels = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8), torch.randint(10, (count,))
    mean, std = torch.tensor(MEAN).reshape(3, 1, 1), torch.tensor(STD).reshape(3, 1, 1)
    return ImageData(images, labels, images[:1], labels[:1], mean, std, tuple("0123456789"))


class PilDataset(Dataset[tuple[Tensor, int]]):
    """What torchvision.datasets.CIFAR10 does with an image: array to PIL image to transforms to tensor."""

    def __init__(self, data: ImageData) -> None:
        transforms = load_torchvision().transforms
        self.images, self.labels = data.train_images.permute(0, 2, 3, 1).numpy(), data.train_labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class UsualWay:
    """One step after another on the batches of a DataLoader."""

    def __init__(self, model: nn.Module, data: ImageData, device: torch.device) -> None:
        self.model, self.device = model.to(device).train(), device
        self.optimizer = torch.optim.SGD(model.parameters(), **RECIPE)
        workers = min(4, os.cpu_count() or 1)
        self.loader = DataLoader(
            PilDataset(data), BATCH, shuffle=True, drop_last=True, num_workers=workers, pin_memory=device.type == "cuda"
        )
        self.batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def train(self, steps: int) -> None:
        for _ in range(steps):
            images, labels = next(self.batches)
            images, labels = images.to(self.device), labels.to(self.device)
            loss = F.cross_entropy(self.model(images), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()


def milliseconds(parts: dict[str, Callable[[], Any]], device: torch.device) -> dict[str, float]:
    """The median time of each part, the GPU's work included."""

    def finished(work: Callable[[], Any]) -> Callable[[], None]:
        def both() -> None:
            work()
            if device.type == "cuda":
                torch.cuda.synchronize()

        return both

    return {name: 1000 * median_seconds(finished(work), repeats=9) for name, work in parts.items()}


def where_the_time_goes(data: ImageData, trainer: Trainer, usual: UsualWay) -> None:
    """Print what one batch costs on each side, part by part."""
    device, index, generator = trainer.device, torch.arange(BATCH), torch.Generator()
    images, labels = trainer.images[index], trainer.labels[index].to(device)
    x = data.normalise(images.to(device)).contiguous(memory_format=torch.channels_last)
    plain = data.normalise(images.to(device)).contiguous()
    dataset = PilDataset(data)

    def forward() -> Tensor:
        with trainer.autocast():
            return F.cross_entropy(trainer.forward(x).float(), labels)

    ours = {
        "crop and flip, as tensors": lambda: crop_and_flip(trainer.images[index], generator),
        "normalise": lambda: data.normalise(images.to(device)).contiguous(memory_format=torch.channels_last),
        "forward": forward,
        "forward and backward": lambda: forward().backward(),
        "optimiser's step": trainer.optimizer.step,
    }
    theirs = {
        "PIL and transforms, spread over the workers": lambda: [dataset[i] for i in range(BATCH)],
        "forward": lambda: usual.model(plain),
        "forward and backward": lambda: F.cross_entropy(usual.model(plain), labels).backward(),
        "optimiser's step": usual.optimizer.step,
    }
    for title, parts in (("the trainer", ours), ("the usual way", theirs)):
        print(f"\nOne batch of {BATCH}, {title}:")
        for name, taken in milliseconds(parts, device).items():
            print(f"{taken:9.1f} ms  {name}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Images a second, against the usual way.")
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true", help="torch.compile for the trainer, within the step")
    options = parser.parse_args()
    device = choose_device(options.device)
    steps = BATCHES_A_TURN[device.type]
    bfloat16 = faster_in_bfloat16(device)
    data = random_images(steps * BATCH)

    def network() -> nn.Module:
        torch.manual_seed(0)
        return models.cifar_resnet(options.depth)

    def wrap(model: nn.Module) -> nn.Module:
        if options.compile:
            model.compile(dynamic=False)
        return model

    def trainer(capture: bool) -> Trainer:
        return Trainer(
            network(),
            data,
            epochs=10 * PAIRS,
            batch_size=BATCH,
            **RECIPE,
            schedule=lambda step, steps: 1.0,
            augment=crop_and_flip,
            seed=0,
            device=device.type,
            autocast=bfloat16,
            capture=capture,
            wrap=wrap,
        )

    print(f"torch {torch.__version__}, {recorded.processor()}, {torch.get_num_threads()} threads, ", end="")
    print(f"{'bfloat16' if bfloat16 else 'float32'} for the trainer, {PAIRS} pairs of {steps} batches of {BATCH}")
    if device.type == "cpu" and not torch.cpu.get_capabilities().get("amx_bf16"):
        print("This processor has no AMX, the matrix units by which bfloat16 is fast, so less is gained here.")
    usual = UsualWay(network(), random_images(max(steps, 40) * BATCH), device)
    sides = {"the trainer": trainer(capture=False)}
    if device.type == "cuda":
        sides["the trainer, captured"] = trainer(capture=True)
    for name, side in sides.items():
        ours, theirs = compare(f"ResNet-{options.depth}, {name}", side.run_epoch, lambda: usual.train(steps))
        for who, times in ((name, ours), ("the usual way", theirs)):
            step = 1000 * sorted(times)[len(times) // 2] / steps
            print(f"{who}: {step:.2f} ms a step, {summary([steps * BATCH / taken for taken in times], '.0f')} images/s")
        minutes = sorted(ours)[len(ours) // 2] / steps * PAPER_STEPS / 60
        print(f"The paper's {PAPER_STEPS:,} steps would take {minutes:.1f} minutes with {name}.")
    where_the_time_goes(data, sides["the trainer"], usual)


if __name__ == "__main__":
    main()
