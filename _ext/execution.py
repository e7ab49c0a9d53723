"""Executes the pages of the book side by side, before Sphinx reads them.

A page is executed without its solutions and with a time limit of its own, and its outputs are kept under the page's own
hash in the cache, where MyST-NB finds them when the page is read.
"""

import asyncio
import fcntl
import getpass
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import joblib
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_client.manager import AsyncKernelManager
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.logging import getLogger
from traitlets.config import Config

TAKE_LONGEST = ("chapters/01-degradation", "chapters/06-why-it-works", "chapters/05-training")
ALONE = "measures-time"  # the tag of a cell that has the machine for itself
FACTOR = "BOOK_TIME_FACTOR"
log = getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """A page to be executed. ``timeout`` holds for each of its cells, in seconds."""

    name: str
    path: Path
    notebook: NotebookNode
    timeout: float
    where: str

    @property
    def too_long(self) -> str:
        """What is said where a cell exceeds the limit."""
        more = f"{FACTOR}={2 * time_factor():g} make book"
        return (
            f"{self.path.name}: a cell was still running after {self.timeout:g} seconds, which is the limit set by "
            f"{self.where}. On a slow machine, allow all pages twice their time: {more}"
        )


def execute_pages(app: Sphinx, env: BuildEnvironment, docnames: Sequence[str]) -> None:
    """Execute what is about to be read and is not in the cache.

    If a page fails, the others are executed all the same, and the build ends with what is wrong and no more: Sphinx and
    Jupyter Book would print a traceback of their own below it.
    """
    cache = get_cache(cast(Any, env).mystnb_config.execution_cache_path)
    found = (_page(app, env, name) for name in docnames)
    pages = sorted((page for page in found if page and not _is_known(cache, page.notebook)), key=_order)
    if not pages:
        return
    failed: list[str] = []
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(_execute_all(pages, cache, failed))
    if failed:
        sys.exit("\n\n".join(["", *failed]))


def _page(app: Sphinx, env: Any, name: str) -> Page | None:
    """The page as MyST-NB will read it, or None where it has nothing to execute."""
    path = Path(env.doc2path(name))
    source = [path.read_text(encoding="utf-8")]
    app.events.emit("source-read", name, source)
    config: NbParserConfig = env.mystnb_config
    reader = create_nb_reader(str(path), env.myst_config, config, source[0])
    if reader is None:
        return None
    notebook = reader.read(source[0])
    own = dict(notebook.metadata.get(config.metadata_key, {}))
    config = config.copy(**own)
    if config.execution_mode != "cache" or all(cell.cell_type != "code" for cell in notebook.cells):
        return None
    where = f"execution_timeout in {path.name}" if "execution_timeout" in own else "timeout in _config.yml"
    return Page(name, path, notebook, float(config.execution_timeout) * time_factor(), where)


def time_factor() -> float:
    """By how much a slow machine multiplies all limits. Raises ExtensionError for what is no number above 0."""
    text = os.environ.get(FACTOR, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ExtensionError(f"{FACTOR} is {text!r}: give a number above 0, such as 2.")
    return factor


def _is_known(cache: Any, notebook: NotebookNode) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def _order(page: Page) -> tuple[int, int]:
    """Longest first, so that none is left to run alone at the end: those known for it, then by length of code."""
    place = TAKE_LONGEST.index(page.name) if page.name in TAKE_LONGEST else len(TAKE_LONGEST)
    return place, -sum(len(cell.source) for cell in page.notebook.cells if cell.cell_type == "code")


class _Loop(asyncio.SelectorEventLoop):
    """Leaves interrupts to asyncio, which cancels all pages; nbclient would end the kernel of one."""

    def add_signal_handler(self, sig: int, callback: object, *args: object) -> NoReturn:
        raise RuntimeError

    def remove_signal_handler(self, sig: int) -> NoReturn:
        raise RuntimeError


async def _execute_all(pages: Sequence[Page], cache: Any, failed: list[str]) -> None:
    """Execute ``pages`` in order, as many at a time as there are cores. Add to ``failed`` what went wrong."""
    places = asyncio.Semaphore(joblib.cpu_count())
    done = 0

    async def work(page: Page) -> None:
        nonlocal done
        async with places:
            log.info("executing %s", page.name)
            start = time.monotonic()
            try:
                await _execute(page)
            except CellTimeoutError:
                failed.append(page.too_long)
            except Exception as error:  # the cell's own, or one of Jupyter's: the other pages go on
                failed.append(f"{page.path.name}: {error or type(error).__name__}")
            else:
                seconds = time.monotonic() - start
                data = {"execution_seconds": seconds}
                bundle = CacheBundleIn(page.notebook, str(page.path), data=data)  # pyright: ignore[reportCallIssue]
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                done += 1
                log.info("executed %s in %.0f s (%d of %d)", page.name, seconds, done, len(pages))

    async with asyncio.TaskGroup() as group:
        for page in pages:
            group.create_task(work(page))


async def _execute(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:  # with the kernel's sockets: TCP is open to the machine's other users
        sockets = {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}
        client = _Client(
            page.notebook,
            timeout=page.timeout,
            startup_timeout=60 * time_factor(),
            resources={"metadata": {"path": str(page.path.parent)}},
            record_timing=False,  # it would be part of the page's hash
            kernel_manager_class=_Kernels,
            config=Config({"ConnectionFileMixin": sockets}),
        )
        await client.async_execute()


class _Kernels(AsyncKernelManager):
    """Ends a kernel that has nothing to do without an interrupt, which it would report as an error."""

    computing = False

    async def _async_interrupt_kernel(self) -> None:
        if self.computing:
            await super()._async_interrupt_kernel()


class _Client(NotebookClient):
    """Executes each cell under a lock over the machine, which a cell that measures time has for itself."""

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, *args: Any, **options: Any) -> NotebookNode:
        if cell.cell_type != "code":
            return cell
        async with machine(alone=ALONE in cell.metadata.get("tags", [])):
            kernel = cast(_Kernels, self.km)
            kernel.computing = True
            done = await super().async_execute_cell(cell, cell_index, *args, **options)
            kernel.computing = False
            return done


@asynccontextmanager
async def machine(alone: bool) -> AsyncIterator[None]:
    """Share the machine with other cells, of other builds too, or have it ``alone``.

    Whoever waits for the room holds the door, so that nobody enters before them.
    """
    place = Path(tempfile.gettempdir())
    with (
        (place / f"book-{getpass.getuser()}.door").open("wb") as door,
        (place / f"book-{getpass.getuser()}.room").open("wb") as room,
    ):
        await _locked(door, fcntl.LOCK_EX)
        await _locked(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


async def _locked(file: IO[bytes], kind: int) -> None:
    while True:
        try:
            return fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.02)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("env-before-read-docs", execute_pages, priority=600)  # when it is known which pages borrow
    return {"parallel_read_safe": True}
