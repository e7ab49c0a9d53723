"""The finish of each page: it loads from the book itself what it needs, and nothing that it doesn't."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

HERE = Path(__file__).parent
COPIED = ("mathjax", "widgets")
UNUSED = ("thebe", "togglebutton", "toggleHint", "toggleOpenOnPrint", "design-tabs")


def add_templates(_app: Sphinx, config: Any) -> None:
    """Let the templates beside this file come before the theme's."""
    config.templates_path.insert(0, str(HERE / "templates"))


def number_equations(_app: Sphinx, doctree: nodes.document) -> None:
    """Give each displayed formula a place, by which Sphinx numbers it as it does a figure."""
    for number, formula in enumerate(doctree.findall(nodes.math_block), start=1):
        formula["ids"] = [f"equation-{number}"]
        formula["number"] = number


def choose_scripts(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None
) -> None:
    """Leave out what no page uses, MathJax where the page has no maths, and the widgets where it has none."""
    if "data-widget" in context.get("body", ""):
        app.add_js_file("widgets/widgets.js", loading_method="defer")
    unneeded = list(UNUSED)
    if not app.env.get_domain("math").data["has_equations"].get(pagename):
        unneeded.append(app.config.mathjax_path)
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context[kind]
            if not any(word in f"{file.filename} {file.attributes.get('body', '')}" for word in unneeded)
        ]
    context["without_scripts"] = without_scripts


def without_scripts(html: str, names: str) -> str:
    """``html`` without the script elements whose source matches the regular expression ``names``."""
    return re.sub(rf'<script[^>]*src="[^"]*(?:{names})[^"]*"[^>]*></script>\s*', "", html)


def lighten_code(
    _app: Sphinx, _pagename: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None
) -> None:
    """Make the page's code lighter."""
    if "body" in context:
        context["body"] = lightened(context["body"])


def lightened(html: str) -> str:
    """``html`` without marks on what is most of the code and needs no colour.

    That is names, numbers, operators, punctuation and spaces.
    """
    return re.sub(r'<span class="(?:n|nn|mi|mf|o|p|w)">([^<]*)</span>', r"\1", html)


def copy_scripts(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax, with its licence, and the widgets beside the pages."""
    if error is None and app.builder.format == "html":
        for name in COPIED:
            copy_asset(HERE / name, Path(app.outdir) / "_static" / name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", add_templates)
    app.connect("doctree-read", number_equations)
    app.connect("html-page-context", choose_scripts, priority=900)
    app.connect("html-page-context", lighten_code, priority=900)
    app.connect("build-finished", copy_scripts)
    return {"parallel_read_safe": True}
