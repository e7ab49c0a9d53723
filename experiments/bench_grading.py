"""Speed of grading, side by side in one run: a submission graded, and the same notebook executed with nbclient.

    python experiments/bench_grading.py

Both sides take turns on the solved first sheet. After that a class is graded with all cores.
"""

import os
import statistics
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbclient import NotebookClient
from tqdm import tqdm

from labutils.checks.exercises import of_sheet
from labutils.grading import batch, marking
from labutils.grading.release import course_modules
from labutils.grading.remote import Limits
from labutils.grading.submissions import collect
from labutils.measure import seconds

SHEET = "01-residual-block"
PAIRS = 9
CLASS = 24


def main() -> None:
    """Measure and print."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for the kernels, as submissions have it
    torch.set_num_threads(1)
    with course_modules():
        notebooks: Any = import_module("notebooks")
        content = nbformat.writes(notebooks.notebook(f"exercises/{SHEET}", solved=True)).encode()
    exercises = of_sheet(SHEET)

    def grade() -> None:
        assert marking.mark("one", "one.ipynb", content, SHEET, exercises, Limits(time=60)).status == "passed"

    def execute() -> None:
        NotebookClient(nbformat.reads(content.decode(), 4), timeout=120, kernel_name="python3").execute()

    grade()
    execute()
    pairs = [(seconds(grade), seconds(execute)) for _ in tqdm(range(PAIRS), desc="graded and executed")]
    ours, theirs = zip(*pairs, strict=True)
    low, middle, high = statistics.quantiles([b / a for a, b in pairs], n=4)
    print(f"one submission: graded in {statistics.median(ours):.2f} s, executed in {statistics.median(theirs):.2f} s")
    print(f"grading is {middle:.2f} times as fast (quartiles {low:.2f} to {high:.2f})")

    jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with tempfile.TemporaryDirectory() as folder:
        files, out = Path(folder) / "files", Path(folder) / "out"
        files.mkdir()
        out.mkdir()
        for number in range(CLASS):
            (files / f"student-{number}.ipynb").write_bytes(content)
        submissions, _ = collect([files])
        took = seconds(lambda: batch.grade(submissions, SHEET, out, Limits(time=60), jobs))
    print(f"a class of {CLASS} with {jobs} jobs: {60 * CLASS / took:.0f} submissions a minute")


if __name__ == "__main__":
    main()
