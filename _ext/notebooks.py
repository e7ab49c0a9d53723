"""Notebooks for Jupyter and Colab, written from the book's MyST files.

    python _ext/notebooks.py

writes ``notebooks/chapters/*.ipynb`` and ``notebooks/exercises/*.ipynb``. Their Markdown is the page's, with what only
the book understands put into plain Markdown: citations are numbered, a measured number is that of the build from which
``make values`` took it, beside the name under which a cell prints it, links lead to the repository, and folded answers
stay folded. They hold no outputs, no dates and no solutions.
"""

import hashlib
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

import glued
import nbformat
import yaml
from choices import VERDICTS, parse_choices
from markdown_it import MarkdownIt
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pybtex.database import BibliographyData, parse_file
from pybtex.plugin import find_plugin
from solutions import with_solutions, without_solutions

ROOT = Path(__file__).parent.parent
ROLE = re.compile(r"\{([a-z:]+)\}`([^`]+)`")
LINK = re.compile(r"\]\(([\w./-]+)\.md\)")
INSTALL = """\
from importlib.util import find_spec

if find_spec("labutils") is None:  # in Colab, say
    %pip install --quiet git+{address}"""
OWN = "A number behind a name, such as {}, was measured when the book was built. A cell prints yours under that name."
BORROWED = "A number that is a link, such as {}, was measured for the book, in the notebook to which it leads."


def pages(root: Path = ROOT) -> list[str]:
    """The pages that have a notebook, such as ``chapters/01-degradation``."""
    return [
        f"{folder}/{path.stem}" for folder in ("chapters", "exercises") for path in sorted(root.glob(f"{folder}/*.md"))
    ]


def repository(root: Path = ROOT) -> tuple[str, str]:
    """The repository's address and branch, from the book's settings."""
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
    return settings["url"], settings["branch"]


def notebook(page: str, root: Path = ROOT, solved: bool = False) -> NotebookNode:
    """The page as a notebook. With ``solved``, an exercise sheet keeps its solutions.

    Raises ValueError for a directive or role that is not known here, a number that no build has left, or solutions that
    are marked wrongly.
    """
    keep = with_solutions if solved else without_solutions
    text = keep((root / f"{page}.md").read_text(encoding="utf-8"), f"{page}.md")
    source: Any = read_myst_markdown_notebook(text)
    plain = PlainMarkdown(page, root)
    cells = [new_code_cell(INSTALL.format(address=plain.address))]
    for cell in source.cells:
        if cell.cell_type == "markdown":
            cells.append(new_markdown_cell(plain.convert(cell.source)))
            continue
        cells.append(new_code_cell(cell.source))
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if "caption" in figure:
            cells.append(new_markdown_cell(f"**Figure.** {plain.convert(figure['caption'].strip())}"))
    if plain.own or plain.borrowed:
        cells.insert(1, new_markdown_cell(plain.about_numbers()))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    result = new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    give_stable_ids(result)
    return result


def give_stable_ids(result: NotebookNode) -> None:
    """Derive each cell's id from what it says, so that it changes only with the cell."""
    seen: dict[str, int] = {}
    for cell in result.cells:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = f"{digest}-{seen[digest]}"


class PlainMarkdown:
    """Puts the MyST of one page into Markdown that Jupyter and Colab show. Citations are numbered as they come."""

    def __init__(self, page: str, root: Path) -> None:
        self.page = page
        self.root = root
        self.address, self.branch = repository(root)
        self.bibliography: BibliographyData = parse_file(root / "references.bib")
        self.cited: list[str] = []
        self.values = glued.load(root)
        self.own: dict[str, str] = {}  # by name, as they first stand in the text
        self.borrowed: list[str] = []

    def convert(self, text: str) -> str:
        """``text`` with its directives, roles and links replaced."""
        lines = text.split("\n")
        result: list[str] = []
        done = 0
        for token in MarkdownIt().parse(text):
            if token.type != "fence" or token.level or token.map is None:
                continue
            first, end = token.map
            result += [self.inline(line) for line in lines[done:first]]
            result += self.directive(token.info, token.content) if token.info.startswith("{") else lines[first:end]
            done = end
        result += [self.inline(line) for line in lines[done:]]
        return "\n".join(result)

    def directive(self, info: str, content: str) -> list[str]:
        """The lines that stand for a directive."""
        name, _, argument = info.partition("}")
        if name == "{dropdown":
            return self.folded(argument.strip(), content.strip())
        if name == "{choices":
            try:
                choices = parse_choices(content)
            except ValueError as error:
                raise ValueError(f"{self.page}.md: {error}") from error
            folded = (self.folded(c.text, f"**{VERDICTS[c.right]}** {c.explanation}") for c in choices)
            return [line for lines in folded for line in lines]
        if name == "{footbibliography":
            return ["## References", "", *self.references()]
        raise ValueError(f"{self.page}.md: a notebook can't show the directive {info!r}.")

    def folded(self, summary: str, content: str) -> list[str]:
        """``content``, folded under ``summary``, which Jupyter takes as HTML."""
        bare = glued.ROLE.sub(lambda match: self.value(glued.number(match[1], self.page)), summary)
        opening = ["<details>", f"<summary>{self.inline(bare)}</summary>", ""]
        return [*opening, *self.convert(content).split("\n"), "", "</details>"]

    def inline(self, line: str) -> str:
        """A line of text with its roles and links replaced."""
        return LINK.sub(self.link, ROLE.sub(self.role, line))

    def role(self, match: re.Match[str]) -> str:
        """What stands for a role."""
        name, content = match.groups()
        if name == "footcite":
            return "".join(f" [{self.number(key)}]" for key in content.split(","))
        if name == "glue:text":
            return self.measured(glued.number(content, self.page))
        raise ValueError(f"{self.page}.md: a notebook can't show the role {match[0]!r}.")

    def measured(self, number: glued.Number) -> str:
        """A measured number: linked to where it was measured, or at its first place in this text with its name."""
        value = self.value(number)
        if number.page != self.page:
            self.borrowed.append(f"[{value}]({self.url(number.page)})")
            return self.borrowed[-1]
        if number.name in self.own:
            return value
        self.own[number.name] = f"`{number.name}` = {value}"
        return self.own[number.name]

    def value(self, number: glued.Number) -> str:
        """The number as a build showed it."""
        try:
            return self.values[number.page][number.key]
        except KeyError:
            missing = f"{glued.FILE} has no {number.key!r} of {number.page}.md"
            raise ValueError(f"{self.page}.md: {missing}: run make book, and then make values.") from None

    def about_numbers(self) -> str:
        """What the reader must know of the numbers."""
        first = (OWN.format(next(iter(self.own.values()))),) if self.own else ()
        second = (BORROWED.format(self.borrowed[0]),) if self.borrowed else ()
        return " ".join(first + second)

    def number(self, key: str) -> int:
        """The number under which the page cites ``key``."""
        if key not in self.cited:
            self.cited.append(key)
        return self.cited.index(key) + 1

    def link(self, match: re.Match[str]) -> str:
        """A link to another page of the book, as one to its notebook in the repository."""
        return f"]({self.url(posixpath.normpath(posixpath.join(posixpath.dirname(self.page), match[1])))})"

    def url(self, page: str) -> str:
        """The address of a page in the repository."""
        file = f"notebooks/{page}.ipynb" if page in pages(self.root) else f"{page}.md"
        return f"{self.address}/blob/{self.branch}/{file}"

    def references(self) -> list[str]:
        """The cited works, a numbered list."""
        style = find_plugin("pybtex.style.formatting", "unsrt")()
        backend = find_plugin("pybtex.backends", "plaintext")()
        formatted = style.format_bibliography(self.bibliography, self.cited)
        return [f"{number}. {entry.text.render(backend)}" for number, entry in enumerate(formatted, start=1)]


def written(page: str, root: Path = ROOT) -> str:
    """The text of the page's notebook file."""
    result = notebook(page, root)
    nbformat.validate(result)
    return nbformat.writes(result) + "\n"


def main(root: Path = ROOT) -> None:
    """Write all notebooks, and remove those whose page is gone."""
    folder = root / "notebooks"
    files = {folder / f"{page}.ipynb": written(page, root) for page in pages(root)}
    for stale in set(folder.glob("*/*.ipynb")) - files.keys():
        stale.unlink()
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    print(f"{len(files)} notebooks are in {folder}.")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
