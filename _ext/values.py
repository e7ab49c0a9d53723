"""The numbers of the last build, kept for the notebooks, whose text shows them.

    python _ext/values.py

writes ``reference/values.json``: for each page that measured something, every number that some page's text takes from
it, as that text shows it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import glued
from myst_nb.core.variables import format_plain_text

from notebooks import ROOT, pages


def built(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """The numbers of the last build of the book in ``root``, of the form that :func:`glued.load` returns.

    Raises ValueError for a number that this build doesn't have.
    """
    result: dict[str, dict[str, str]] = {}
    measured = {page: _measured(root, page) for page in pages(root)}
    for page in pages(root):
        for number in glued.numbers(page, root):
            try:
                text = measured[number.page][number.name]["data"]["text/plain"]
            except KeyError:
                missing = f"the last build has no {number.name!r} of {number.page}.md"
                raise ValueError(f"{page}.md: {missing}: run make book.") from None
            result.setdefault(number.page, {})[number.key] = format_plain_text(text, number.form)
    return dict(sorted(result.items()))


def _measured(root: Path, page: str) -> dict[str, Any]:
    """What MyST-NB keeps of the page's cells, by name."""
    file = root / "_build" / "jupyter_execute" / f"{page}.glue.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def main(root: Path = ROOT) -> None:
    """Write the file."""
    numbers = built(root)
    (root / glued.FILE).write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    count = sum(map(len, numbers.values()))
    print(f"{count} numbers of {len(numbers)} pages are in {root / glued.FILE}. Now run make notebooks.")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
