"""Drawings that cells made, as part of the page: light, and in the page's own colours and font.

    ```{figure-of} chapters/01-degradation.md#fig-degradation
    ```

shows a chapter's figure on another page.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import count
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
log = getLogger(__name__)
GEOMETRY = ("d", "points", "transform", "x", "y", "width", "height", "viewBox", "x1", "x2", "y1", "y2", "cx", "cy", "r")


class BorrowedFigure(nodes.Element):
    """Stands for a figure of another page until all pages are read."""


class FigureOf(SphinxDirective):
    """The directive ``figure-of``. Its argument is a page, relative to the root, and the name of its figure."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        file, _, name = self.arguments[0].partition("#")
        return [BorrowedFigure("", page=file.removesuffix(".md"), name=name, line=self.lineno)]


def fill_borrowed(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the other page's drawing, with its caption and a link to it, where it is borrowed."""
    for place in list(doctree.findall(BorrowedFigure)):
        page, name = place["page"], place["name"]
        known = app.env.get_doctree(page).findall(nodes.figure) if page in app.env.found_docs else []
        figure = next((figure for figure in known if name in figure["ids"]), None)
        if figure is None:
            log.warning("there is no figure %r in %s.md", name, page, location=(docname, place["line"]))
            place.parent.remove(place)
            continue
        image = next(iter(figure.findall(nodes.image))).deepcopy()
        caption = nodes.paragraph("", "", *next(iter(figure.findall(nodes.caption))).deepcopy().children)
        target = f"{app.builder.get_relative_uri(docname, page)}#{name}"
        link = nodes.reference("", "How it was measured", refuri=target, internal=True)
        caption += [nodes.Text(" "), link, nodes.Text(".")]
        place.replace_self(nodes.container("", image, caption, classes=["borrowed-figure"]))


def inline_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace each drawing that a cell made by inline SVG."""
    for number, image in enumerate(list(doctree.findall(nodes.image))):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and "jupyter_execute" in path.parts:
            html = themed_svg(path.read_text(encoding="utf-8"), f"f{number}-", image.get("alt", ""))
            image.replace_self(nodes.raw("", html, format="html"))


def themed_svg(svg: str, prefix: str, alt: str) -> str:
    """``svg`` as part of a page: named ``alt``, in the text's colour where it is black, with only the ids that it uses.

    These start with ``prefix``, so that they are unique in the page. What is not seen is left out: metadata, groups
    without a property, paths without a colour, repeated styles, and digits beyond a tenth of a point.
    """
    root = ET.fromstring(svg[svg.index("<svg") :])
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{SVG}metadata", f"{SVG}style"):  # such a style would hold for the whole page
                parent.remove(child)
    _shorten_ids(root, prefix)
    defined = {inner for definitions in root.iter(f"{SVG}defs") for inner in definitions.iter()}
    for element in root.iter():
        _slim(element, digits=2 if element in defined else 1)
    _share_styles(root)
    _inherit_font_size(root)
    _drop_unseen(root)
    root.attrib.update({"class": "drawing", "role": "img", "aria-label": alt})
    ET.register_namespace("", SVG.strip("{}"))
    return ET.tostring(root, encoding="unicode")


def _shorten_ids(root: ET.Element, prefix: str) -> None:
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', ET.tostring(root, encoding="unicode"))
    numbers = count()
    short = {name: f"{prefix}{next(numbers)}" for name in dict.fromkeys(used)}
    for element in root.iter():
        if (name := element.attrib.pop("id", None)) in short:
            element.set("id", short[name])
        if (target := element.attrib.pop(HREF, None)) is not None:
            element.set("href", f"#{short[target[1:]]}" if target.startswith("#") else target)
        for key, value in element.items():
            element.set(key, re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{short[match[1]]})", value))


def _slim(element: ET.Element, digits: int) -> None:
    element.tail = None
    if element.tag not in (f"{SVG}text", f"{SVG}tspan") or len(element):
        element.text = None
    for name in GEOMETRY:
        if name in element.attrib:
            rounded = re.sub(r"-?\d+\.\d+", lambda match: f"{round(float(match[0]), digits):g}", element.attrib[name])
            element.set(name, re.sub(r"\s+", " ", rounded).strip())
    if "d" in element.attrib:
        element.set("d", re.sub(r" ?([A-Za-z]) ?| (?=-)", r"\1", element.attrib["d"]))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if "style" in element.attrib:
        style = re.sub(r"font-family:[^;]*;? ?", "", element.attrib["style"])
        element.set("style", re.sub(r"\s*([:;])\s*", r"\1", style).strip("; "))
    for name, value in element.items():
        element.set(name, re.sub(r"#000000|\bblack\b", "currentColor", value))
    if not element.get("style", "-"):
        del element.attrib["style"]


def _share_styles(root: ET.Element) -> None:
    """Move the style of a marker's uses to its definition, where all have the same."""
    by_id = {f"#{element.get('id')}": element for element in root.iter() if "id" in element.attrib}
    uses: dict[str, list[ET.Element]] = {}
    for use in root.iter(f"{SVG}use"):
        uses.setdefault(use.get("href", ""), []).append(use)
    for target, elements in uses.items():
        if len({use.get("style", "") for use in elements}) == 1 and target in by_id:
            shared, own = elements[0].get("style", ""), by_id[target].get("style", "")
            if shared != own:  # what is its own wins over what is inherited
                by_id[target].set("style", f"{shared};{own}".strip(";"))
            for use in elements:
                use.attrib.pop("style", None)


def _inherit_font_size(root: ET.Element) -> None:
    """Let the drawing have the font size of most of its text."""
    texts = [element for element in root.iter() if "font-size" in element.get("style", "")]
    sizes = Counter(match[0] for text in texts if (match := re.search(r"font-size:[^;]+", text.attrib["style"])))
    if not sizes:
        return
    commonest, _ = sizes.most_common(1)[0]
    root.set("style", commonest)
    for text in texts:
        style = re.sub(rf"{re.escape(commonest)}(;|$)", "", text.attrib.pop("style")).strip(";")
        if style:
            text.set("style", style)


def _drop_unseen(element: ET.Element) -> None:
    children: list[ET.Element] = []
    for child in list(element):
        _drop_unseen(child)
        if child.tag == f"{SVG}g" and not child.attrib:
            children += list(child)
        elif child.tag != f"{SVG}defs" or len(child):
            children.append(child)
    if element.tag != f"{SVG}clipPath":
        children = [child for child in children if (child.tag, child.get("style")) != (f"{SVG}path", "fill:none")]
    element[:] = children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("figure-of", FigureOf)
    app.connect("doctree-resolved", fill_borrowed)
    app.connect("doctree-resolved", inline_figures, priority=600)
    return {"parallel_read_safe": True}
