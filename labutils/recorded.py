"""Results of runs too long for a build: written by the scripts in ``experiments/``, read by the chapters."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from labutils.files import write_whole

_IN_REPOSITORY = Path(__file__).parent.parent / "experiments" / "runs"
_IN_INSTALLED_PACKAGE = Path(__file__).parent / "runs"


def names(folder: Path | None = None) -> list[str]:
    """The names of all records in ``folder``, by default the course's, in alphabetical order."""
    return sorted(path.stem for path in (folder or _folder()).glob("*.json"))


def load(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The record called ``name`` in ``folder``, by default the course's.

    Raises FileNotFoundError, with the names there are, if there is none.
    """
    file = (folder or _folder()) / f"{name}.json"
    if not file.exists():
        there = ", ".join(names(folder)) or "none"
        raise FileNotFoundError(f"there is no recorded run {name!r}; there are: {there}.")
    return json.loads(file.read_text(encoding="utf-8"))


def trainings() -> list[dict[str, Any]]:
    """The records of ``experiments/train.py`` on CIFAR-10, by depth, plain before residual, and by seed."""
    runs = [run for run in map(load, names()) if run["script"] == "experiments/train.py" and "depth" in run["settings"]]
    return sorted(runs, key=lambda run: (run["settings"]["depth"], kind(run), run["settings"]["seed"]))


def kind(run: dict[str, Any]) -> str:
    """ "plain", "residual" with shortcut A, or "residual, B": the network that a record of trainings() is about."""
    return {None: "plain", "A": "residual"}.get(run["settings"]["shortcut"], f"residual, {run['settings']['shortcut']}")


def protocol(run: dict[str, Any]) -> dict[str, Any]:
    """The settings of a record of trainings(), but for its network and its seed: equal where errors can be compared.

    The warm-up is left out with the network, since its depth decides on it.
    """
    of_the_network = ("model", "depth", "shortcut", "seed", "warmup_steps")
    return {name: value for name, value in run["settings"].items() if name not in of_the_network}


def command(run: dict[str, Any]) -> str:
    """What makes a run like that of a record of trainings(), said at the root of a clone."""
    settings = run["settings"]
    words = ["python experiments/train.py", f"--model {settings['model']}"]
    words += [f"--shortcut {settings['shortcut'] or 'none'}", f"--seed {settings['seed']}"]
    words += [f"--epochs {settings['epochs']}", f"--precision {settings['precision'].split()[0]}"]
    return " ".join(words + ["--compile"] * settings["compiled"])


def save(
    name: str,
    script: str,
    settings: dict[str, Any],
    results: Any,
    *,
    folder: Path = _IN_REPOSITORY,
    made: dict[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Write ``<folder>/<name>.json``, whole or not at all, with where the results come from beside them.

    ``made`` is what :func:`origin` said at the start of a run that took long. ``more`` is added to the record.
    Returns the file. Raises OSError where it can't be written, and TypeError for what JSON can't hold.
    """
    head = {"name": name, "script": script, "settings": settings}
    record = head | (made or origin()) | more | {"results": results}
    file = folder / f"{name}.json"
    write_whole(file, json.dumps(record, indent=1) + "\n")
    return file


def origin(packages: Sequence[str] = ("torch", "scikit-learn")) -> dict[str, Any]:
    """Today's date (UTC), the versions of Python and ``packages``, the hardware, and the commit of the code.

    Raises PackageNotFoundError for a package that is not installed.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        "hardware": processor(),
        "git_commit": git_commit(),
    }


def git_commit() -> str:
    """The commit of ``labutils/`` and ``experiments/``, 40 digits, with a remark where their code differs from it.

    "unknown" where there is no git or no repository.
    """

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(_IN_REPOSITORY.parent.parent), *arguments)
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--", "labutils", "experiments/*.py")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with uncommitted changes" if changed else commit


def processor(gpu: bool = True) -> str:
    """The name of the graphics card, where there is one and ``gpu``, else the processor's with its number of cores."""
    if gpu and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"


def _folder() -> Path:
    return _IN_INSTALLED_PACKAGE if _IN_INSTALLED_PACKAGE.exists() else _IN_REPOSITORY
