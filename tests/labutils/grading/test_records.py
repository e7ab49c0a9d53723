"""Records: the file each is kept in, whole or not at all, and what is taken for one."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labutils.grading import records
from labutils.grading.records import Status
from tests.labutils.grading.conftest import SHEET, mark_of, record_of

PARTIAL = mark_of("partial", 4, message="größer – 5", salt=7, checks=[{"name": "shape", "status": "passed"}])
AMY = record_of("amy", PARTIAL, mark_of("passed", 10, exercise="shortcut-a"))


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can have more than 100 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    records.write(tmp_path, AMY)
    assert records.read(tmp_path / "amy.json") == AMY


def test_where_a_record_can_not_be_written_the_one_before_is_still_there_and_nothing_else(tmp_path: Path) -> None:
    records.write(tmp_path, AMY)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        records.write(tmp_path, record_of("amy", mark_of("failed")))
    assert records.read(tmp_path / "amy.json") == AMY
    assert list(tmp_path.iterdir()) == [tmp_path / "amy.json"]


def test_who_reads_while_a_record_is_replaced_reads_the_old_one_whole(tmp_path: Path) -> None:
    records.write(tmp_path, AMY)
    with (tmp_path / "amy.json").open(encoding="utf-8") as stream:
        records.write(tmp_path, record_of("amy", mark_of("failed")))
        assert json.load(stream)["score"] == 14
    found = records.read(tmp_path / "amy.json")
    assert found is not None
    assert found.status == "failed"


def test_a_submission_that_waits_has_a_file_and_no_record(tmp_path: Path) -> None:
    records.write_waiting(tmp_path, "amy", "files/amy.md", SHEET)
    written = json.loads((tmp_path / "amy.json").read_text(encoding="utf-8"))
    assert written == {"submission": "amy", "file": "files/amy.md", "sheet": SHEET, "state": "waiting"}
    assert records.read(tmp_path / "amy.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b'"done"', b"\xff", b'{"state": "done"}'])
def test_what_is_no_record_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "amy.json").write_bytes(content)
    assert records.read(tmp_path / "amy.json") is None
    assert records.read(tmp_path / "nobody.json") is None
    assert records.read(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"format": None},
        {"state": "waiting"},
        {"state": None},
        {"marks": None},
        {"marks": [3]},
        {"marks": [{}]},
        {"more": 1},
    ],
)
def test_a_record_of_another_format_or_with_other_fields_is_none(change: dict[str, Any], tmp_path: Path) -> None:
    records.write(tmp_path, AMY)
    file = tmp_path / "amy.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | change), encoding="utf-8")
    assert records.read(file) is None


def test_all_records_are_those_of_the_sheet_that_are_finished(tmp_path: Path) -> None:
    bob = record_of("bob", mark_of("passed", 10))
    for record in (bob, AMY, record_of("cem", mark_of("passed", 10), sheet="02-small-resnet")):
        records.write(tmp_path, record)
    records.write_waiting(tmp_path, "dan", "dan.md", SHEET)
    (tmp_path / "eve.json").write_text("{", encoding="utf-8")
    (tmp_path / "amy.html").write_text("<p>", encoding="utf-8")
    assert records.read_all(tmp_path, SHEET) == [AMY, bob]
    assert records.read_all(tmp_path / "nowhere", SHEET) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Amy Smith", "Amy Smith"),
        ("amy.smith+1@uni-x.edu", "amy.smith+1@uni-x.edu"),
        ("Zoë", "Zoë"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\\b:c", "a_b_c"),
        ("=1+1", "_1+1"),
        (" .amy. ", "amy"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("x" * 200, "x" * 80),
    ],
)
def test_an_id_is_a_safe_name(name: str, expected: str) -> None:
    assert records.safe_id(name) == expected


@given(st.text(max_size=100))
def test_whatever_the_name_its_file_lies_in_the_folder(name: str) -> None:
    out = Path("/out")
    file = records.place(out, records.safe_id(name))
    assert file.parent == out
    assert len(file.name) <= 85
    assert not file.name.startswith(".")
    assert not set('\\/:*?"<>|\n\t\0') & set(file.name)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("passed", "passed"), "passed"),
        (("passed", "failed"), "partial"),
        (("partial", "missing"), "partial"),
        (("partial", "failed"), "partial"),
        (("passed", "protocol"), "protocol"),
        (("protocol", "infra", "passed"), "infra"),
        (("review", "protocol"), "protocol"),
        (("review", "infra"), "infra"),
        (("review", "passed"), "review"),
        (("review", "failed"), "review"),
        (("review", "timeout"), "review"),
        (("missing", "failed"), "failed"),
        (("failed", "error"), "error"),
        (("error", "crashed"), "crashed"),
        (("crashed", "memory"), "memory"),
        (("memory", "timeout"), "timeout"),
        (("missing", "missing"), "missing"),
    ],
)
def test_one_status_for_several_exercises(statuses: tuple[Status, ...], expected: Status) -> None:
    assert records.overall(statuses) == records.overall(statuses[::-1]) == expected
