"""The numbers in the notebooks' text are those of a build, and no later build is far from them."""

import ast
import json
import shutil
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import glued
import pytest
import values
from myst_nb.core.read import read_myst_markdown_notebook

import notebooks
from experiments.margins import SEEDS_LINE, strictest_bounds
from labutils import recorded
from tests.conftest import ROOT, build, make_book

KEPT = glued.load(ROOT)
MEASURED = sorted(KEPT)
FACTOR, UNITS = 3, 10  # by which a number that rests on a seed may differ, as reference/build.md says
COUNTED_BY_CHANCE = {"usable_residual", "usable_plain"}
WHOLE = ("", ",", "d")  # formats of counts


@cache
def cells(page: str) -> list[tuple[list[ast.Call], list[ast.Call], bool]]:
    """Each cell's calls of ``record`` and of ``claim``, and whether it measures time."""
    notebook: Any = read_myst_markdown_notebook((ROOT / f"{page}.md").read_text(encoding="utf-8"))
    result = []
    for cell in notebook.cells:
        nodes = list(ast.walk(ast.parse(cell.source))) if cell.cell_type == "code" else []
        calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        records, claims = ([c for c in calls if ast.unparse(c.func) == name] for name in ("record", "claim"))
        result.append((records, claims, "measures-time" in cell.metadata.get("tags", [])))
    return result


@cache
def claimed(page: str) -> dict[str, tuple[str, dict[str, float]]]:
    """The names whose very value their cell claims, each with what the claim says and its bounds."""
    result: dict[str, tuple[str, dict[str, float]]] = {}
    for records, claims, _ in cells(page):
        said = {
            ast.unparse(claim.args[1]): (
                ast.literal_eval(claim.args[0]),
                {str(bound.arg): float(ast.literal_eval(bound.value)) for bound in claim.keywords},
            )
            for claim in claims
        }
        named = {ast.unparse(keyword.value): keyword.arg for record in records for keyword in record.keywords}
        result |= {name: said[value] for value, name in named.items() if name and value in said}
    return result


@cache
def margins(page: str) -> dict[str, tuple[float, float]]:
    """The names whose very value is claimed in a page with a seed, each with the claim's margin to both sides.

    A claim on which the ten seeds have no bearing has none.
    """
    record = f"margins-{page.partition('/')[2]}"
    if record not in recorded.names():
        return {}
    seen = {entry["claim"]: strictest_bounds(entry["values"]) for entry in recorded.load(record)["results"]}
    bounds = {name: seen[claim] for name, (claim, _) in claimed(page).items()}
    both = {name: (sides["at_least"], sides["at_most"]) for name, sides in bounds.items()}
    return {name: (low, high) for name, (low, high) in both.items() if high > 1.001 * low}


@cache
def seeded(page: str) -> bool:
    return SEEDS_LINE.search((ROOT / f"{page}.md").read_text(encoding="utf-8")) is not None


def takes_time(page: str, name: str) -> bool:
    """Whether the number says how fast a machine is."""
    keywords = (keyword for records, _, timed in cells(page) if timed for call in records for keyword in call.keywords)
    return name.endswith("_time") or name in {keyword.arg for keyword in keywords}


def problem(page: str, key: str, now: str, kept: str) -> str:
    """Why ``now`` is too far from ``kept``, both as a page shows them; empty where it isn't."""
    name, _, form = key.partition(":")
    new, old = (Decimal(text.replace(",", "")) for text in (now, kept))
    unit = Decimal(10) ** int(old.as_tuple().exponent)
    if takes_time(page, name):
        return "" if new > 0 < old else "no time"
    if name in margins(page):
        low, high = margins(page)[name]
        inside = all(low <= value + unit and value - unit <= high for value in (new, old))
        return "" if inside else f"the claim's margin is {low:.4g} to {high:.4g}"
    if form in WHOLE and name not in COUNTED_BY_CHANCE:
        return "" if new == old else "a count is exact"
    if not seeded(page):
        return "" if abs(new - old) <= unit else "it rests on no seed"
    near = abs(new - old) <= UNITS * unit
    alike = new * old > 0 and max(abs(new), abs(old)) <= FACTOR * min(abs(new), abs(old))
    return "" if near or alike else "that is more than chance"


def test_the_file_has_the_numbers_of_all_pages_and_no_others() -> None:
    used: dict[str, set[str]] = {}
    for page in notebooks.pages():
        for number in glued.numbers(page, ROOT):
            used.setdefault(number.page, set()).add(number.key)
    assert {page: set(kept) for page, kept in KEPT.items()} == used, "run make book and make values"


@pytest.mark.parametrize("page", MEASURED)
def test_what_is_kept_is_what_the_page_claims(page: str) -> None:
    for key, text in KEPT[page].items():
        _, bounds = claimed(page).get(key.partition(":")[0], ("", {}))
        value = Decimal(text.replace(",", ""))
        unit = Decimal(10) ** int(value.as_tuple().exponent)
        assert bounds.get("at_least", float("-inf")) <= value + unit, key
        assert bounds.get("at_most", float("inf")) >= value - unit, key


@pytest.mark.book
@pytest.mark.parametrize("page", MEASURED)
def test_a_build_is_not_far_from_what_is_kept(page: str) -> None:
    now = values.built()[page]
    found = {key: (text, KEPT[page][key], problem(page, key, text, KEPT[page][key])) for key, text in now.items()}
    assert {key: seen for key, seen in found.items() if seen[2]} == {}, "run make values, and commit what it writes"


@pytest.mark.parametrize(
    ("page", "key", "now", "kept", "far"),
    [
        ("chapters/03-residual-block", "extra_b:,", "2,752", "2,752", False),
        ("chapters/03-residual-block", "extra_b:,", "2,753", "2,752", True),
        ("chapters/03-residual-block", "negative:.0f", "52", "51", False),
        ("chapters/03-residual-block", "negative:.0f", "53", "51", True),
        ("chapters/01-degradation", "residual_8_loss:.4f", "0.0059", "0.0020", False),
        ("chapters/01-degradation", "residual_8_loss:.4f", "0.0061", "0.0020", True),
        ("chapters/02-signals", "plain_cosine_56:.2f", "0.07", "-0.02", False),
        ("chapters/02-signals", "plain_cosine_56:.2f", "0.09", "-0.02", True),
        ("chapters/06-why-it-works", "usable_plain", "4", "2", False),
        ("chapters/06-why-it-works", "length_before:.1f", "8.4", "8.1", False),
        ("chapters/06-why-it-works", "length_before:.1f", "8.6", "8.1", True),
        ("chapters/06-why-it-works", "length_before:.1f", "8.1", "8.6", True),
        ("chapters/07-bottleneck", "rate_1x1:.1f", "400.0", "20.0", False),
        ("chapters/07-bottleneck", "rate_1x1:.1f", "0.0", "20.0", True),
        ("chapters/07-bottleneck", "basic_64_time:.0f", "3", "40", False),
    ],
)
def test_what_is_far(page: str, key: str, now: str, kept: str, far: bool) -> None:
    assert bool(problem(page, key, now, kept)) == far


BOOK = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---

# A page

```{code-cell} ipython3
from myst_nb import glue

glue("share", 51.234, display=False)
glue("count", 272474, display=False)
```

Of {glue:text}`count:,` values, {glue:text}`share:.0f` % are negative.
"""


@pytest.mark.builds
def test_values_are_those_that_the_build_shows_and_the_notebooks_take_them(tmp_path: Path) -> None:
    make_book(tmp_path, "# The root\n")
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: page\nchapters:\n  - file: chapters/one\n  - file: exercises/sheet\n", encoding="utf-8"
    )
    for page, text in (
        ("chapters/one", BOOK),
        ("exercises/sheet", "# A sheet\n\n{glue:text}`../chapters/one.md::share:.1f` %\n"),
    ):
        (tmp_path / page).parent.mkdir()
        (tmp_path / f"{page}.md").write_text(text, encoding="utf-8")
    (tmp_path / "reference").mkdir()
    with pytest.raises(
        ValueError, match=r"one\.md: the last build has no 'count' of chapters/one\.md: run make book\."
    ):
        values.main(tmp_path)
    with pytest.raises(ValueError, match=r"no 'count:,' of chapters/one\.md: run make book, and then make values\."):
        notebooks.main(tmp_path)

    build(tmp_path)  # the pages lack their notebooks as yet, and it says so
    values.main(tmp_path)
    kept = json.loads((tmp_path / glued.FILE).read_text(encoding="utf-8"))
    assert kept == {"chapters/one": {"count:,": "272,474", "share:.0f": "51", "share:.1f": "51.2"}}
    notebooks.main(tmp_path)
    assert build(tmp_path).returncode == 0
    html = (tmp_path / "_build/html/exercises/sheet.html").read_text(encoding="utf-8")
    assert '<span class="pasted-text">51.2</span>' in html
    shutil.rmtree(tmp_path / "_build/jupyter_execute")
    with pytest.raises(ValueError, match="run make book"):
        values.main(tmp_path)
