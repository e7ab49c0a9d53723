"""Helper package of the ResNet course. Import its modules one by one, e.g. ``from labutils import data, models``.

What the sheets use of ``labutils.checks`` is here too: ``from labutils import check, hint, progress``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labutils.checks import check, hint, progress

__all__ = ["check", "hint", "progress"]


def __getattr__(name: str) -> Any:
    """Load the checks when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module 'labutils' has no attribute {name!r}")
    from labutils import checks

    return getattr(checks, name)
