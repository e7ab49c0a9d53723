"""Grading from the command line: folders and zips, statuses, outputs, resuming, parts, and what is refused."""

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from banks.hostile import RIGHT
from tests.conftest import ROOT
from tests.labutils.grading.conftest import SHEET, labutils, page, readable_python, record, wait_until

pytestmark = pytest.mark.slow
RELU_FIRST = RIGHT.replace("F.relu(y + self.shortcut(x))", "F.relu(y) + self.shortcut(x)")


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory, solved: bytes) -> tuple[Path, Path]:
    """A graded class: the folder with the submissions, and the one with the results."""
    folder = tmp_path_factory.mktemp("class")
    files = folder / "files"
    files.mkdir()
    (files / "amy.md").write_bytes(solved)
    (files / "bob.md").write_text(page(RELU_FIRST), encoding="utf-8")
    (files / "cem.ipynb").write_bytes((ROOT / f"notebooks/exercises/{SHEET}.ipynb").read_bytes())
    (files / "dan.ipynb").write_text("no notebook", encoding="utf-8")
    (files / "=eve.md").write_text(page("class BasicBlock(nn.Module):\n    while True: pass\n"), encoding="utf-8")
    (files / "fay.md").symlink_to(files / "amy.md")
    (folder / "roster.csv").write_text("id,name\namy,Amy A.\nbob,Bob B.\nzoe,Zoe Z.\n", encoding="utf-8")
    out = folder / "out"
    result = grade(files, out, "--roster", folder / "roster.csv", "--time", "5", "--format", "csv,gradescope,html")
    assert result.returncode == 0, result.stderr
    assert "5 submissions" not in result.stdout
    assert "cem is not on the roster." in result.stdout
    return files, out


def grade(what: Path, out: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return labutils("grade", what, "--sheet", SHEET, "--out", out, "--jobs", "2", *more)


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
    grade(files / "bob.md", tmp_path, "--salt", str(block["salt"]))
    again = record(tmp_path, "bob")["marks"][0]
    assert again == block


def test_salts_are_drawn_anew(batch: tuple[Path, Path]) -> None:
    salts = [mark["salt"] for name in ("amy", "bob") for mark in record(batch[1], name)["marks"] if mark["salt"]]
    assert len(salts) == len(set(salts)) >= 4


def test_the_table_has_a_row_for_each_student_and_no_formula(batch: tuple[Path, Path]) -> None:
    with (batch[1] / "marks.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows[:3]] == ["amy", "bob", "zoe"]
    assert [row["status"] for row in rows[:3]] == ["passed", "partial", "missing"]
    assert rows[0]["points"] == rows[0]["of"] == "30"
    assert rows[2]["points"] == "0"
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_reports_for_students_class_and_gradescope(batch: tuple[Path, Path]) -> None:
    out = batch[1]
    assert "30 of 30 points" in (out / "amy.html").read_text(encoding="utf-8")
    report = (out / "class-report.html").read_text(encoding="utf-8")
    assert record(out, "bob")["marks"][0]["misconception"] in report
    assert "<svg" in report
    results = json.loads((out / "gradescope/amy/results.json").read_text(encoding="utf-8"))
    assert results["score"] == 30
    assert [test["max_score"] for test in results["tests"]] == [10, 10, 10]


def test_what_is_graded_is_not_graded_again_unless_it_changed(batch: tuple[Path, Path], tmp_path: Path) -> None:
    files, out = batch
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    changed = files / "dan.ipynb"
    changed.write_text("still no notebook", encoding="utf-8")
    assert grade(files, out, "--time", "5").returncode == 0
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert {name for name in before if before[name] != after[name]} <= {"dan.json", "fay.json"}
    assert before["dan.json"] != after["dan.json"]


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


def test_parts_merge_by_copying_folders(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("a", "b", "c"):
        (files / f"{name}.md").write_text(page(RIGHT), encoding="utf-8")
    for part in ("1/2", "2/2"):
        assert grade(files, tmp_path / part.replace("/", "of"), "--shard", part).returncode == 0
    first, second = tmp_path / "1of2", tmp_path / "2of2"
    assert len(statuses(first)) == 2
    assert len(statuses(second)) == 1
    for path in second.glob("*.json"):
        path.rename(first / path.name)
    assert labutils("grade", "--sheet", SHEET, "--out", first).returncode == 0
    assert len((first / "marks.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_a_zip_as_platforms_export_it_with_traps(tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Amy Smith_1234567_assignsubmission_file_/01.md", page(RIGHT))
        archive.writestr("bobb_12345_67890_01-residual-block-2.md", page(RIGHT))
        archive.writestr("../../outside.md", page(RIGHT))
        archive.writestr("/absolute.md", page(RIGHT))
        archive.writestr("__MACOSX/._amy.ipynb", "metadata")
        archive.writestr("bomb.ipynb", bytes(200_000_000))
        archive.writestr(link, "/etc/passwd")
    result = grade(file, tmp_path / "out")
    assert result.returncode == 0, result.stderr
    found = statuses(tmp_path / "out")
    assert found == {
        "Amy Smith": "partial",
        "bobb": "partial",
        "outside": "partial",
        "absolute": "partial",
        "bomb": "error",
        "link": "error",
    }
    assert {path.name for path in tmp_path.iterdir()} == {"export.zip", "out"}
    assert not (tmp_path.parent / "outside.md").exists()


def test_our_own_failure_is_no_zero(tmp_path: Path) -> None:
    (tmp_path / "amy.md").write_text(page(RIGHT), encoding="utf-8")
    script = (
        "import sys\nfrom labutils.grading import cli, marking\n"
        "def broken(*a, **k): raise OSError('the disk of the grader is full')\n"
        "marking.mark = broken\nsys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "grade", str(tmp_path), "--sheet", SHEET, "--out", str(tmp_path / "out")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert result.returncode == 2
    assert "Needs a person: amy (infra): OSError: the disk of the grader is full" in result.stdout
    with (tmp_path / "out/marks.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["status"], row["points"]) == ("infra", "")
    assert "no points are lost" in (tmp_path / "out/amy.html").read_text(encoding="utf-8")


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


def test_gradescope_runs_it(tmp_path: Path) -> None:
    file = tmp_path / "autograder.zip"
    assert labutils("gradescope", file, "--sheet", SHEET).returncode == 0
    place = tmp_path / "autograder"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(place / "source")
    (place / "submission").mkdir()
    notebook = (ROOT / f"notebooks/exercises/{SHEET}.ipynb").read_bytes()
    (place / "submission/my work.ipynb").write_bytes(notebook)
    environment = {"AUTOGRADER": str(place), "LABUTILS_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    command = [*readable_python(tmp_path), "bash", str(place / "source/run_autograder")]
    run = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, encoding="utf-8", cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    results = json.loads((place / "results/results.json").read_text(encoding="utf-8"))
    assert results["score"] == 0
    assert [test["status"] for test in results["tests"]] == ["failed"] * 3
    assert not (place / "source/labutils").stat().st_mode & 0o077


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere.ipynb", "--sheet", SHEET), "nowhere.ipynb does not exist."),
        (("Makefile", "--sheet", SHEET), "Makefile is neither a notebook"),
        (("exercises", "--sheet", "09-none"), "There is no sheet '09-none'. There are 01-residual-block, "),
        (("--sheet", SHEET), "There is nothing to grade"),
        (("exercises", "--sheet", SHEET, "--roster", "nowhere.csv"), "The roster nowhere.csv can't be read"),
    ],
)
def test_what_can_not_be_graded_is_refused_in_a_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    result = labutils("grade", *arguments, "--out", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr.startswith(sentence)
    assert len(result.stderr.splitlines()) == 1


def test_where_there_are_no_namespaces_it_says_what_to_type(tmp_path: Path, solved: bytes) -> None:
    (tmp_path / "amy.md").write_bytes(solved)
    script = (
        "import sys\nfrom labutils.grading import cli, remote\n"
        "def impossible(self): raise remote.Gone('infra', 'unshare: Operation not permitted')\n"
        "remote.Child.read = impossible\nsys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "grade", str(tmp_path), "--sheet", SHEET, "--out", str(tmp_path / "out")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert result.returncode == 1
    assert "add --sandbox none" in result.stderr


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
