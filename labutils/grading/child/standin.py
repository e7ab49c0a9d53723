"""What a submission finds instead of ``labutils``, and what it can't import: modules that hold the answers."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

WITHHELD = ("labutils", "torchvision", "timm", "transformers", "pytorchcv")


class Withheld(ImportError):
    """An import of what is not there while a submission is graded."""


class Gate:
    """Refuses imports of what holds the answers, and remembers the last one it refused."""

    def __init__(self) -> None:
        self.refused = ""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Part of the protocol of ``sys.meta_path``: raise Withheld, or leave the import to others."""
        if any(name == withheld or name.startswith(f"{withheld}.") for withheld in WITHHELD):
            self.refused = name
            raise Withheld(f"{name} is not available where submissions are graded", name=name)


def nothing(*_arguments: Any, **_options: Any) -> None:
    """Do nothing. Stands for ``check``, ``hint`` and ``progress``."""


def install() -> Gate:
    """Put the stand-in where ``import labutils`` finds it, forget the real one, and close the gate."""
    for name in [name for name in sys.modules if name.split(".")[0] == "labutils"]:
        del sys.modules[name]
    module = ModuleType("labutils", "A stand-in: exercises are not checked here.")
    module.__path__ = []
    module.__spec__ = ModuleSpec("labutils", None, is_package=True)
    for name in ("check", "hint", "progress"):
        setattr(module, name, nothing)
    sys.modules["labutils"] = module
    gate = Gate()
    sys.meta_path.insert(0, gate)  # pyright: ignore[reportArgumentType]
    return gate
