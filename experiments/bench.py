"""Speed, side by side in one run: our networks against torchvision's, ``fit`` against a plain training loop, imports.

    python experiments/bench.py

Each ratio is the median (and the quartiles) of at least 15 pairs, the two sides taking turns within a pair. The time
of each exercise's checks on one core is printed as it is.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from labutils import data, models
from labutils.checks import engine, exercises
from labutils.checks.transport import Local, guarded
from labutils.measure import median_seconds, seconds
from labutils.training import fit
from labutils.vision import load_torchvision

PAIRS = 15


def compare(title: str, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Time both in turns, the order changing from pair to pair, print theirs/ours, and return the times of both."""
    for work in (ours, theirs):
        work()
    times: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
    for pair in tqdm(range(PAIRS), desc=title):
        for work in (ours, theirs) if pair % 2 else (theirs, ours):
            times[work].append(seconds(work))
    ratios = [b / a for a, b in zip(times[ours], times[theirs], strict=True)]
    print(f"{title}: {summary(ratios, '.3f')} times as fast")
    return times[ours], times[theirs]


def summary(values: list[float], form: str) -> str:
    """Median and quartiles as text."""
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:{form}} (quartiles {low:{form}} to {high:{form}})"


def training_step(model: nn.Module) -> Callable[[], None]:
    """One SGD step on four random 224x224 images."""
    images, labels = torch.randn(4, 3, 224, 224), torch.randint(1000, (4,))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def plain_epoch(images: data.ImageData) -> None:
    """One epoch of ResNet-20 on the digits as a tutorial would write it, with a DataLoader, and one test."""
    model = models.cifar_resnet(20, in_channels=1)
    optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.9, weight_decay=1e-4)
    train = TensorDataset(images.normalise(images.train_images), images.train_labels)
    test = TensorDataset(images.normalise(images.test_images), images.test_labels)
    for batch, labels in DataLoader(train, batch_size=64, shuffle=True):
        loss = F.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for batch, labels in DataLoader(test, batch_size=1000):
            (model(batch).argmax(1) == labels).sum().item()


def importing(modules: str) -> Callable[[], object]:
    """A new Python that imports the modules."""
    return lambda: subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)


def check_times() -> dict[str, float]:
    """Median seconds of each exercise's whole battery on one core, for a right answer."""
    times = {}
    for name in tqdm(exercises.IDS, desc="checks"):
        exercise = exercises.load(name)

        def battery(exercise: engine.Exercise = exercise) -> None:
            with guarded():
                engine.examine(engine.Exam(exercise, Local(exercise.reference())))

        times[name] = median_seconds(battery)
    return times


def main() -> None:
    """Print all comparisons."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {PAIRS} pairs each")
    for name in ("resnet18", "resnet50", "resnext50_32x4d"):
        ours, theirs = getattr(models, name)(), getattr(load_torchvision().models, name)()
        compare(f"{name} training step, ours against torchvision's", training_step(ours), training_step(theirs))

    digits = data.digits()

    def fit_epoch() -> None:
        fit(models.cifar_resnet(20, in_channels=1), digits, epochs=1, device="cpu", progress=False)

    times, _ = compare("ResNet-20 epoch on digits, fit against a plain loop", fit_epoch, lambda: plain_epoch(digits))
    speeds = [len(digits.train_images) / taken for taken in times]
    print(f"fit: {summary(speeds, '.0f')} images a second")
    compare("import of torch alone against torch and labutils", importing("torch, labutils"), importing("torch"))
    checks = check_times()
    slowest = max(checks, key=lambda name: checks[name])
    print(
        f"checks of one exercise: {statistics.median(checks.values()):.2f} s, slowest {slowest} {checks[slowest]:.2f} s"
    )


if __name__ == "__main__":
    main()
