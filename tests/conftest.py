"""What several tests need."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
LONGEST_FIRST = ("test_colab", "test_hostile", "test_command_line", "test_pages", "test_widgets")
WHOLE = LONGEST_FIRST[1:]  # files with a fixture that is costly to make, so one worker takes them whole
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""

    def place(item: pytest.Item) -> int:
        return LONGEST_FIRST.index(item.path.stem) if item.path.stem in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)


class ByFixtures(LoadScopeScheduling):
    """Deals the tests out one by one, but the files of WHOLE each to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if Path(file).stem in WHOLE else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFixtures:
    """What deals the tests out to the workers."""
    return ByFixtures(config, log)


def build(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the book in ``root`` with the flags of ``make book``, and what is added to the ``environment``."""
    flags = re.search(r"jupyter-book build \.(.*)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert flags is not None
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(root), *flags[1].split()]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=os.environ | environment)


def make_book(root: Path, page: str) -> Path:
    """A book of one page with the settings and the extension of the course, in ``root``."""
    for name in ("_config.yml", "references.bib"):
        shutil.copy(ROOT / name, root)
    for name in ("_ext", "_static"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "_toc.yml").write_text("format: jb-book\nroot: page\n", encoding="utf-8")
    (root / "page.md").write_text(page, encoding="utf-8")
    return root


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """While this lasts, a file that would grow beyond ``size`` bytes can't be written to its end, as on a full disk."""
    resource = pytest.importorskip("resource")  # missing on Windows
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium. Where it is missing, CI fails and another machine is told what was left out."""
    if CHROMIUM is None:
        message = "no Chromium here: what a browser shows was NOT tested (install chromium)"
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)  # a machine without a browser can still run all other tests
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()
