"""Results of runs too long for a build: written by the scripts in ``experiments/``, read by the chapters."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

_IN_REPOSITORY = Path(__file__).parent.parent / "experiments" / "runs"
_IN_INSTALLED_PACKAGE = Path(__file__).parent / "runs"


def load(name: str) -> dict[str, Any]:
    """The record called ``name``. Raises FileNotFoundError, with the names there are, if there is none."""
    folder = _IN_INSTALLED_PACKAGE if _IN_INSTALLED_PACKAGE.exists() else _IN_REPOSITORY
    file = folder / f"{name}.json"
    if not file.exists():
        names = ", ".join(sorted(path.stem for path in folder.glob("*.json")))
        raise FileNotFoundError(f"there is no recorded run {name!r}; there are: {names or 'none'}.")
    return json.loads(file.read_text())


def save(name: str, script: str, settings: dict[str, Any], results: Any) -> Path:
    """Write ``experiments/runs/<name>.json`` with the date, versions and hardware beside the results."""
    record = {
        "name": name,
        "script": script,
        "settings": settings,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "scikit-learn")},
        },
        "hardware": _processor(),
        "results": results,
    }
    file = _IN_REPOSITORY / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")
    return file


def _processor() -> str:
    """The graphics card's name where there is one, else the processor's with its number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} cores"
