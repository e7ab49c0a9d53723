"""The build: it fails every time there is something wrong, and executes again only what must be."""

import re
import subprocess
from pathlib import Path

import pytest
from course import fingerprint_of_extension, fingerprint_of_inputs
from drawings import themed_svg
from pages import lightened

from tests.conftest import build, make_book

PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---

# A page

{sentence}

```{{code-cell}} ipython3
{code}
```
"""
COUNTING = "with open('runs', 'a') as file:\n    print('ran', file=file)"


def runs(root: Path) -> int:
    """How often the page of COUNTING was executed."""
    return (root / "runs").read_text(encoding="utf-8").count("ran")


@pytest.mark.builds
def test_a_raising_chapter_fails_the_build_every_time(tmp_path: Path) -> None:
    make_book(tmp_path, PAGE.format(sentence="It raises.", code="1 / 0"))
    for _ in range(2):
        result = build(tmp_path)
        assert result.returncode != 0
        assert "page.md: An error occurred" in result.stderr
        assert "ZeroDivisionError" in result.stderr


@pytest.mark.builds
def test_a_warning_fails_the_build_every_time(tmp_path: Path) -> None:
    make_book(tmp_path, "# A page\n\nIt [leads nowhere](no-such-page.md).\n")
    for _ in range(2):
        result = build(tmp_path)
        assert result.returncode != 0
        assert "no-such-page" in result.stderr


@pytest.mark.builds
def test_a_changed_helper_executes_again_and_a_changed_sentence_does_not(tmp_path: Path) -> None:
    page = make_book(tmp_path, PAGE.format(sentence="It counts its runs.", code=COUNTING)) / "page.md"
    helper = tmp_path / "labutils" / "helper.py"
    helper.parent.mkdir()
    helper.write_text("answer = 41", encoding="utf-8")
    assert build(tmp_path).returncode == 0
    assert runs(tmp_path) == 1

    page.write_text(page.read_text(encoding="utf-8").replace("It counts", "This page counts"), encoding="utf-8")
    assert build(tmp_path).returncode == 0
    assert runs(tmp_path) == 1
    assert "This page counts" in (tmp_path / "_build" / "html" / "page.html").read_text(encoding="utf-8")

    helper.write_text("answer = 41  # as everybody knows\n", encoding="utf-8")
    assert build(tmp_path).returncode == 0
    assert runs(tmp_path) == 1

    helper.write_text("answer = 42", encoding="utf-8")
    assert build(tmp_path).returncode == 0
    assert runs(tmp_path) == 2


@pytest.mark.builds
def test_a_chapter_that_fails_after_a_changed_helper_still_fails_the_next_time(tmp_path: Path) -> None:
    helper = tmp_path / "labutils" / "helper.py"
    make_book(tmp_path, PAGE.format(sentence="It reads a helper.", code="exec(open('labutils/helper.py').read())"))
    helper.parent.mkdir()
    helper.write_text("answer = 42", encoding="utf-8")
    assert build(tmp_path).returncode == 0
    helper.write_text("1 / 0", encoding="utf-8")
    for _ in range(2):
        assert build(tmp_path).returncode != 0


@pytest.mark.parametrize(
    "name",
    [
        "labutils/models.py",
        "labutils/deep/er.py",
        "experiments/runs/a.json",
        "requirements.txt",
        "reference/kill-table.json",
        "_ext/kernel/matplotlibrc",
    ],
)
def test_what_pages_read_changes_the_fingerprint(name: str, tmp_path: Path) -> None:
    before = fingerprint_of_inputs(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("1", encoding="utf-8")
    first = fingerprint_of_inputs(tmp_path)
    (tmp_path / name).write_text("2", encoding="utf-8")
    assert len({before, first, fingerprint_of_inputs(tmp_path)}) == 3


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("a = 1", "# one\na  =  1\n", True),
        ("a = (1, 2)", "a = (\n    1,\n    2,\n)", True),
        ("a = 1", "a = 2", False),
        ("a = 1", "b = 1", False),
        ("a = '#'", "a = '# '", False),
        ("a = (", "a = ( ", False),  # no Python
    ],
)
def test_code_is_known_by_what_it_means(before: str, after: str, same: bool, tmp_path: Path) -> None:
    (tmp_path / "labutils").mkdir()
    file = tmp_path / "labutils" / "models.py"
    file.write_text(before, encoding="utf-8")
    fingerprint = fingerprint_of_inputs(tmp_path)
    file.write_text(after, encoding="utf-8")
    assert (fingerprint_of_inputs(tmp_path) == fingerprint) == same


@pytest.mark.parametrize(
    "name",
    [
        "labutils/checks/engine.py",
        "labutils/grading/run.py",
        "chapters/a.md",
        "tests/test_a.py",
        "reference/values.json",
    ],
)
def test_what_pages_do_not_read_leaves_the_fingerprint(name: str, tmp_path: Path) -> None:
    before = fingerprint_of_inputs(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("1", encoding="utf-8")
    assert fingerprint_of_inputs(tmp_path) == before


def test_a_new_python_changes_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint_of_inputs(tmp_path)
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    assert fingerprint_of_inputs(tmp_path) != before


SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
 <metadata>2026</metadata>
 <style>*{fill: red}</style>
 <g id="axis">
  <defs><path id="mark" d="M 0 1.23456" style="stroke: #000000"/></defs>
  <use xlink:href="#mark" x="12.3456" style="stroke: #3a7fc1; fill: #3a7fc1"/>
  <use xlink:href="#mark" x="30" style="stroke: #3a7fc1; fill: #3a7fc1"/>
 </g>
 <path d="M 0 0 L 9 9" style="fill: none"/>
 <text style="font-size: 11px; font-family: 'DejaVu Sans', sans-serif">0.0005 black</text>
</svg>"""


def test_a_drawing_takes_the_page_colours_and_keeps_its_own() -> None:
    themed = themed_svg(SVG, "f1-", 'two "black" lines')
    assert 'role="img" aria-label="two &quot;black&quot; lines"' in themed
    assert 'style="stroke:#3a7fc1;fill:#3a7fc1;stroke:currentColor"' in themed


def test_a_drawing_keeps_what_is_seen_and_nothing_else() -> None:
    themed = themed_svg(SVG, "f1-", "")
    assert re.findall(r' id="([^"]*)"', themed) == ["f1-0"]
    assert re.findall(r' href="([^"]*)"', themed) == ["#f1-0", "#f1-0"]
    assert re.findall(r' x="([^"]*)"', themed) == ["12.3", "30"]
    assert 'd="M0 1.23"' in themed
    assert ">0.0005 black</text>" in themed
    for unseen in ("2026", "<?xml", "<g", "fill:none", "font-family", "fill: red"):
        assert unseen not in themed


def test_a_new_extension_changes_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course.HERE", tmp_path)
    names = ("course.py", "widgets/widgets.js", "templates/layout.html")
    seen = {fingerprint_of_extension()}
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1", encoding="utf-8")
        seen.add(fingerprint_of_extension())
    assert len(seen) == 1 + len(names)


LENT = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---

# A page

```{{code-cell}} ipython3
:tags: [remove-output]

from myst_nb import glue

glue("value", {value}, display=False)
```
"""


def pages_read(built: subprocess.CompletedProcess[str]) -> list[str]:
    """The pages that a build says it read."""
    assert built.returncode == 0
    said = re.sub(r"\x1b\[[\d;]*m", "", built.stdout)
    return sorted(re.findall(r"reading sources\.\.\. \[ *\d+%\] (\S+)", said))


@pytest.mark.builds
def test_a_page_that_borrows_is_read_again_when_and_only_when_what_it_borrows_has_changed(tmp_path: Path) -> None:
    make_book(tmp_path, LENT.format(value=12.5))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "borrower.md").write_text(
        "# Another\n\nIt is {glue:text}`../page.md::value:.2f`.\n", encoding="utf-8"
    )
    (tmp_path / "stranger.md").write_text("# A third\n", encoding="utf-8")
    toc = "format: jb-book\nroot: page\nchapters:\n  - file: more/borrower\n  - file: stranger\n"
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    html = tmp_path / "_build" / "html" / "more" / "borrower.html"
    assert build(tmp_path).returncode == 0
    assert "12.50" in html.read_text(encoding="utf-8")
    assert pages_read(build(tmp_path)) == []
    (tmp_path / "page.md").write_text(LENT.format(value=37.5), encoding="utf-8")
    assert pages_read(build(tmp_path)) == ["more/borrower", "page"]
    assert "37.50" in html.read_text(encoding="utf-8")


@pytest.mark.builds
def test_the_locale_of_whoever_builds_does_not_matter(tmp_path: Path) -> None:
    page = PAGE.format(sentence="Ångström × 2.", code="import matplotlib.pyplot as plt\nplt.title('η');")
    make_book(tmp_path, page)
    result = build(tmp_path, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    assert "η" in (tmp_path / "_build" / "html" / "page.html").read_text(encoding="utf-8")


@pytest.mark.builds
def test_a_borrowed_figure_that_is_not_there_fails_the_build(tmp_path: Path) -> None:
    make_book(tmp_path, "# A page\n\n```{figure-of} page.md#no-such-figure\n```\n")
    for _ in range(2):
        result = build(tmp_path)
        assert result.returncode != 0
        assert "there is no figure 'no-such-figure' in page.md" in result.stderr


COLOURED = '<span class="k">if</span><span class="w"> </span><span class="n">a</span><span class="o">==</span>1'


def test_code_keeps_its_text_and_the_colours_of_its_keywords() -> None:
    assert lightened(COLOURED) == '<span class="k">if</span> a==1'
