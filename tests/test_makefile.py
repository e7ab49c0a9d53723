"""The commands of the README."""

import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, also where make itself started these tests."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")


def test_without_python_3_11_one_line_says_so(tmp_path: Path) -> None:
    for python in ("false", "no-such-python"):
        result = make("book", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
        assert result.returncode != 0
        assert result.stdout == (
            f"This needs Python 3.11 or newer as {python}: install it, "
            "or name one with make PYTHON=/path/to/python3.11\n"
        )
        assert list(tmp_path.iterdir()) == []


def test_help_lists_every_command() -> None:
    listed = {line.split()[1] for line in make("help").stdout.splitlines()}
    assert {
        "book",
        "test",
        "quick",
        "serve",
        "lint",
        "bench",
        "bench-training",
        "margins",
        "values",
        "clean",
        "help",
    } <= listed
    assert make().stdout == make("help").stdout
