"""How far what was found is from what was expected, in words."""

import torch
from torch import Tensor

TOLERANCE = 1e-3  # relative to the largest expected value; float32 rounding stays below a tenth of it


def difference(seen: Tensor | list[float], expected: Tensor | list[float]) -> str:
    """In words, how far ``seen`` is from ``expected``; "" where it is close.

    Tensors of any shape, or lists of numbers. Another shape is a difference as well.
    """
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (seen, expected))
    if a.shape != b.shape:
        return f"expected {tuple(b.shape)} values, got {tuple(a.shape)}"
    if not a.numel():
        return ""
    scale = max(b.abs().max().item(), 1e-3)
    off = (a - b).abs()
    if (off <= TOLERANCE * scale).all():
        return ""
    if not torch.isfinite(a).all():
        return "got values that are not finite"
    place = int(off.argmax())
    share = (off > TOLERANCE * scale).double().mean().item()
    return (
        f"under equal weights {share:.0%} of the values differ, and where they differ most "
        f"{b.flatten()[place].item():.4f} was expected, but got {a.flatten()[place].item():.4f}"
    )
