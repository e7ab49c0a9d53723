"""The book's own Sphinx extension.

It gives the kernels their settings, re-executes the chapters when something that they read has changed, takes the
solutions out of the exercise sheets, offers each page's notebook, draws figures in the page's colours, and loads from
the book itself what scripts a page needs.
"""

import hashlib
import os
import platform
import re
import shutil
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from solutions import without_solutions
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.fileutil import copy_asset

import notebooks

HERE = Path(__file__).parent
READ_BY_PAGES = (
    "labutils/**/*.py",
    "experiments/runs/*.json",
    "reference/*.json",
    "requirements.txt",
    "_ext/kernel/*",
)
NOT_READ_BY_PAGES = ("labutils/checks/", "labutils/grading/")


def prepare_kernels(app: Sphinx, _config: object) -> None:
    """Point the kernels that the build starts to the settings in ``_ext/kernel``."""
    profile = Path(app.outdir).parent / ".ipython"
    (profile / "profile_default").mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "kernel" / "ipython_kernel_config.py", profile / "profile_default")
    os.environ["IPYTHONDIR"] = str(profile)
    os.environ["MATPLOTLIBRC"] = str(HERE / "kernel" / "matplotlibrc")
    os.environ["TQDM_DISABLE"] = "1"


def forget_stale_outputs(app: Sphinx, config: Any) -> None:
    """Clear the execution cache and the parsed pages when a file that pages read, or Python, has changed."""
    cache = Path(config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache")
    stamp = cache.with_name(".read-by-pages")
    fingerprint = fingerprint_of_inputs(Path(app.srcdir))
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(app.doctreedir, ignore_errors=True)
    Path(app.doctreedir).mkdir(parents=True)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(fingerprint)


def fingerprint_of_inputs(root: Path) -> str:
    """A hash of Python's version and of every file below ``root`` that a page may read."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in sorted({path for pattern in READ_BY_PAGES for path in root.glob(pattern)}):
        name = path.relative_to(root).as_posix()
        if not name.startswith(NOT_READ_BY_PAGES):
            digest.update(f"\n{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def strip_solutions(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Let Sphinx see an exercise sheet without its solutions only."""
    if is_exercise(docname):
        try:
            source[0] = without_solutions(source[0], f"{docname}.md")
        except ValueError as error:
            raise ExtensionError(str(error)) from error


def is_exercise(docname: str) -> bool:
    """Whether the page's source holds solutions."""
    return docname.startswith("exercises/")


def offer_notebook(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None
) -> None:
    """Lead the page's buttons to its notebook. The source of an exercise sheet is neither offered nor copied."""
    root = Path(app.srcdir)
    if pagename not in notebooks.pages(root):
        return
    address, branch = notebooks.repository(root)
    file = f"notebooks/{pagename}.ipynb"
    colab = {
        "type": "link",
        "url": f"{address}/blob/{branch}/{file}".replace(
            "https://github.com", "https://colab.research.google.com/github"
        ),
        "text": "Colab",
        "tooltip": "Open this page as a notebook in Colab",
        "icon": "_static/images/logo_colab.png",
        "label": "launch-colab-button",
    }
    download = {
        "type": "link",
        "url": context["pathto"](file, 1),
        "text": ".ipynb",
        "tooltip": "Download this page as a notebook",
        "icon": "fas fa-code",
        "label": "download-notebook-button",
    }
    (downloads,) = (group for group in context["header_buttons"] if group.get("label") == "download-buttons")
    downloads["buttons"].insert(0, download)
    context["header_buttons"].insert(
        0,
        {
            "type": "group",
            "tooltip": "Run this page",
            "icon": "fas fa-rocket",
            "buttons": [colab],
            "label": "launch-buttons",
        },
    )
    if is_exercise(pagename):
        downloads["buttons"] = [
            button for button in downloads["buttons"] if button["label"] != "download-source-button"
        ]
        context["sourcename"] = ""


def write_notebooks(app: Sphinx, _error: Exception | None) -> None:
    """Put beside the pages the notebooks that they offer."""
    root = Path(app.srcdir)
    for page in notebooks.pages(root):
        file = Path(app.outdir, "notebooks", f"{page}.ipynb")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(notebooks.written(page, root))


def inline_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace each drawing that a cell made by inline SVG, whose black is the page's text colour."""
    for number, image in enumerate(list(doctree.findall(nodes.image))):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and "jupyter_execute" in path.parts:
            html = themed_svg(path.read_text(), f"f{number}-", image.get("alt", ""))
            image.replace_self(nodes.raw("", html, format="html"))


def themed_svg(svg: str, prefix: str, alt: str) -> str:
    """``svg`` as part of a page: named ``alt``, in the text's colour where it is black, with only the ids that it uses.

    These start with ``prefix``, so that they are unique in the page.
    """
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", svg)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r"#000000|\bblack\b", "currentColor", svg)
    return svg.replace("<svg", f'<svg class="drawing" role="img" aria-label="{escape(alt)}"', 1)


def drop_unneeded_scripts(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None
) -> None:
    """Leave out Thebe, which this book does not use, and MathJax where the page itself has no maths."""
    unneeded = ["thebe"]
    if not app.env.get_domain("math").data["has_equations"].get(pagename):
        unneeded.append(app.config.mathjax_path)
    context["script_files"] = [
        script
        for script in context["script_files"]
        if not any(word in f"{script.filename} {script.attributes.get('body', '')}".lower() for word in unneeded)
    ]


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax and its licence beside the pages, where ``mathjax_path`` points."""
    if error is None and app.builder.format == "html":
        copy_asset(HERE / "mathjax", Path(app.outdir) / "_static" / "mathjax")


def forget_pages_with_warnings(app: Sphinx, _error: Exception | None) -> None:
    """Let the next build read every page again after a warning, so that it fails again."""
    if app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", prepare_kernels)
    app.connect("config-inited", forget_stale_outputs)
    app.connect("source-read", strip_solutions)
    app.connect("doctree-resolved", inline_figures)
    app.connect("html-page-context", offer_notebook, priority=900)
    app.connect("html-page-context", drop_unneeded_scripts, priority=900)
    app.connect("build-finished", write_notebooks)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", forget_pages_with_warnings)
    return {"parallel_read_safe": True}
