"""A torchvision that imports, also beside a CPU-only torch."""

import importlib
import sys
from types import ModuleType

import torch

_MISSING_OPERATORS = "operator torchvision::"
_library: torch.library.Library | None = None


def load_torchvision() -> ModuleType:
    """Import torchvision, with its models, datasets and transforms, and return it.

    PyPI's torchvision wheel beside a CPU-only torch fails with "operator torchvision::nms does not exist"
    (pytorch/vision issue 9085), since its compiled operators can't be loaded. Then, and only then, the two operators
    that its import asks for are declared and the import is repeated. Box operators such as ``nms`` stay unusable,
    which neither models nor datasets nor transforms of this course need. Raises what torchvision's import raises for
    any other reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING_OPERATORS not in str(error):
            raise
    _declare_operators()
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    return importlib.import_module("torchvision")


def _declare_operators() -> None:
    global _library  # the declarations live only as long as the Library object
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
