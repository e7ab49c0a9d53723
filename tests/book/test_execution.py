"""The execution: side by side, each page within its own time, and alone where a cell measures time."""

import ast
import asyncio
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from execution import ALONE, FACTOR, TAKE_LONGEST, machine, time_factor
from myst_nb.core.read import read_myst_markdown_notebook
from sphinx.errors import ExtensionError

import notebooks
from tests.conftest import ROOT, build, make_book

PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
{more}---

# A page

```{{code-cell}} ipython3
{code}
```
"""
CLOCKS = {"median_seconds", "seconds", "perf_counter", "monotonic", "process_time", "time_ns"}


def page(code: str, more: str = "") -> str:
    return PAGE.format(code=code, more=more)


def book_of(root: Path, **pages: str) -> Path:
    """A book of several pages, the first its root."""
    first, *others = pages
    make_book(root, "")
    (root / "page.md").unlink()
    for name, text in pages.items():
        (root / f"{name}.md").write_text(text, encoding="utf-8")
    chapters = "".join(f"  - file: {name}\n" for name in others)
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: {first}\nchapters:\n{chapters}", encoding="utf-8")
    return root


@pytest.mark.builds
@pytest.mark.skipif(joblib.cpu_count() < 2, reason="one core executes one page at a time")
def test_pages_are_executed_side_by_side(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meeting")  # who opens it waits for the other
    limit = "mystnb:\n  execution_timeout: 30\n"
    book_of(tmp_path, one=page("open('meeting', 'w').close()", limit), two=page("open('meeting').close()", limit))
    assert build(tmp_path).returncode == 0


@pytest.mark.builds
def test_a_page_that_takes_too_long_is_named_with_its_limit_and_the_others_are_kept(tmp_path: Path) -> None:
    slow = page("import time\nwhile time.process_time() < 30:\n    pass", "mystnb:\n  execution_timeout: 2\n")
    book_of(tmp_path, slow=slow, quick=page("open('runs', 'a').write('ran')"), wrong=page("1 / 0"))
    for _ in range(2):
        result = build(tmp_path, **{FACTOR: "0.5"})
        assert result.returncode == 1
        assert "slow.md: a cell was still running after 1 seconds" in result.stderr
        assert "execution_timeout in slow.md" in result.stderr
        assert f"{FACTOR}=1 make book" in result.stderr
        assert "wrong.md: An error occurred" in result.stderr
        assert "ZeroDivisionError" in result.stderr
        assert "report" not in result.stderr
        assert "jupyter_book" not in result.stderr  # no traceback of the tools
        assert (tmp_path / "runs").read_text(encoding="utf-8") == "ran"


@pytest.mark.builds
def test_the_page_with_most_code_comes_first(tmp_path: Path) -> None:
    book_of(tmp_path, short=page("1"), long=page("1 + 1\n" * 9), middle=page("1 + 1\n"))
    result = build(tmp_path)
    said = result.stdout + result.stderr
    assert re.findall(r"^executing (\w+)", said, re.MULTILINE) == ["long", "middle", "short"]
    assert "IPKernelApp" not in said


WHO_IS_THERE = """
import fcntl, getpass, tempfile
from pathlib import Path

with (Path(tempfile.gettempdir()) / f"book-{getpass.getuser()}.room").open("wb") as room:
    try:
        fcntl.flock(room, fcntl.LOCK_SH | fcntl.LOCK_NB)
        found = "others may come"
    except BlockingIOError:
        found = "alone"
Path("found").write_text(found, encoding="utf-8")
"""


@pytest.mark.builds
@pytest.mark.parametrize(("tag", "said"), [(f":tags: [{ALONE}]\n\n", "alone"), ("", "others may come")])
def test_a_cell_with_the_tag_has_the_machine_alone(tag: str, said: str, tmp_path: Path) -> None:
    book_of(tmp_path, one=page(tag + WHO_IS_THERE.strip()), two="# Another\n")
    (tmp_path / "tmp").mkdir()  # where no other build holds the lock
    assert build(tmp_path, TMPDIR=str(tmp_path / "tmp")).returncode == 0
    assert (tmp_path / "found").read_text(encoding="utf-8") == said


@pytest.mark.builds
def test_a_sheet_is_executed_once_and_without_its_solution(tmp_path: Path) -> None:
    solution = "def f():\n    # BEGIN SOLUTION\n    return 'the-secret'\n    # END SOLUTION\n\n\n"
    sheet = page(f"{solution}open('runs', 'a').write('ran')")
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "sheet.md").write_text(sheet, encoding="utf-8")
    (tmp_path / "notebooks" / "exercises").mkdir(parents=True)
    (tmp_path / "notebooks" / "exercises" / "sheet.ipynb").write_text("{}", encoding="utf-8")
    make_book(tmp_path, "# A page\n")
    toc = "format: jb-book\nroot: page\nchapters:\n  - file: exercises/sheet\n"
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    assert build(tmp_path).returncode == 0
    assert (tmp_path / "exercises" / "runs").read_text(encoding="utf-8") == "ran"
    files = [path for path in (tmp_path / "_build").rglob("*") if path.is_file()]
    assert any("executed" in path.parts for path in files)
    assert not [path for path in files if b"the-secret" in path.read_bytes()]


@pytest.mark.builds
def test_an_interrupt_ends_all_kernels(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    waits = "import os, signal\nwith open('started', 'w') as file:\n    print(os.getpid(), file=file)\nsignal.pause()"
    book_of(tmp_path, one=page(waits), two=page(waits.replace("'started'", "'also-started'")))
    os.mkfifo(tmp_path / "also-started")
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(tmp_path)]
    with (tmp_path / "said").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as building:
        names = ("started", "also-started")[: joblib.cpu_count()]
        kernels = [int((tmp_path / name).read_text(encoding="utf-8")) for name in names]
        building.send_signal(signal.SIGINT)
        assert building.wait() != 0
    assert "Interrupted!" in (tmp_path / "said").read_text(encoding="utf-8")
    assert not [kernel for kernel in kernels if psutil.pid_exists(kernel)]


def somebody_waits_at_the_door(folder: Path) -> bool:
    (door,) = folder.glob("*.door")
    with door.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_who_measures_time_has_the_machine_alone_and_is_not_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # with a lock that no build beside the tests uses
    order: list[str] = []

    async def cell(name: str, alone: bool, until: asyncio.Event) -> None:
        async with machine(alone):
            order.append(f"{name} in")
            await until.wait()
            order.append(f"{name} out")

    async def all_cells() -> None:
        now, later = asyncio.Event(), asyncio.Event()
        now.set()
        first, second = (asyncio.create_task(cell(name, False, later)) for name in ("first", "second"))
        while len(order) < 2:  # both share the machine
            await asyncio.sleep(0)
        timed = asyncio.create_task(cell("timed", True, now))
        while not somebody_waits_at_the_door(tmp_path):
            await asyncio.sleep(0)
        third = asyncio.create_task(cell("third", False, now))
        await asyncio.sleep(0)  # it tries to enter
        later.set()
        await asyncio.gather(first, second, timed, third)

    async def in_time() -> None:
        async with asyncio.timeout(20):  # where the lock fails, somebody waits for ever
            await all_cells()

    with ThreadPoolExecutor(1) as pool:  # in this thread a browser's events may be running
        pool.submit(lambda: asyncio.run(in_time())).result()
    assert order[:2] == ["first in", "second in"]
    assert order[4:] == ["timed in", "timed out", "third in", "third out"]


@pytest.mark.parametrize("text", ["", "0", "-1", "twice", "nan", "inf"])
def test_a_factor_that_is_no_number_above_0_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FACTOR, text)
    with pytest.raises(ExtensionError, match=f"{FACTOR} is '{text}': give a number above 0, such as 2"):
        time_factor()


def test_a_slow_machine_multiplies_every_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FACTOR, raising=False)
    assert time_factor() == 1
    monkeypatch.setenv(FACTOR, "2.5")
    assert time_factor() == 2.5


def code_cells(name: str) -> Iterator[Any]:
    notebook: Any = read_myst_markdown_notebook((ROOT / f"{name}.md").read_text(encoding="utf-8"))
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def timed_names(tree: ast.AST, clocks: set[str]) -> set[str]:
    """The clocks that the code uses."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return used & clocks


@pytest.mark.parametrize("name", [*notebooks.pages(), "reference/build", "reference/checks", "reference/recorded-runs"])
def test_a_cell_measures_time_if_and_only_if_its_tag_says_so(name: str) -> None:
    clocks = set(CLOCKS)
    for cell in code_cells(name):
        tags = cell.metadata.get("tags", [])
        if "skip-execution" in tags:
            continue
        tree = ast.parse("".join(line for line in cell.source.splitlines(True) if not line.startswith(("%", "!"))))
        names = timed_names(tree, clocks)
        assert bool(names) == (ALONE in tags), f"{names}: {cell.source[:200]}"
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
        clocks |= {function.name for function in functions if timed_names(function, clocks)}


def test_the_pages_known_to_take_longest_are_there() -> None:
    assert set(TAKE_LONGEST) <= set(notebooks.pages())
