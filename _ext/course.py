"""The book's own Sphinx extension.

It gives the kernels their settings, forgets what the chapters put out when something that they read has changed, takes
the solutions out of the exercise sheets, and offers each page's notebook. Its other parts execute the pages, draw
figures in the page's colours, set questions with their choices, and finish each page.
"""

import ast
import hashlib
import os
import platform
import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from glued import FILE as VALUES
from solutions import without_solutions
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.logging import getLogger

import notebooks

HERE = Path(__file__).parent
log = getLogger(__name__)
READ_BY_PAGES = (
    "labutils/**/*.py",
    "experiments/runs/*.json",
    "reference/*.json",
    "requirements.txt",
    "_ext/kernel/*",
)
BORROWED = re.compile(r"\{figure-of\} ([\w./-]+)\.md#|`([\w./-]+)\.md::")  # relative to the root, or to the page
NOT_READ_BY_PAGES = ("labutils/checks/", "labutils/grading/", VALUES)


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
    """A hash of Python's version and of what every file below ``root`` that a page may read means."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in sorted({path for pattern in READ_BY_PAGES for path in root.glob(pattern)}):
        name = path.relative_to(root).as_posix()
        if not name.startswith(NOT_READ_BY_PAGES):
            digest.update(f"\n{name}\n".encode() + meaning(path))
    return digest.hexdigest()


def meaning(path: Path) -> bytes:
    """What a file says: of Python code the syntax tree, in which comments and line breaks are not, else its bytes."""
    content = path.read_bytes()
    if path.suffix != ".py":
        return content
    try:
        return ast.dump(ast.parse(content)).encode()
    except SyntaxError:
        return content


def read_borrowers_too(_app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Let the pages that show what others measured be read again together with those."""
    changed = set(docnames)
    docnames += [page for page in sorted(env.found_docs - changed) if borrowed_by(page, env) & changed]


def borrowed_by(page: str, env: BuildEnvironment) -> set[str]:
    """The pages whose figures and numbers ``page`` shows."""
    found = BORROWED.findall(Path(env.doc2path(page)).read_text(encoding="utf-8"))
    return {
        figure_of or posixpath.normpath(posixpath.join(posixpath.dirname(page), glued)) for figure_of, glued in found
    }


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


def copy_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Put beside the pages the notebooks that they offer, as they are committed."""
    if error is None:
        shutil.rmtree(Path(app.outdir, "notebooks"), ignore_errors=True)
        for page in notebooks.pages(Path(app.srcdir)):
            file = f"notebooks/{page}.ipynb"
            Path(app.outdir, file).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy(Path(app.srcdir, file), Path(app.outdir, file))
            except FileNotFoundError:
                log.warning("%s.md has no notebook: run make notebooks, and commit what it writes", page)


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
    for part in ("choices", "drawings", "execution", "pages"):
        app.setup_extension(part)
    app.connect("config-inited", prepare_kernels)
    app.connect("config-inited", forget_stale_outputs)
    app.connect("env-before-read-docs", read_borrowers_too)
    app.connect("source-read", strip_solutions)
    app.connect("html-page-context", offer_notebook, priority=900)
    app.connect("build-finished", copy_notebooks)
    app.connect("build-finished", forget_pages_with_warnings)
    return {"parallel_read_safe": True}
