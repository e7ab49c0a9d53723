"""Results of runs too long for a build: written by the scripts in ``experiments/``, read by the chapters."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

_IN_REPOSITORY = Path(__file__).parent.parent / "experiments" / "runs"
_IN_INSTALLED_PACKAGE = Path(__file__).parent / "runs"


def names() -> list[str]:
    """The names of all records."""
    return sorted(path.stem for path in _folder().glob("*.json"))


def load(name: str) -> dict[str, Any]:
    """The record called ``name``. Raises FileNotFoundError, with the names there are, if there is none."""
    file = _folder() / f"{name}.json"
    if not file.exists():
        raise FileNotFoundError(f"there is no recorded run {name!r}; there are: {', '.join(names()) or 'none'}.")
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
            **{package: version(package) for package in ("torch", "scikit-learn")},
        },
        "hardware": processor(),
        "results": results,
    }
    file = _IN_REPOSITORY / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")
    return file


def processor() -> str:
    """The graphics card's name where there is one, else the processor's with its number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"


def _folder() -> Path:
    return _IN_INSTALLED_PACKAGE if _IN_INSTALLED_PACKAGE.exists() else _IN_REPOSITORY
