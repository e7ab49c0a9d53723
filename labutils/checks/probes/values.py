"""What a learner's function returned, read as a number."""

from torch import Tensor

from .registry import Unusable, kind


def number(value: object) -> int | float:
    """A single number, whatever holds it, whole ones as int. Raises Unusable for anything else."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    elif type(value).__module__ == "numpy":
        value = getattr(value, "item", lambda: None)()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"it gave {kind(value)} where a number was expected")
    if abs(value) >= 2**63:
        raise Unusable("it gave a number that is far too large")
    return int(value) if float(value).is_integer() else float(value)
