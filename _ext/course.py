"""The book's own Sphinx extension.

It gives the kernels their settings, re-executes the chapters when something that they read has changed, takes the
solutions out of the exercise sheets, and offers each page's notebook. Its other parts draw figures in the page's
colours, set questions with their choices, and finish each page.
"""

import hashlib
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from solutions import without_solutions
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import notebooks

HERE = Path(__file__).parent
READ_BY_PAGES = (
    "labutils/**/*.py",
    "experiments/runs/*.json",
    "reference/*.json",
    "requirements.txt",
    "_ext/kernel/*",
)
BORROWING = ("{figure-of}", ".md::", "{nb-exec-table}")
NOT_READ_BY_PAGES = ("labutils/checks/", "labutils/grading/")


def prepare_kernels(app: Sphinx, _config: object) -> None:
    """Point the kernels that the build starts to the settings in ``_ext/kernel``."""
    profile = Path(app.outdir).parent / ".ipython"
    (profile / "profile_default").mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "kernel" / "ipython_kernel_config.py", profile / "profile_default")
    os.environ["IPYTHONDIR"] = str(profile)
    os.environ["MATPLOTLIBRC"] = str(HERE / "kernel" / "matplotlibrc")
    os.environ["TQDM_DISABLE"] = "1"
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # a thread that waits leaves its core to others


def forget_stale_outputs(app: Sphinx, config: Any) -> None:
    """Clear the execution cache and the parsed pages when a file that pages read, or Python, has changed."""
    cache = Path(config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache")
    stamp = cache.with_name(".read-by-pages")
    fingerprint = fingerprint_of_inputs(Path(app.srcdir))
    if stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint:
        return
    shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(app.doctreedir, ignore_errors=True)
    Path(app.doctreedir).mkdir(parents=True)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(fingerprint, encoding="utf-8")


def fingerprint_of_inputs(root: Path) -> str:
    """A hash of Python's version and of every file below ``root`` that a page may read."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in sorted({path for pattern in READ_BY_PAGES for path in root.glob(pattern)}):
        name = path.relative_to(root).as_posix()
        if not name.startswith(NOT_READ_BY_PAGES):
            digest.update(f"\n{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def pages_that_borrow(app: Sphinx, _env: object, _added: set[str], _changed: set[str], _removed: set[str]) -> list[str]:
    """The pages that show what others measured, and are read again in each build, since those may have changed."""
    sources = {page: Path(app.env.doc2path(page)).read_text(encoding="utf-8") for page in app.env.found_docs}
    return [page for page, text in sources.items() if any(word in text for word in BORROWING)]


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
        file.write_text(notebooks.written(page, root), encoding="utf-8")


def forget_pages_with_warnings(app: Sphinx, _error: Exception | None) -> None:
    """Let the next build read every page again after a warning, so that it fails again."""
    if app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def fingerprint_of_extension() -> str:
    """A hash of the extension's own files."""
    files = sorted(path for pattern in ("*.py", "templates/*", "widgets/*") for path in HERE.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_config_value("course_extension", fingerprint_of_extension(), "env")  # a new one writes every page anew
    for part in ("choices", "drawings", "pages"):
        app.setup_extension(part)
    app.connect("config-inited", prepare_kernels)
    app.connect("config-inited", forget_stale_outputs)
    app.connect("env-get-outdated", pages_that_borrow)
    app.connect("source-read", strip_solutions)
    app.connect("html-page-context", offer_notebook, priority=900)
    app.connect("build-finished", write_notebooks)
    app.connect("build-finished", forget_pages_with_warnings)
    return {"parallel_read_safe": True}
