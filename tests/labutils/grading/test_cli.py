"""The command line in process, with made-up marks: parts, outputs, exit codes, and what is refused in a sentence."""

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from labutils.grading import cli, marking
from labutils.grading.records import Record, Status
from labutils.grading.remote import Child, Gone, Limits
from tests.conftest import ROOT
from tests.labutils.grading.conftest import SHEET, mark_of, record, record_of

EXERCISES = ("residual-block", "shortcut-a", "pre-activation")
POINTS: dict[Status, int] = {"passed": 10, "review": 4}
NO_NAMESPACES = "unshare: Operation not permitted"


class Started(Child):
    """Stands for the process with which the command line sees whether one can be started."""

    def __init__(self, *_arguments: Any) -> None:
        pass

    def __exit__(self, *_exception: object) -> None:
        pass

    def read(self) -> Any:
        pass

    def wait_until_ready(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _as_in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(torch, "set_num_threads", lambda _number: None)


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> list[Limits]:
    """Nothing is executed: a submission's content is the statuses of its exercises, or what our own code raises.

    Which limits were set.
    """
    limits_set: list[Limits] = []

    def mark(
        submission: str, file: str, content: bytes, sheet: str, _exercises: Any, limits: Limits, salt: int
    ) -> Record:
        limits_set.append(limits)
        statuses: list[Any] = content.decode().split()
        if "interrupted" in statuses:
            raise KeyboardInterrupt
        if "broken" in statuses:
            raise OSError("the disk of the grader is full")
        digest = hashlib.sha256(content).hexdigest()
        marks = [
            mark_of(status, POINTS.get(status, 0), exercise=exercise, message="why", salt=salt)
            for exercise, status in zip(EXERCISES, statuses, strict=False)
        ]
        return record_of(submission, *marks, file=file, sheet=sheet, source_sha256=digest)

    monkeypatch.setattr(marking, "mark", mark)
    monkeypatch.setattr(cli, "Child", Started)
    return limits_set


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder for submissions."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder for results."""
    return tmp_path / "out"


def hand_in(files: Path, **statuses: Status | str) -> None:
    for name, status in statuses.items():
        (files / f"{name}.ipynb").write_text(status, encoding="utf-8")


def grade(*arguments: str | Path, sheet: str = SHEET) -> int:
    return cli.main(["grade", "--sheet", sheet, *map(str, arguments)])


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "marks.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_class_is_graded_into_a_table_and_pages(
    files: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(files, amy="passed", bob="failed", cem="failed")
    (tmp_path / "students.csv").write_text("id,name\namy,Amy A.\nbob,Bob B.\nzoe,Zoe Z.\n", encoding="utf-8")
    assert grade(files, "--out", out, "--roster", tmp_path / "students.csv") == 0
    assert [(row["id"], row["name"], row["status"], row["points"]) for row in rows(out)] == [
        ("amy", "Amy A.", "passed", "10"),
        ("bob", "Bob B.", "failed", "0"),
        ("zoe", "Zoe Z.", "missing", "0"),
        ("cem", "", "failed", "0"),
    ]
    assert {"residual-block points", "shortcut-a status", "pre-activation misconception"} <= set(rows(out)[0])
    assert "10 of 10 points" in (out / "amy.html").read_text(encoding="utf-8")
    assert "What went wrong" in (out / "class-report.html").read_text(encoding="utf-8")
    assert not (out / "gradescope").exists()
    said = capsys.readouterr().out
    assert f"{SHEET}: 3 submissions in {out}" in said
    assert "failed        2" in said
    assert "mean 3.3 of 10 points" in said
    assert "cem is not on the roster." in said
    assert "amy is not on the roster." not in said


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        ("json", {"amy.json"}),
        ("csv", {"amy.json", "marks.csv"}),
        ("html,csv", {"amy.json", "marks.csv", "amy.html", "class-report.html"}),
        ("gradescope", {"amy.json", "gradescope"}),
    ],
)
def test_only_the_formats_asked_for_are_written(formats: str, expected: set[str], files: Path, out: Path) -> None:
    hand_in(files, amy="passed")
    assert grade(files, "--out", out, "--format", formats) == 0
    assert {path.name for path in out.iterdir()} == expected


def test_gradescope_gets_results_but_not_where_a_person_is_needed(files: Path, out: Path) -> None:
    hand_in(files, amy="passed", bob="infra", cem="protocol", dan="review infra")
    assert grade(files, "--out", out, "--format", "gradescope") == 2
    assert [path.relative_to(out).as_posix() for path in out.rglob("results.json")] == ["gradescope/amy/results.json"]
    results = json.loads((out / "gradescope/amy/results.json").read_text(encoding="utf-8"))
    assert results["score"] == 10


def test_gradescope_gets_what_is_decided_of_a_submission_in_review(files: Path, out: Path) -> None:
    hand_in(files, amy="review passed")
    assert grade(files, "--out", out, "--format", "gradescope") == 2
    results = json.loads((out / "gradescope/amy/results.json").read_text(encoding="utf-8"))
    assert (results["score"], results["output"]) == (14, "14 of 20 points so far. A person will look at the rest.")


@pytest.mark.parametrize("status", ["infra", "protocol", "review"])
def test_what_needs_a_person_is_named_with_its_file_and_exercises(
    status: Status, files: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "late").mkdir()
    hand_in(files, **{"late/amy": f"{status} passed {status}"}, bob="passed")
    assert grade(files, "--out", out) == 2
    line = f"Needs a person: amy ({status}), residual-block, pre-activation in late/amy.ipynb: why\n"
    assert line in capsys.readouterr().out


def test_every_exercise_that_needs_a_person_is_named(
    files: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(files, amy="review protocol timeout")
    assert grade(files, "--out", out) == 2
    said = capsys.readouterr().out
    assert "Needs a person: amy (review), residual-block in amy.ipynb: why\n" in said
    assert "Needs a person: amy (protocol), shortcut-a in amy.ipynb: why\n" in said
    assert said.count("Needs a person") == 2
    assert [row["status"] for row in rows(out)] == ["protocol"]


def test_what_is_in_review_stays_so_and_is_named_again(
    files: Path, out: Path, limits: list[Limits], capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(files, amy="review failed passed")
    for _ in range(2):
        assert grade(files, "--out", out) == 2
        assert "Needs a person: amy (review), residual-block in amy.ipynb: why\n" in capsys.readouterr().out
    assert len(limits) == 1
    assert [(row["status"], row["points"]) for row in rows(out)] == [("review", "14")]
    assert "14 of 30 points so far. A person will look at the rest." in (out / "amy.html").read_text(encoding="utf-8")


def test_our_own_failure_is_no_zero(files: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(files, amy="broken", bob="passed")
    assert grade(files, "--out", out) == 2
    said = capsys.readouterr().out
    exercises = ", ".join(EXERCISES)
    assert f"Needs a person: amy (infra), {exercises} in amy.ipynb: OSError: the disk of the grader is full" in said
    assert "mean 10.0 of 30 points" in said
    assert [(row["status"], row["points"]) for row in rows(out)] == [("infra", ""), ("passed", "10")]
    assert "no points are lost" in (out / "amy.html").read_text(encoding="utf-8")
    hand_in(files, amy="passed")
    assert grade(files, "--out", out) == 0


def test_two_submissions_of_one_student_have_a_file_each(
    files: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(files, amy="passed", AMY="failed")
    assert grade(files, "--out", out) == 0
    assert {path.stem for path in out.glob("*.json")} == {"AMY", "amy-2"}
    assert "amy.ipynb is a further submission of amy: it is graded as amy-2." in capsys.readouterr().out


def test_parts_merge_by_copying_folders(files: Path, tmp_path: Path) -> None:
    hand_in(files, a="passed", b="passed", c="failed", d="passed", e="passed")
    first, second = tmp_path / "first", tmp_path / "second"
    assert grade(files, "--out", first, "--shard", "1/2") == 0
    assert grade(files, "--out", second, "--shard", "2/2") == 0
    assert {path.stem for path in first.glob("*.json")} == {"a", "c", "e"}
    assert {path.stem for path in second.glob("*.json")} == {"b", "d"}
    for path in second.glob("*.json"):
        path.rename(first / path.name)
    assert grade("--out", first) == 0
    assert [row["student"] for row in rows(first)] == ["a", "b", "c", "d", "e"]


def test_a_salt_and_limits_reach_the_marking(files: Path, out: Path, limits: list[Limits], tmp_path: Path) -> None:
    hand_in(files, amy="passed")
    (tmp_path / "students.csv").write_text("id\namy\n", encoding="utf-8")
    more = ("--time", "1.5", "--memory", "3gb", "--sandbox", "none", "--roster", tmp_path / "students.csv")
    assert grade(files, "--out", out, "--salt", "7", *more) == 0
    assert record(out, "amy")["marks"][0]["salt"] == 7
    assert limits == [Limits(1.5, 3 << 30, namespaces=False, hidden=(files, out, tmp_path / "students.csv"))]
    assert grade(files, "--out", out, "--salt", "8") == 0
    assert limits[1] == Limits(20, 2 << 30, namespaces=True, hidden=(files, out))


def test_an_interrupt_says_how_to_go_on(files: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(files, amy="interrupted")
    assert grade(files, "--out", out) == cli.INTERRUPTED == 130
    assert "The same command goes on where this one stopped." in capsys.readouterr().err
    assert record(out, "amy")["state"] == "waiting"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.ipynb"], "nowhere.ipynb does not exist."),
        (["Makefile"], "Makefile is neither a notebook"),
        ([], "There is nothing to grade: no notebook was given, and "),
        (["exercises", "--roster", "nowhere.csv"], "The roster nowhere.csv can't be read"),
        (["exercises", "--sheet", "09-none"], "There is no sheet '09-none'. There are 01-residual-block, "),
        (["exercises", "--out", "Makefile"], "Makefile can't be made a folder for the results: File exists."),
    ],
)
def test_what_can_not_be_graded_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, out: Path, limits: list[Limits], capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade("--out", out, *arguments) == 1
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
    assert limits == []


def test_a_folder_that_can_not_be_written_to_is_refused(
    files: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(files, amy="passed")
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == out and mode == os.W_OK))
    assert grade(files, "--out", out) == 1
    assert capsys.readouterr().err == f"{out} can't be written to.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--jobs", "0"], "'0' is no number from 1 on"),
        (["--jobs", "two"], "'two' is no number from 1 on"),
        (["--time", "0"], "'0' is no number of seconds"),
        (["--time", "nan"], "'nan' is no number of seconds"),
        (["--time", "soon"], "'soon' is no number of seconds"),
        (["--memory", "512M"], "'512M' is no size from 1G on"),
        (["--memory", "1T"], "'1T' is no size"),
        (["--shard", "0/2"], "'0/2' is no part such as 1/4"),
        (["--shard", "3/2"], "'3/2' is no part"),
        (["--shard", "1"], "'1' is no part"),
        (["--format", "csv,xml"], "'xml' is none of json, csv, gradescope, html"),
    ],
)
def test_arguments_that_are_none_are_refused_in_a_sentence(
    arguments: Sequence[str], sentence: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        grade("--out", out, *arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


class Impossible(Started):
    """A process that can't be started."""

    def read(self) -> Any:
        raise Gone("infra", NO_NAMESPACES)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], f"Submissions can't be kept apart here: {NO_NAMESPACES}. Grade on Linux with namespaces, or, for files"),
        (["--sandbox", "none"], f"{NO_NAMESPACES}."),
    ],
)
def test_where_no_process_can_be_started_it_says_what_to_do(
    arguments: list[str],
    expected: str,
    files: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "Child", Impossible)
    hand_in(files, amy="passed")
    assert grade(files, "--out", out, *arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith(expected)
    assert ("add --sandbox none" in said) == (not arguments)
    assert list(out.iterdir()) == []


def test_an_autograder_that_can_not_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gradescope", str(tmp_path / "nowhere/a.zip"), "--sheet", SHEET]) == 1
    assert "a.zip can't be written: No such file or directory." in capsys.readouterr().err
    assert cli.main(["gradescope", str(tmp_path / "a.zip"), "--sheet", "09-none"]) == 1
    assert "There is no sheet '09-none'." in capsys.readouterr().err


def test_only_known_sheets_are_proven(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", SHEET, "09-none"]) == 1
    assert "There is no sheet '09-none'." in capsys.readouterr().err


def test_a_full_folder_is_no_place_for_a_release(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(files, amy="passed")
    assert cli.main(["release", str(files)]) == 1
    assert capsys.readouterr().err.startswith(f"{files} is not empty.")
