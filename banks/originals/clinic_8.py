"""Original for ``clinic-8``."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def accuracy(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    model.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in batches:
            right += (model(images).argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return right / count
