"""Grading from the command line with real processes: statuses, outputs, resuming, other users, what terminals show."""

import csv
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from banks.hostile import RIGHT, notebook
from labutils.checks.result import WHY_UNDECIDED
from tests.conftest import ROOT
from tests.labutils.grading.conftest import SHEET, UNDECIDED, labutils, page, readable_python, record, wait_until

pytestmark = pytest.mark.slow
RELU_FIRST = RIGHT.replace("F.relu(y + self.shortcut(x))", "F.relu(y) + self.shortcut(x)")


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory, solved: bytes) -> tuple[Path, Path]:
    """A graded class: the folder with the submissions, and the one with the results."""
    folder = tmp_path_factory.mktemp("class")
    files = folder / "files"
    files.mkdir()
    with zipfile.ZipFile(files.with_name("export.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("amy_1234567_assignsubmission_file_/01.md", solved)
    (files / "bob.md").write_text(page(RELU_FIRST), encoding="utf-8")
    (files / "cem.ipynb").write_bytes((ROOT / f"notebooks/exercises/{SHEET}.ipynb").read_bytes())
    (files / "dan.ipynb").write_text("no notebook", encoding="utf-8")
    (files / "=eve.md").write_text(page("class BasicBlock(nn.Module):\n    while True: pass\n"), encoding="utf-8")
    (files / "fay.md").symlink_to(files / "bob.md")
    (folder / "roster.csv").write_text("id,name\namy,Amy A.\nbob,Bob B.\nzoe,Zoe Z.\n", encoding="utf-8")
    out = folder / "out"
    more = ("--roster", folder / "roster.csv", "--time", "5", "--format", "csv,gradescope,html")
    result = grade([files, files.with_name("export.zip")], out, *more)
    assert result.returncode == 0, result.stderr
    assert "6 submissions in " in result.stdout
    assert "cem is not on the roster." in result.stdout
    return files, out


def grade(what: Sequence[Path], out: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return labutils("grade", *what, "--sheet", SHEET, "--out", out, "--jobs", "2", *more)


def statuses(out: Path) -> dict[str, str]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["status"] for path in out.glob("*.json")}


def test_each_submission_has_its_status(batch: tuple[Path, Path]) -> None:
    expected = {"amy": "passed", "bob": "partial", "cem": "failed", "dan": "error", "=eve": "timeout", "fay": "error"}
    found = statuses(batch[1])
    assert found == {name.replace("=", "_"): status for name, status in expected.items()}


def test_a_result_file_holds_what_reproduces_the_mark(batch: tuple[Path, Path], tmp_path: Path) -> None:
    files, out = batch
    first = record(out, "bob")
    block = first["marks"][0]
    assert len(first["source_sha256"]) == 64
    assert set(first["versions"]) == {"labutils", "python", "torch", "platform"}
    assert block["first_failure"] == "silenced branch"
    assert block["misconception"]
    grade([files / "bob.md"], tmp_path, "--salt", str(block["salt"]))
    again = record(tmp_path, "bob")["marks"][0]
    assert again == block


def test_salts_are_drawn_anew(batch: tuple[Path, Path]) -> None:
    salts = [mark["salt"] for name in ("amy", "bob") for mark in record(batch[1], name)["marks"] if mark["salt"]]
    assert len(salts) == len(set(salts)) >= 4


def test_table_and_reports_hold_the_marks(batch: tuple[Path, Path]) -> None:
    out = batch[1]
    with (out / "marks.csv").open(encoding="utf-8") as stream:
        amy, bob, zoe, *_ = csv.DictReader(stream)
    assert [amy["status"], bob["status"], zoe["status"]] == ["passed", "partial", "missing"]
    assert amy["points"] == amy["of"] == "30"
    misconception = record(out, "bob")["marks"][0]["misconception"]
    assert bob["residual-block misconception"] == misconception
    assert misconception in (out / "class-report.html").read_text(encoding="utf-8")
    results = json.loads((out / "gradescope/amy/results.json").read_text(encoding="utf-8"))
    assert [test["score"] for test in results["tests"]] == [10, 10, 10]


def test_a_block_that_can_not_be_decided_waits_for_a_person_with_its_points_so_far(tmp_path: Path) -> None:
    files, out = tmp_path / "files", tmp_path / "out"
    files.mkdir()
    (files / "amy.md").write_text(page(UNDECIDED), encoding="utf-8")
    result = grade([files], out)
    assert result.returncode == 2, result.stderr
    block = record(out, "amy")["marks"][0]
    undecided = [check["name"] for check in block["checks"] if check["status"] != "passed"]
    assert block["status"] == "review"
    assert 0 < block["score"] == sum(check["points"] for check in block["checks"]) < block["max_score"]
    assert [name in block["message"] for name in undecided] == [True] * len(undecided)
    assert block["message"].startswith("A person decides what the grader could not: output in training (1 point), ")
    assert block["message"].endswith(f"(1 point). {WHY_UNDECIDED}")
    assert f"Needs a person: amy (review), residual-block in amy.md: {block['message']}\n" in result.stdout
    first = (out / "amy.json").read_bytes()
    assert grade([files], out).returncode == 2
    assert (out / "amy.json").read_bytes() == first


def test_a_killed_run_goes_on_and_leaves_neither_process_nor_folder(tmp_path: Path) -> None:
    files, out, temporary = tmp_path / "files", tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    files.mkdir()
    (files / "a.md").write_text(page(RIGHT), encoding="utf-8")
    (files / "b.md").write_text(page("class BasicBlock(nn.Module):\n    while True: pass\n"), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "labutils",
        "grade",
        str(files),
        "--sheet",
        SHEET,
        "--out",
        str(out),
        "--jobs",
        "1",
    ]
    run = subprocess.Popen(
        [*command, "--time", "1000"],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)},
    )
    wait_until(lambda: (out / "a.json").exists() and "done" in (out / "a.json").read_text(encoding="utf-8"))
    assert run.poll() is None
    assert record(out, "b")["state"] == "waiting"
    first = (out / "a.json").read_bytes()
    children = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not psutil.wait_procs(children, timeout=60)[1]
    wait_until(lambda: not list(temporary.glob("labutils-*")))
    assert labutils(*command[3:], "--time", "3").returncode == 0
    assert (out / "a.json").read_bytes() == first
    assert record(out, "b")["status"] == "timeout"


def test_without_a_sandbox_the_same_marks_and_another_user(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "good.md").write_text(page(RIGHT), encoding="utf-8")
    (files / "loop.md").write_text(page("class BasicBlock(nn.Module):\n    while True: pass\n"), encoding="utf-8")
    (files / "root.md").write_text(page(f"import os\nassert os.getuid() == 0\n{RIGHT}"), encoding="utf-8")
    (files / "daemon.md").write_text(
        page("import os\nif os.fork() == 0:\n    os.setsid()\n    os.execvp('sleep', ['sleep', '87654.3'])\n" + RIGHT),
        encoding="utf-8",
    )
    command = ("grade", files, "--sheet", SHEET, "--out", tmp_path / "out", "--time", "5", "--sandbox", "none")
    result = labutils(*command, before=readable_python(tmp_path))
    assert result.returncode == 0, result.stderr
    found = {name: record(tmp_path / "out", name)["marks"][0]["status"] for name in ("good", "loop", "daemon")}
    assert found == {"good": "passed", "loop": "timeout", "daemon": "passed"}
    assert not any(process.info["cmdline"] == ["sleep", "87654.3"] for process in psutil.process_iter(["cmdline"]))
    if not os.getuid():
        as_someone = page(f"import os\nif os.getuid() == 0 or os.geteuid() == 0: os._exit(1)\n{RIGHT}")
        (files / "root.md").write_text(as_someone, encoding="utf-8")
        assert labutils(*command, before=readable_python(tmp_path / "out")).returncode == 0
        assert record(tmp_path / "out", "root")["marks"][0]["status"] == "passed"


def on_gradescope(tmp_path: Path, content: bytes) -> dict[str, Any]:
    """What the autograder of the first sheet writes for students to read."""
    file = tmp_path / "autograder.zip"
    assert labutils("gradescope", file, "--sheet", SHEET).returncode == 0
    place = tmp_path / "autograder"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(place / "source")
    (place / "submission").mkdir()
    (place / "submission/my work.ipynb").write_bytes(content)
    environment = {"AUTOGRADER": str(place), "LABUTILS_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    command = [*readable_python(tmp_path), "bash", str(place / "source/run_autograder")]
    run = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, encoding="utf-8", cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert not (place / "source/labutils").stat().st_mode & 0o077
    return json.loads((place / "results/results.json").read_text(encoding="utf-8"))


def test_gradescope_runs_it(tmp_path: Path) -> None:
    results = on_gradescope(tmp_path, (ROOT / f"notebooks/exercises/{SHEET}.ipynb").read_bytes())
    assert results["score"] == 0
    assert [test["status"] for test in results["tests"]] == ["failed"] * 3


def test_gradescope_gets_the_points_so_far_where_a_person_decides_the_rest(tmp_path: Path) -> None:
    imports = "import torch.nn.functional as F\nfrom torch import nn\n"
    results = on_gradescope(tmp_path, notebook(imports + UNDECIDED))
    assert 0 < results["score"] < 10
    assert results["output"] == f"{results['score']} of 30 points so far. A person will look at the rest."


def test_a_name_that_the_terminal_can_not_show_ends_nothing(tmp_path: Path) -> None:
    file = tmp_path / "Übung – 1.zip"
    result = labutils("gradescope", file, "--sheet", SHEET, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert "\\xdcbung \\u2013 1.zip. Upload it" in result.stdout
    assert file.exists()


def test_release_holds_no_solution_and_refuses_a_full_folder(tmp_path: Path) -> None:
    result = labutils("release", tmp_path / "new")
    assert result.returncode == 0, result.stderr
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir())
    assert "raise NotImplementedError" in text
    assert "BEGIN SOLUTION" not in text
    assert "self.extra = out_channels - in_channels" not in text
    again = labutils("release", tmp_path / "new")
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_verify_proves_a_sheet() -> None:
    result = labutils("verify", SHEET)
    assert (result.returncode, result.stdout) == (0, f"{SHEET}: can be given out\n"), result.stderr
