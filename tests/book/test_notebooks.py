"""The notebooks are the pages, and the solutions are nowhere but in their sources."""

import json
import re
from pathlib import Path

import glued
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from solutions import with_solutions, without_solutions

import notebooks
from tests.conftest import ROOT, build, make_book

PAGES = notebooks.pages()
SHEETS = [page for page in PAGES if page.startswith("exercises/")]
SHEET = """\
def double(x):
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION
"""


def committed(page: str) -> NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{page}.ipynb", as_version=4)


def markdown(page: str) -> str:
    return "\n\n".join(cell.source for cell in committed(page).cells if cell.cell_type == "markdown")


def solutions(sheet: str) -> list[str]:
    """The lines of the sheet's solutions that say something."""
    lines = (ROOT / f"{sheet}.md").read_text(encoding="utf-8").split("\n")
    without = set(without_solutions("\n".join(lines), sheet).split("\n"))
    return [line.strip() for line in lines if line not in without and len(line.strip()) > 30]


@pytest.mark.parametrize("page", PAGES)
def test_a_committed_notebook_is_fresh(page: str) -> None:
    file = ROOT / "notebooks" / f"{page}.ipynb"
    assert file.exists(), "run make notebooks, and commit what it writes"
    assert file.read_text(encoding="utf-8") == notebooks.written(page), (
        f"{file} is stale: run make notebooks, and commit it"
    )


def test_the_notebook_of_a_page_that_is_gone_goes_too(tmp_path: Path) -> None:
    make_book(tmp_path, "")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "page.md").write_text("# One\n", encoding="utf-8")
    stale = tmp_path / "notebooks" / "chapters" / "stale.ipynb"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}", encoding="utf-8")
    notebooks.main(tmp_path)
    assert [path.name for path in stale.parent.iterdir()] == ["page.ipynb"]


@pytest.mark.builds
def test_a_page_without_its_notebook_fails_the_build_and_a_stale_one_is_not_offered(tmp_path: Path) -> None:
    make_book(tmp_path, "# A page\n")
    toc = "format: jb-book\nroot: page\nchapters:\n  - file: chapters/one\n"
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    for folder in ("chapters", "notebooks/chapters", "_build/html/notebooks/chapters"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "chapters" / "one.md").write_text("# One\n", encoding="utf-8")
    (tmp_path / "_build/html/notebooks/chapters/stale.ipynb").write_text("{}", encoding="utf-8")
    for _ in range(2):
        result = build(tmp_path)
        assert result.returncode != 0
        assert "chapters/one.md has no notebook: run make notebooks" in result.stderr
    (tmp_path / "notebooks/chapters/one.ipynb").write_text("{}", encoding="utf-8")
    assert build(tmp_path).returncode == 0
    offered = (tmp_path / "_build/html/notebooks").rglob("*.ipynb")
    assert [path.name for path in offered] == ["one.ipynb"]


def test_every_notebook_has_a_page() -> None:
    folder = ROOT / "notebooks"
    assert sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.ipynb")) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_notebook_holds_no_outputs_and_starts_with_the_installation(page: str) -> None:
    notebook = committed(page)
    address, _ = notebooks.repository()
    assert f"git+{address}" in notebook.cells[0].source
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("page", PAGES)
def test_a_notebook_needs_no_myst(page: str) -> None:
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|^```.*?^```", "", markdown(page), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"\{[a-z:-]+\}|^:::.*|\]\((?!https://)[^)]*\)", text, re.MULTILINE) == []
    numbers = {int(number) for number in re.findall(r" \[(\d+)\](?!\()", text)}
    listed = re.findall(r"^(\d+)\. ", text.partition("## References")[2], re.MULTILINE)
    assert sorted(numbers) == [int(number) for number in listed]


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_sheets_notebook_folds_its_hints_and_holds_no_solution(sheet: str) -> None:
    text = nbformat.writes(committed(sheet))
    assert solutions(sheet)
    given = without_solutions((ROOT / f"{sheet}.md").read_text(encoding="utf-8"), sheet)
    assert not [line for line in solutions(sheet) if line in text and line not in given]
    assert markdown(sheet).count("<details>") == markdown(sheet).count("</details>") >= 3
    hints = re.findall(r"```python\n(.*?)```", markdown(sheet), re.DOTALL)
    cells = [cell.source for cell in committed(sheet).cells if cell.cell_type == "code"]
    assert hints
    assert not set(hints) & set(cells)


def page_with(root: Path, text: str, **numbers: str) -> NotebookNode:
    """The notebook of a page with this text, where a build showed these numbers of it."""
    page = root / "chapters" / "page.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(f"# One\n\n{text}\n", encoding="utf-8")
    (root / "reference").mkdir(exist_ok=True)
    kept = {"chapters/page": {f"{name}:.2f": value for name, value in numbers.items()}}
    (root / glued.FILE).write_text(json.dumps(kept), encoding="utf-8")
    return notebooks.notebook("chapters/page", root)


def test_a_measured_number_stands_beside_its_name_once_and_the_notebook_says_what_it_is(tmp_path: Path) -> None:
    make_book(tmp_path, "")
    text = "It is {glue:text}`loss:.2f`, and still {glue:text}`loss:.2f`."
    _, about, cell = page_with(tmp_path, text, loss="0.12").cells
    assert cell.source.endswith("It is `loss` = 0.12, and still 0.12.")
    assert "behind a name, such as `loss` = 0.12, was measured" in about.source
    assert "a link" not in about.source
    assert len(page_with(tmp_path, "It is nothing.").cells) == 2


def test_a_number_that_another_page_measured_is_a_link(tmp_path: Path) -> None:
    make_book(tmp_path, "")
    page_with(tmp_path, "", loss="0.12")
    sheet = tmp_path / "exercises" / "sheet.md"
    sheet.parent.mkdir()
    sheet.write_text("# One\n\nIt is {glue:text}`../chapters/page.md::loss:.2f` %.\n", encoding="utf-8")
    _, about, cell = notebooks.notebook("exercises/sheet", tmp_path).cells
    link = re.search(r"It is (\[0\.12\]\(https://.*/notebooks/chapters/page\.ipynb\)) %\.", cell.source)
    assert link
    assert f"is a link, such as {link[1]}, was measured" in about.source
    assert "behind a name" not in about.source


def test_a_number_in_a_choice_is_bare_where_jupyter_takes_the_line_as_html(tmp_path: Path) -> None:
    make_book(tmp_path, "")
    choices = "- [x] More than {glue:text}`loss:.2f`\n\n  It is {glue:text}`loss:.2f`.\n- [ ] Less\n\n  No.\n"
    *_, cell = page_with(tmp_path, f"```{{choices}}\n{choices}```", loss="0.12").cells
    assert "<summary>More than 0.12</summary>" in cell.source
    assert "It is `loss` = 0.12." in cell.source


def test_a_number_that_no_build_has_left_is_refused(tmp_path: Path) -> None:
    make_book(tmp_path, "")
    missing = r"chapters/page\.md: reference/values\.json has no 'gain:\.2f' of chapters/page\.md: .* make values\.$"
    with pytest.raises(ValueError, match=missing):
        page_with(tmp_path, "It is {glue:text}`gain:.2f`.", loss="0.12")


def test_ids_change_only_with_their_cell(tmp_path: Path) -> None:
    make_book(tmp_path, "")
    page = tmp_path / "chapters" / "page.md"
    page.parent.mkdir()
    page.write_text("# One\n\n```{code-cell} ipython3\n1\n```\n\nTwo\n", encoding="utf-8")
    before = {cell.source: cell.id for cell in notebooks.notebook("chapters/page", tmp_path).cells}
    page.write_text("# One\n\nNew\n\n```{code-cell} ipython3\n1\n```\n\nTwo\n", encoding="utf-8")
    after = {cell.source: cell.id for cell in notebooks.notebook("chapters/page", tmp_path).cells}
    assert {source for source in before if before[source] != after.get(source)} == {"# One"}


@pytest.mark.parametrize("text", ["{numref}`a`", "```{figure} a.png\n```"])
def test_what_a_notebook_cannot_show_is_refused(text: str, tmp_path: Path) -> None:
    make_book(tmp_path, "")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "page.md").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"chapters/page\.md: a notebook can't show the"):
        notebooks.written("chapters/page", tmp_path)


def test_solutions_are_replaced_or_kept() -> None:
    assert without_solutions(SHEET, "a.md") == "def double(x):\n    raise NotImplementedError\n"
    assert with_solutions(SHEET, "a.md") == "def double(x):\n    return 2 * x\n"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (SHEET.replace("    # END SOLUTION\n", ""), 2),
        (SHEET.replace("    # BEGIN SOLUTION\n", ""), 3),
        (SHEET.replace("    # END SOLUTION\n", "") + SHEET, 5),
        (SHEET.replace("    #", "#"), 2),
        (SHEET.replace("END SOLUTION", "END SOLUTION of it"), 4),
    ],
    ids=["no end", "no begin", "two begins", "outside a function", "misspelt"],
)
def test_a_marker_that_is_wrong_is_refused_with_file_and_line(wrong: str, line: int) -> None:
    for read in (without_solutions, with_solutions):
        with pytest.raises(ValueError, match=rf"^a\.md:{line}: "):
            read(wrong, "a.md")


@pytest.mark.builds
def test_an_unpaired_marker_fails_the_build(tmp_path: Path) -> None:
    make_book(tmp_path, "# A page\n")
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: page\nchapters:\n  - file: exercises/sheet\n", encoding="utf-8"
    )
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "sheet.md").write_text(
        "# A sheet\n\n" + SHEET.replace("    # END SOLUTION\n", ""), encoding="utf-8"
    )
    for _ in range(2):
        result = build(tmp_path)
        assert result.returncode != 0
        assert "exercises/sheet.md:4: '# BEGIN SOLUTION' without an '# END SOLUTION'." in result.stdout + result.stderr


@pytest.mark.book
@pytest.mark.parametrize("sheet", SHEETS)
def test_nothing_that_was_built_holds_a_solution(sheet: str) -> None:
    lines = [line.encode() for line in solutions(sheet)]
    files = [path for path in (ROOT / "_build").rglob("*") if path.is_file()]
    assert any(path.name == f"{Path(sheet).name}.html" for path in files)
    shown = [path.read_text(encoding="utf-8") for path in ROOT.glob("chapters/*.md")]
    shown += [without_solutions((ROOT / f"{page}.md").read_text(encoding="utf-8"), page) for page in SHEETS]
    secret = [line for line in lines if line not in "".join(shown).encode()]  # a page may give the same line
    assert secret
    for path in files:
        content = path.read_bytes()
        assert not [line for line in secret if line in content], path


@pytest.mark.book
@pytest.mark.parametrize("page", PAGES)
def test_a_pages_buttons_lead_to_its_notebook(page: str) -> None:
    html = ROOT / "_build" / "html"
    links = BeautifulSoup((html / f"{page}.html").read_text(encoding="utf-8"), "html.parser").select("a[href]")
    addresses = [str(link["href"]) for link in links]
    address, branch = notebooks.repository()
    _, _, repository = address.partition("github.com/")
    colab = [address for address in addresses if "colab" in address]
    assert colab == [f"https://colab.research.google.com/github/{repository}/blob/{branch}/notebooks/{page}.ipynb"]
    (download,) = (address for address in addresses if address.endswith(".ipynb") and "://" not in address)
    file = (html / page).parent.joinpath(download).resolve()
    assert file.read_bytes() == (ROOT / "notebooks" / f"{page}.ipynb").read_bytes()
    sources = [
        address for address in addresses if "_sources" in address or "/edit/" in address or "?plain=1" in address
    ]
    assert bool(sources) == (page not in SHEETS)


@pytest.mark.book
def test_every_link_to_the_repository_has_the_one_address() -> None:
    address, _ = notebooks.repository()
    owner = address.rsplit("/", 1)[0]
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("chapters/*.md"),
        *ROOT.glob("exercises/*.md"),
        *ROOT.glob("notebooks/*/*.ipynb"),
    ]
    for file in files:
        for link in re.findall(rf"{re.escape(owner)}/[\w.-]+", file.read_text(encoding="utf-8")):
            assert link == address, file
