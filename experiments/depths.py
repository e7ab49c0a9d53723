"""At which depth does training begin to fail? Plain and residual nets of 8 to 56 layers, epoch by epoch.

    python experiments/depths.py

writes experiments/runs/depths.json in about six minutes on two cores.
"""

from typing import Any

import torch

from labutils import recorded
from labutils.data import digits
from labutils.models import Shortcut, cifar_resnet
from labutils.processes import run_parallel
from labutils.training import fit

DEPTHS = range(8, 57, 6)
SHORTCUTS: dict[str, Shortcut | None] = {"plain": None, "residual": "A"}
SEEDS = (0, 1)
EPOCHS = 15


def train(kind: str, depth: int, seed: int) -> dict[str, Any]:
    """One net on the digits, with its training loss and error in every epoch."""
    torch.manual_seed(seed)
    model = cifar_resnet(depth, SHORTCUTS[kind], in_channels=1)
    history = fit(model, digits(), epochs=EPOCHS, seed=seed, device="cpu", progress=False)
    run = {"kind": kind, "depth": depth, "seed": seed}
    return run | {"train_loss": history.train_loss, "train_error": history.train_error}


if __name__ == "__main__":
    jobs = [(kind, depth, seed) for depth in reversed(DEPTHS) for kind in SHORTCUTS for seed in SEEDS]
    settings = {"data": "digits", "lr": 0.02, "epochs": EPOCHS, "batch_size": 64, "threads": 1}
    print(recorded.save("depths", "experiments/depths.py", settings, run_parallel(train, jobs)))
