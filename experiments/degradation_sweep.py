"""Is the degradation of chapter 1 one bad setting? Plain-20 and plain-56 over learning rates, and three times as long.

    python experiments/degradation_sweep.py

writes experiments/runs/degradation-sweep.json in about five minutes on two cores.
"""

from typing import Any

import torch

from labutils import recorded
from labutils.data import digits
from labutils.models import cifar_resnet
from labutils.processes import run_parallel
from labutils.training import fit

DEPTHS = (56, 20)
LEARNING_RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
SEEDS = (0, 1)
EPOCHS = 15
LONG = {"lr": 0.02, "epochs": 3 * EPOCHS}


def train(depth: int, lr: float, epochs: int, seed: int) -> dict[str, Any]:
    """One plain net on the digits, with its training loss and error after every epoch."""
    torch.manual_seed(seed)
    model = cifar_resnet(depth, shortcut=None, in_channels=1)
    history = fit(model, digits(), lr=lr, epochs=epochs, seed=seed, device="cpu", progress=False)
    run = {"depth": depth, "lr": lr, "epochs": epochs, "seed": seed}
    return run | {"train_loss": history.train_loss, "train_error": history.train_error}


if __name__ == "__main__":
    jobs = [(depth, LONG["lr"], LONG["epochs"], seed) for depth in DEPTHS for seed in SEEDS]
    jobs += [(depth, lr, EPOCHS, seed) for depth in DEPTHS for lr in LEARNING_RATES for seed in SEEDS]
    settings = {"data": "digits", "shortcut": None, "batch_size": 64, "schedule": "cosine to 0", "threads": 1}
    print(recorded.save("degradation-sweep", "experiments/degradation_sweep.py", settings, run_parallel(train, jobs)))
