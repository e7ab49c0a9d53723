"""Faults of a book that its build does not report. Each function returns one line for each fault it finds."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlparse

import yaml
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from playwright.sync_api import Browser
from sphinx_external_toc.parsing import parse_toc_yaml

PARSER = MarkdownIt().use(front_matter_plugin).use(colon_fence_plugin)


def page_names(root: Path) -> list[str]:
    """The pages of the book's ``_toc.yml``. A book without pages is refused, since nothing would be checked."""
    site_map = parse_toc_yaml(root / "_toc.yml")
    names = [name for name in site_map if (root / f"{name}.md").exists()]
    assert names, f"{root / '_toc.yml'} names no page"
    return names


def built_pages(root: Path) -> Iterator[tuple[str, BeautifulSoup]]:
    """Each page's name and its HTML."""
    for name in page_names(root):
        yield (
            name,
            BeautifulSoup((root / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8"), "html.parser"),
        )


def dead_anchors(root: Path) -> list[str]:
    """Links to a file of the book that isn't there, or to a place that its page hasn't got.

    A citation without a bibliography leaves such links.
    """
    faults = []
    html = root / "_build" / "html"
    for name, page in built_pages(root):
        targets = {str(link["href"]) for link in page.select("a[href]")}
        for target in sorted(target for target in targets if not urlparse(target).scheme):
            file, _, place = target.partition("#")
            path = (html / name).parent.joinpath(unquote(file)) if file else html / f"{name}.html"
            if not path.is_file():
                faults.append(f"{name}: there is no {target!r}")
            elif place and place not in ids_of(path):
                faults.append(f"{name}: nothing has the id {target!r}")
    return faults


@cache
def ids_of(path: Path) -> set[str]:
    """The ids in an HTML file."""
    return {str(tag["id"]) for tag in BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select("[id]")}


def unclosed_fences(root: Path) -> list[str]:
    """Fences without an end, which swallow what follows."""
    faults = []
    for name in page_names(root):
        faults += [
            f"{name}: {opening!r} is never closed"
            for opening in _unclosed((root / f"{name}.md").read_text(encoding="utf-8"))
        ]
    return faults


def _unclosed(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for token in PARSER.parse(text):
        if token.type not in ("fence", "colon_fence") or token.map is None:
            continue
        first, end = token.map
        last = lines[end - 1].strip()
        if end - first < 2 or set(last) != {token.markup[0]} or len(last) < len(token.markup):
            yield lines[first]
        elif token.info.startswith("{") and not token.info.startswith("{code-cell}"):
            yield from _unclosed(token.content)


def code_without_kernel(root: Path) -> list[str]:
    """Pages with code cells whose front matter names no kernel: they lose their notebook buttons."""
    faults = []
    for name in page_names(root):
        tokens = PARSER.parse((root / f"{name}.md").read_text(encoding="utf-8"))
        has_code = any(token.type == "fence" and token.info.startswith("{code-cell}") for token in tokens)
        front_matter = [yaml.safe_load(token.content) for token in tokens if token.type == "front_matter"]
        if has_code and not (front_matter and "kernelspec" in front_matter[0]):
            faults.append(f"{name}: code cells, but no kernelspec in its front matter")
    return faults


def raw_maths(root: Path) -> list[str]:
    """Dollar signs left in the text, as a ``$$`` glued to a line of text leaves them."""
    faults = []
    for name, page in built_pages(root):
        for part in page.select("pre, code, script, .math"):
            part.decompose()
        faults += [f"{name}: raw maths {match!r}" for match in re.findall(r"\$\$.{0,30}", page.get_text())]
    return faults


def raw_tables(root: Path) -> list[str]:
    """Tables left in the text, as a wrong column count leaves them, or an output that is not read as MyST."""
    faults = []
    for name, page in built_pages(root):
        for part in page.select("pre, code, script"):
            part.decompose()
        rules = re.findall(r"^\| *[-\u2014].*", page.get_text(), re.MULTILINE)
        faults += [f"{name}: raw table {rule!r}" for rule in rules]
    return faults


def red_macros(root: Path, browser: Browser) -> list[str]:
    """TeX that MathJax does not know, which it shows in red, and formulas that it did not set at all."""
    faults = []
    for name, page in built_pages(root):
        formulas = len(page.select(".math"))
        if not formulas:
            continue
        tab = browser.new_page()
        tab.goto((root / "_build" / "html" / f"{name}.html").as_uri())
        tab.evaluate("MathJax.startup.promise")
        red = tab.locator('mjx-assistive-mml mtext[mathcolor="red"], mjx-assistive-mml merror')
        faults += [f"{name}: unknown TeX {text}" for text in red.all_text_contents()]
        if (rendered := tab.locator("mjx-container").count()) < formulas:
            faults.append(f"{name}: {formulas - rendered} formulas are not set")
        tab.close()
    return faults
