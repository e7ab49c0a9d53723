"""How far what was found is from what was expected, in words."""

import torch
from torch import Tensor

TOLERANCE = 1e-3  # relative to the largest expected value; float32 rounding stays below a tenth of it
PRECISE = 1e-4  # the same for statistics, which are averages in float32
EXACT = 1e-7  # the same where float64 was computed


def difference(seen: Tensor | list[float], expected: Tensor | list[float], tolerance: float = TOLERANCE) -> str:
    """In words, how far ``seen`` is from ``expected``; "" where it is close.

    Tensors of any shape, or lists of numbers. Another shape is a difference as well, and so is another type of tensor.
    """
    if isinstance(seen, Tensor) and isinstance(expected, Tensor) and seen.dtype != expected.dtype:
        return f"expected values of {_type(expected)}, got {_type(seen)}"
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (seen, expected))
    if a.shape != b.shape:
        return f"expected {tuple(b.shape)} values, got {tuple(a.shape)}"
    if not a.numel():
        return ""
    scale = max(b.abs().max().item(), 1e-3)
    far = ~((a - b).abs() <= tolerance * scale)
    if not far.any():
        return ""
    if not torch.isfinite(a).all():
        return "got values that are not finite"
    place = int((a - b).abs().argmax())
    wanted, got = _apart(b.flatten()[place].item(), a.flatten()[place].item())
    return (
        f"under equal weights {int(far.sum())} of {far.numel()} values differ, and where they differ most {wanted} was "
        f"expected, but got {got}"
    )


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two different numbers with as many digits as tell them apart, four at least."""
    for digits in range(4, 17):
        texts = f"{one:.{digits}f}", f"{other:.{digits}f}"
        if texts[0] != texts[1]:
            return texts
    return repr(one), repr(other)
