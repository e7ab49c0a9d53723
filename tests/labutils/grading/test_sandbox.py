"""What a submission's process can reach, and as whom it runs."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from banks.hostile import RIGHT
from labutils.checks import exercises
from labutils.grading import marking
from labutils.grading.marking import Mark
from labutils.grading.remote import Limits
from tests.conftest import ROOT
from tests.labutils.grading.conftest import SHEET, labutils, page, readable_python, record

pytestmark = pytest.mark.slow
PYTHON_IN_TMP = {place.parts[2] for place in map(Path, (sys.prefix, sys.base_prefix)) if place.is_relative_to("/tmp")}
EXPECTED = f"""\
import ctypes, os, socket
def expect(name, right):
    if not right: found.append(name)
def refused(action):
    try: action()
    except OSError: return True
    return False
expect("not root", os.getuid() and os.geteuid())
expect("no capabilities", "CapEff:\\t0000000000000000" in open("/proc/self/status").read())
expect("no new privileges", "NoNewPrivs:\\t1" in open("/proc/self/status").read())
expect("few processes", len([name for name in os.listdir("/proc") if name.isdigit()]) == 2)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: its own memory is the submission's to read
expect("nothing of the grader's environment", b"PYTEST" not in open("/proc/self/environ", "rb").read())
expect("one thread", len(os.listdir("/proc/self/task")) == 1)
expect("empty /tmp", sorted(os.listdir("/tmp")) == {sorted(PYTHON_IN_TMP)})
expect("no course", refused(lambda: os.listdir({str(ROOT / "labutils")!r})))
expect("Python read-only", refused(lambda: open({str(Path(sys.prefix) / "new")!r}, "w")))
expect("system read-only", refused(lambda: os.mkdir("/new")))
expect("no network", refused(lambda: socket.create_connection(("127.0.0.1", 22), 1)))
expect("one interface", len(socket.if_nameindex()) == 1)
expect("warden closed", refused(lambda: open("/proc/1/mem", "rb")))
expect("hidden file empty", refused(lambda: open({str(Path(sys.prefix) / "pyvenv.cfg")!r}).read()) or not open(
    {str(Path(sys.prefix) / "pyvenv.cfg")!r}).read())
import torch
from pathlib import Path
site = Path(torch.__file__).parent.parent
expect("torchvision hidden", not list(site.glob("torchvision/*")))
"""
INSIDE = f"""\
found = []
try:
{textwrap.indent(EXPECTED, "    ")}
except Exception as error:
    found.append(repr(error))
"""


def mark(source: str, limits: Limits) -> Mark:
    block = exercises.load("residual-block")
    return marking.mark("one", "one.md", page(source).encode(), SHEET, [block], limits).marks[0]


def test_a_submission_sees_nothing_and_may_nothing() -> None:
    source = INSIDE + RIGHT.replace(
        "super().__init__()", "super().__init__()\n        if found: raise RuntimeError(str(found))", 1
    )
    found = mark(source, Limits(time=60, hidden=(Path(sys.prefix) / "pyvenv.cfg",)))
    assert found.status == "passed", found.message


@pytest.mark.skipif(os.getuid() != 0, reason="the other tests run as a user already")
def test_a_grader_that_is_not_root_has_its_sandbox_too() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "amy.md").write_text(page(RIGHT), encoding="utf-8")
        before = [*readable_python(folder), "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"]
        files = (folder / "amy.md", "--sheet", SHEET, "--out", folder / "out")
        result = labutils("grade", *files, before=before, HOME=name, PYTHONDONTWRITEBYTECODE="1")
        assert result.returncode == 0, result.stderr
        assert record(folder / "out", "amy")["marks"][0]["status"] == "passed"


@pytest.fixture
def private_folder() -> Iterator[Path]:
    """A folder below /tmp that only its owner can enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


def grade_with_python_in(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Grade a right submission as root with the environment at ``folder/python``, where new files are private."""
    (folder / "python").mkdir()
    (folder / "amy.md").write_text(page(RIGHT), encoding="utf-8")
    script = f'mount --bind "{sys.prefix}" {folder}/python && umask 077 && exec {folder}/python/bin/python "$@"'
    private = ["unshare", "--mount", "--propagation", "private", *readable_python(folder), "sh", "-c", script, "sh"]
    grade = ["-m", "labutils", "grade", folder / "amy.md", "--sheet", SHEET, "--out", folder / "out", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*private, *grade], capture_output=True, encoding="utf-8", cwd=ROOT, env=environment)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_python_may_lie_below_tmp_and_new_files_be_private(private_folder: Path) -> None:
    result = grade_with_python_in(private_folder)
    assert result.returncode == 0, result.stderr
    assert record(private_folder / "out", "amy")["marks"][0]["status"] == "passed"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_without_a_sandbox_packages_that_only_root_can_read_are_refused(private_folder: Path) -> None:
    result = grade_with_python_in(private_folder, "--sandbox", "none")
    assert result.returncode == 1, result.stderr
    assert "the submission's user can't read" in result.stderr
    assert "torch/__init__.py. Python and its packages must lie where every user can read them." in result.stderr
    assert not (private_folder / "out" / "amy.json").exists()


def test_no_folder_is_left_after_a_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert mark(RIGHT, Limits(time=60)).status == "passed"
    assert list(tmp_path.iterdir()) == []


def test_no_folder_is_left_by_a_grader_that_is_killed_before_it_sends_anything(tmp_path: Path) -> None:
    script = (
        "import os, signal; from labutils.grading.remote import Child, Limits; "
        "child = Child(b'', 'md', {}, Limits()); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment)
    assert result.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
