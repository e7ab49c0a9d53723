"""What the grading tests share."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from banks.hostile import RIGHT
from labutils.grading.records import Mark, Record, Status, overall
from tests.conftest import ROOT

SHEET = "01-residual-block"
LONGEST_S = 120
UNDECIDED = """
import torch
class Scrambled(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.shape = (channels, channels, 3, 3)
        weight = torch.randn(self.shape).flatten()
        self.elements = nn.Parameter(torch.cat([weight[::2], weight[1::2]]))

    def forward(self, x):
        count = len(self.elements)
        place = torch.arange(count)
        weight = self.elements[place // 2 + place % 2 * ((count + 1) // 2)]
        return F.conv2d(x, weight.view(self.shape), padding=1)
""" + RIGHT.replace("nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)", "Scrambled(out_channels)")
PYTHON = (Path(sys.base_prefix), ROOT)


def readable_python(folder: Path) -> list[str]:
    """The start of a command in which every user can read Python and the course. Empty where that is so anyway."""
    closed = {place: [parent for parent in place.parents if not parent.stat().st_mode & 1] for place in PYTHON}
    tops = {place: parents[-1] for place, parents in closed.items() if parents}
    if os.getuid() or not tops:
        return []
    kept = {place: folder / f"kept-{number}" for number, place in enumerate(tops)}
    for place in kept.values():
        place.mkdir()
    script = [
        *(f'mount --bind "{place}" "{kept[place]}"' for place in tops),
        *(f'mount -t tmpfs -o mode=755 tmpfs "{top}"' for top in sorted(set(tops.values()))),
        *(f'mkdir -p "{place}" && mount --bind "{kept[place]}" "{place}"' for place in tops),
        f'cd "{ROOT}" && exec "$@"',
    ]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", " && ".join(script), "sh"]


def labutils(
    *arguments: str | Path, before: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [*before, sys.executable, "-m", "labutils", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def page(source: str) -> str:
    """A MyST page with one code cell."""
    return f"```{{code-cell}}\nimport torch.nn.functional as F\nfrom torch import nn\n{source}```\n"


@pytest.fixture(scope="session")
def solved() -> bytes:
    """The solved first sheet."""
    return (ROOT / f"exercises/{SHEET}.md").read_bytes()


def mark_of(status: Status, score: int = 0, **more: Any) -> Mark:
    """A mark of the first exercise, of 10 points."""
    return Mark(**{"exercise": "residual-block", "status": status, "score": score, "max_score": 10} | more)


def record_of(submission: str, *marks: Mark, **more: Any) -> Record:
    """A record of the first sheet with these marks."""
    values = {
        "submission": submission,
        "file": f"{submission}.ipynb",
        "sheet": SHEET,
        "status": overall([mark.status for mark in marks]),
        "score": sum(mark.score for mark in marks),
        "max_score": sum(mark.max_score for mark in marks),
        "marks": list(marks),
        "source_sha256": "0" * 64,
        "seconds": 1.5,
        "settings": {"time": 20},
        "versions": {"python": "3.11"},
    }
    return Record(**values | more)


def record(out: Path, submission: str) -> dict:
    """A result file."""
    return json.loads((out / f"{submission}.json").read_text(encoding="utf-8"))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what other processes bring about, and fail if it does not come."""
    end = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)
