"""Original for ``three-forms``."""

from torch import Tensor


def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    width = len(w1) // cardinality
    paths = []
    for group in range(cardinality):
        own = slice(group * width, (group + 1) * width)
        paths.append((w1[own], w2[own], w3[:, own]))
    return paths
