"""The numbers that pages glue into their text, and the file that holds them for the notebooks."""

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = "reference/values.json"
ROLE = re.compile(r"\{glue:text\}`([^`]+)`")


@dataclass(frozen=True)
class Number:
    """A number in a page's text: the page whose cell measured it, the name it has there, how it is formatted."""

    page: str
    name: str
    form: str

    @property
    def key(self) -> str:
        """Under what it stands among the numbers of its page."""
        return f"{self.name}:{self.form}" if self.form else self.name


def number(content: str, page: str) -> Number:
    """What the ``{glue:text}`` role with this content stands for in ``page``."""
    source, _, key = content.rpartition("::")
    name, _, form = key.partition(":")
    owner = posixpath.normpath(posixpath.join(posixpath.dirname(page), source.removesuffix(".md"))) if source else page
    return Number(owner, name, form)


def numbers(page: str, root: Path) -> Iterator[Number]:
    """The numbers in the text of ``page``, in order."""
    for content in ROLE.findall((root / f"{page}.md").read_text(encoding="utf-8")):
        yield number(content, page)


def load(root: Path) -> dict[str, dict[str, str]]:
    """For each page that measured something, the numbers as a build showed them; empty before the first was kept."""
    file = root / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
