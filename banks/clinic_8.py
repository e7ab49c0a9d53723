"""Programs for ``clinic-8``. Most are those of :mod:`banks.accuracies`."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from banks import AS_FOUND, accuracies, marked, wrong

SHARED = marked(accuracies)


@wrong("accuracy", AS_FOUND)
def as_found() -> Callable[..., Any]:
    def accuracy(model: nn.Module, batches: Sequence[Any]) -> float:
        model.eval()
        total = 0.0
        with torch.no_grad():
            for images, labels in batches:
                right = model(images).argmax(dim=1) == labels
                total += right.float().mean().item()
        return total / len(batches)

    return accuracy
