"""What an import loads, and the cure for a torchvision that does not import. Each in a process of its own."""

import subprocess
import sys
from pathlib import Path

HEAVY = ("torchvision", "sklearn", "matplotlib", "nbformat")


def run(code: str, *paths: Path) -> str:
    """Run the code in a new Python that looks for modules in ``paths`` first, and return what it printed."""
    lines = [f"import sys; sys.path[:0] = {[str(path) for path in paths]}", code]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_labutils_loads_nothing_heavy() -> None:
    code = f"import labutils, sys; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code) == "[]"


def test_models_data_and_training_load_nothing_heavy_until_used() -> None:
    modules = (
        "augment, claims, data, devices, files, interactive, measure, models, processes, recorded, training, vision"
    )
    code = f"from labutils import {modules}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code) == "[]"


def fake_torchvision(folder: Path, content: str) -> Path:
    package = folder / "torchvision"
    package.mkdir()
    (package / "half.py").write_text("value = 1\n", encoding="utf-8")
    (package / "__init__.py").write_text(
        f"from . import half\nimport torch\n{content}\nready = True\n", encoding="utf-8"
    )
    return folder


LOAD = "from labutils.vision import load_torchvision; import torch; print(load_torchvision().ready, end=' ')"
DECLARED = "print(hasattr(torch.ops.torchvision, 'nms'))"


def test_a_torchvision_whose_operators_are_missing_is_cured(tmp_path: Path) -> None:
    content = "torch.library.register_fake('torchvision::nms')(lambda dets, scores, iou_threshold: dets)"
    assert run(f"{LOAD}; {DECLARED}", fake_torchvision(tmp_path, content)) == "True True"


def test_a_torchvision_that_imports_is_left_alone(tmp_path: Path) -> None:
    assert run(f"{LOAD}; {DECLARED}", fake_torchvision(tmp_path, "")) == "True False"


def test_any_other_failure_is_passed_on(tmp_path: Path) -> None:
    folder = fake_torchvision(tmp_path, "raise RuntimeError('something else')")
    code = "try:\n    load_torchvision()\nexcept RuntimeError as error:\n    print(error)"
    assert run(f"from labutils.vision import load_torchvision\n{code}", folder) == "something else"


def test_the_real_torchvision_gives_models_datasets_and_transforms() -> None:
    code = "from labutils.vision import load_torchvision; tv = load_torchvision(); import torchvision\n"
    code += "print(tv is torchvision, tv.models.resnet18, tv.datasets.CIFAR10, tv.transforms.Compose)"
    assert run(code).startswith("True")
