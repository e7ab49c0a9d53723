"""A batch goes on where it stopped, grades again what no longer holds, and no submission ends it. Marks are made up."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from labutils.grading import batch, marking, records
from labutils.grading.records import Record, Status
from labutils.grading.remote import Limits
from labutils.grading.submissions import Submission, Unreadable
from tests.labutils.grading.conftest import SHEET, mark_of, record, record_of

LIMITS = Limits()


class Marker:
    """Stands for ``marking.mark``: what it was asked, and what it answers by the content of a submission."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.salts: list[int] = []
        self.said: dict[bytes, Status] = {}
        self.before: Callable[[str], object] = lambda submission: None

    def __call__(
        self, submission: str, file: str, content: bytes, sheet: str, _exercises: Any, limits: Limits, salt: int
    ) -> Record:
        assert limits is LIMITS
        self.asked.append(submission)
        self.salts.append(salt)
        self.before(submission)
        digest = hashlib.sha256(content).hexdigest()
        mark = mark_of(self.said.get(content, "passed"), 10)
        return record_of(submission, mark, file=file, sheet=sheet, source_sha256=digest)


@pytest.fixture
def marker(monkeypatch: pytest.MonkeyPatch) -> Marker:
    stand_in = Marker()
    monkeypatch.setattr(marking, "mark", stand_in)
    return stand_in


def submission(name: str, content: bytes | Exception = b"content") -> Submission:
    def load() -> bytes:
        if isinstance(content, Exception):
            raise content
        return content

    return Submission(name, f"files/{name}.ipynb", load)


def grade(out: Path, *given: Submission, **more: Any) -> list[Record]:
    return batch.grade(given, SHEET, out, LIMITS, **more)


def test_records_come_in_the_submissions_order_and_are_kept(marker: Marker, tmp_path: Path) -> None:
    bob_is_done = threading.Event()
    marker.before = lambda name: bob_is_done.set() if name == "bob" else bob_is_done.wait(60)
    came: list[str] = []
    graded = grade(
        tmp_path, submission("amy"), submission("bob"), jobs=2, done=lambda record: came.append(record.submission)
    )
    assert [record.submission for record in graded] == ["amy", "bob"]
    assert sorted(came) == ["amy", "bob"]
    assert graded == records.read_all(tmp_path, SHEET)
    assert graded[0].file == "files/amy.ipynb"


def test_every_submission_has_a_file_before_the_first_is_marked(marker: Marker, tmp_path: Path) -> None:
    states: list[str] = []
    marker.before = lambda _: states.append(record(tmp_path, "bob")["state"])
    grade(tmp_path, submission("amy"), submission("bob"))
    assert states == ["waiting", "waiting"]
    assert record(tmp_path, "bob")["state"] == "done"


def test_what_has_a_record_is_not_graded_again(marker: Marker, tmp_path: Path) -> None:
    first = grade(tmp_path, submission("amy"))
    before = (tmp_path / "amy.json").stat()
    assert grade(tmp_path, submission("amy"), submission("bob"))[0] == first[0]
    assert marker.asked == ["amy", "bob"]
    assert (tmp_path / "amy.json").stat().st_ino == before.st_ino


@pytest.mark.parametrize("status", sorted({*get_args(Status)} - {"infra"}))
def test_every_verdict_but_infra_holds(status: Status, marker: Marker, tmp_path: Path) -> None:
    marker.said[b"content"] = status
    for _ in range(2):
        assert grade(tmp_path, submission("amy"))[0].status == status
    assert marker.asked == ["amy"]


def test_our_fault_is_graded_again(marker: Marker, tmp_path: Path) -> None:
    marker.said[b"content"] = "infra"
    assert grade(tmp_path, submission("amy"))[0].status == "infra"
    marker.said[b"content"] = "passed"
    assert grade(tmp_path, submission("amy"))[0].status == "passed"
    assert marker.asked == ["amy", "amy"]
    assert record(tmp_path, "amy")["status"] == "passed"


def test_what_changed_is_graded_again(marker: Marker, tmp_path: Path) -> None:
    grade(tmp_path, submission("amy", b"one"))
    (graded,) = grade(tmp_path, submission("amy", b"other"))
    assert graded.source_sha256 == hashlib.sha256(b"other").hexdigest()
    assert marker.asked == ["amy", "amy"]


def test_a_record_of_another_sheet_does_not_hold(marker: Marker, tmp_path: Path) -> None:
    grade(tmp_path, submission("amy"))
    (graded,) = batch.grade([submission("amy")], "02-small-resnet", tmp_path, LIMITS)
    assert graded.sheet == "02-small-resnet"
    assert len(marker.asked) == 2


def test_with_a_salt_everything_is_graded_again_with_it(marker: Marker, tmp_path: Path) -> None:
    grade(tmp_path, submission("amy"))
    grade(tmp_path, submission("amy"), salt=7)
    assert marker.salts == [0, 7]


@pytest.mark.parametrize("left", ["", '{"state": "waiting"}', '{"format": 1, "state": "do'])
def test_what_a_killed_run_left_is_graded(left: str, marker: Marker, tmp_path: Path) -> None:
    (tmp_path / "amy.json").write_text(left, encoding="utf-8")
    assert grade(tmp_path, submission("amy"))[0].status == "passed"
    assert record(tmp_path, "amy")["status"] == "passed"


def test_a_file_that_can_not_be_read_is_told_so_and_gets_no_points(marker: Marker, tmp_path: Path) -> None:
    graded, _ = grade(tmp_path, submission("amy", Unreadable("The file is encrypted.")), submission("bob"))
    assert (graded.status, graded.score, graded.max_score) == ("error", 0, 30)
    assert [mark.exercise for mark in graded.marks] == ["residual-block", "shortcut-a", "pre-activation"]
    assert {(mark.status, mark.score, mark.message) for mark in graded.marks} == {
        ("error", 0, "The file is encrypted.")
    }
    assert graded.source_sha256 == ""
    assert records.read_all(tmp_path, SHEET)[0] == graded
    assert marker.asked == ["bob"]
    assert grade(tmp_path, submission("amy"))[0].status == "passed"


@pytest.mark.parametrize("where", ["in loading", "in marking"])
def test_an_error_of_ours_ends_no_batch_and_is_infra(where: str, marker: Marker, tmp_path: Path) -> None:
    def broken(name: str) -> None:
        if name == "amy":
            raise OSError("the disk is full")

    marker.before = broken if where == "in marking" else marker.before
    amy = submission("amy", OSError("the disk is full") if where == "in loading" else b"content")
    ours, bob = grade(tmp_path, amy, submission("bob"))
    assert (ours.status, ours.marks[0].status) == ("infra", "infra")
    assert ours.marks[0].message == "OSError: the disk is full"
    assert bob.status == "passed"
    assert record(tmp_path, "amy")["status"] == "infra"


def test_an_interrupt_leaves_the_rest_waiting(marker: Marker, tmp_path: Path) -> None:
    interrupted = threading.Event()

    def interrupt(_record: Record) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    marker.before = lambda name: name == "s0" or interrupted.wait(60)
    with pytest.raises(KeyboardInterrupt):
        grade(tmp_path, *(submission(f"s{number}") for number in range(50)), done=interrupt)
    assert record(tmp_path, "s0")["state"] == "done"
    assert record(tmp_path, "s49")["state"] == "waiting"


def test_as_many_are_marked_at_once_as_was_said(marker: Marker, tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=60)
    at_once: list[int] = []

    def meet(_submission: str) -> None:
        together.wait()  # for ever, if only one is marked at a time
        at_once.append(threading.active_count() - before)

    before = threading.active_count()
    marker.before = meet
    assert len(grade(tmp_path, *(submission(f"s{number}") for number in range(6)), jobs=2)) == 6
    assert max(at_once) <= 2


def test_an_unknown_sheet_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        batch.grade([submission("amy")], "09-none", tmp_path, LIMITS)
    assert list(tmp_path.iterdir()) == []
