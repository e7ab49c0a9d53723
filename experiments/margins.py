"""How far are the chapters' claims from chance? Re-run them over ten seeds, at one thread and at two.

    python experiments/margins.py [chapter ...]

runs every chapter that has a line ``SEEDS = (...)``, or those that are named (``08-resnext``), with other seeds in its
place, and records for each claim its values and the strictest bounds that the course's rule allows, in
``experiments/runs/margins-<chapter>.json``. By that rule a bound lies at least twice as far from the median as the
worst value does, measured on a logarithmic scale.
"""

import argparse
import json
import os
import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient
from tqdm import tqdm

from labutils import recorded

ROOT = Path(__file__).parent.parent
SEEDS_LINE = re.compile(r"^SEEDS = \((.+)\)$", re.MULTILINE)
SEED_COUNT = 10
THREADS = (1, 2)


def run_claims(chapter: Path, seeds: tuple[int, ...], threads: int) -> list[dict[str, Any]]:
    """Execute the chapter with these seeds and return what it claimed."""
    source = SEEDS_LINE.sub(f"SEEDS = {seeds}", chapter.read_text(encoding="utf-8"))
    notebook = nbformat.from_dict(read_myst_markdown_notebook(source))
    with tempfile.TemporaryDirectory() as folder:
        claims = Path(folder) / "claims"
        environment = {
            "LABUTILS_CLAIMS": str(claims),
            "LABUTILS_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
        }
        NotebookClient(notebook).execute(env=os.environ | environment)
        return [json.loads(line) for line in claims.read_text(encoding="utf-8").splitlines()]


def strictest_bounds(values: list[float]) -> dict[str, float]:
    """The bounds twice as far from the median as the lowest and the highest value, on a logarithmic scale."""
    median = statistics.median(values)
    worst = {"at_least": min(values), "at_most": max(values)}
    return {name: value**2 / median if median else value for name, value in worst.items()}


def seeded_chapters() -> dict[str, Path]:
    """The chapters with a line of seeds, by name."""
    return {
        path.stem: path
        for path in sorted((ROOT / "chapters").glob("*.md"))
        if SEEDS_LINE.search(path.read_text(encoding="utf-8"))
    }


def margins(chapter: Path) -> list[dict[str, Any]]:
    """The chapter's claims, each with its values over all seeds and threads."""
    line = SEEDS_LINE.search(chapter.read_text(encoding="utf-8"))
    assert line is not None
    count = len(line[1].rstrip(",").split(","))
    groups = [tuple(range(first, first + count)) for first in range(0, SEED_COUNT, count)]
    runs = [(seeds, threads) for threads in THREADS for seeds in groups]
    results = [run_claims(chapter, *run) for run in tqdm(runs, desc=chapter.stem)]
    table = []
    for same_claim in zip(*results, strict=True):
        values = [claim["value"] for claim in same_claim]
        stated = {name: same_claim[0][name] for name in ("at_least", "at_most") if same_claim[0][name] is not None}
        strictest = {name: bound for name, bound in strictest_bounds(values).items() if name in stated}
        table.append({"claim": same_claim[0]["claim"], "stated": stated, "strictest": strictest, "values": values})
    return table


def main() -> None:
    """Run the chapters and record what came out."""
    chapters = seeded_chapters()
    parser = argparse.ArgumentParser(description="Re-run the chapters' claims over ten seeds.")
    parser.add_argument("chapter", nargs="*", help=f"one of {', '.join(chapters)}; all of them by default")
    named = parser.parse_args().chapter or list(chapters)
    if unknown := [name for name in named if name not in chapters]:
        parser.error(f"no chapter with seeds is called {', '.join(unknown)}; there are {', '.join(chapters)}.")
    for name in named:
        table = margins(chapters[name])
        settings = {"seeds": SEED_COUNT, "threads": list(THREADS)}
        recorded.save(f"margins-{name}", "experiments/margins.py", settings, table)
        for entry in table:
            for side, bound in entry["stated"].items():
                words = f"{entry['claim']}, {side.replace('_', ' ')}"
                print(f"{name}: {words}: states {bound:g}, may state {entry['strictest'][side]:.3g}")


if __name__ == "__main__":
    main()
