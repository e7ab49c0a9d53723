"""The roster that is read, and the table of marks: a row for each student, and no cell that is a formula."""

import csv
import io
from pathlib import Path

import pytest

from labutils.grading import roster
from labutils.grading.records import Refused
from labutils.grading.roster import Roster
from tests.labutils.grading.conftest import mark_of, record_of

EXERCISES = ("residual-block", "shortcut-a")
AMY = record_of("amy", mark_of("passed", 10), mark_of("partial", 4, exercise="shortcut-a", misconception="averages"))
CLASS = Roster(("id", "name"), (("amy", "Amy A."), ("zoe", "Zoe Z.")))
FAILED = ["0", "10", "0", "failed", "", "", "", ""]


def read(tmp_path: Path, content: str | bytes) -> Roster:
    file = tmp_path / "students.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return roster.read(file)


def test_a_roster_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    expected = Roster(("id", "name"), (("amy", "Müller, Amy"), ("bob", "")))
    assert read(tmp_path, 'id,name\namy,"Müller, Amy"\nbob,\n') == expected
    assert read(tmp_path, '\ufeffid, name\r\n\r\n amy ,"Müller, Amy"\r\n,\r\nbob,\r\n\r\n') == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", r"is empty: it needs a line of column names, the students' id first\.$"),
        ("\n,,\n\n", r"is empty"),
        ("id,name\namy,A\nbob\n", r"^Line 3 of the roster .* does not have the 2 columns of its first line\.$"),
        ("id,name\namy,A,B\n", r"^Line 2 of the roster .* does not have the 2 columns"),
        ('id,name\n\namy,"A\nB"\nbob\n', r"^Line 5 of the roster"),
        ("id\namy\nbob\namy\n", r"has amy twice\.$"),
        ("id\namy\n AMY \n", r"has AMY twice \(as amy, which is the same file name\)\.$"),
        ("id\nstraße\nSTRASSE\n", r"has STRASSE twice \(as straße, which is the same file name\)\.$"),
        ("id\na/b\na_b\n", r"has a_b twice \(as a/b, which is the same file name\)\.$"),
        ("id,name\namy,A\n,B\n", r"^Line 3 of the roster .* has no id in its first column\.$"),
        ("id\nmüller\n".encode("latin-1"), r"can't be read: .*utf-8"),
        ("id\n" + "x" * 200_000, r"can't be read: field larger than field limit"),
    ],
)
def test_a_roster_that_can_not_be_used_is_refused_in_a_sentence(
    content: str | bytes, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=sentence):
        read(tmp_path, content)


def test_a_roster_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^The roster .*nowhere\.csv can't be read: .*No such file"):
        roster.read(tmp_path / "nowhere.csv")


def test_each_student_has_a_row_and_strangers_come_last() -> None:
    stranger = record_of("bob", mark_of("failed"))
    header, amy, zoe, bob = roster.marks_table([stranger, AMY], EXERCISES, CLASS)
    assert header[:6] == ["id", "name", "submission", "status", "points", "of"]
    assert header[6:9] == ["residual-block points", "residual-block status", "residual-block misconception"]
    assert amy == ["amy", "Amy A.", "amy", "partial", "14", "20", "10", "passed", "", "4", "partial", "averages"]
    assert zoe == ["zoe", "Zoe Z.", "", "missing", "0", "", "", "missing", "", "", "missing", ""]
    assert bob == ["bob", "", "bob", "failed", *FAILED]
    assert roster.unknown([stranger, AMY], CLASS) == ["bob"]


def test_without_a_roster_each_submission_has_a_row() -> None:
    header, bob = roster.marks_table([record_of("bob", mark_of("failed"))], EXERCISES, None)
    assert header[:5] == ["student", "submission", "status", "points", "of"]
    assert bob == ["bob", "bob", "failed", *FAILED]


def test_our_fault_is_no_zero() -> None:
    ours = record_of("amy", mark_of("infra"), mark_of("passed", 10, exercise="shortcut-a"))
    row = roster.marks_table([ours], EXERCISES, CLASS)[1]
    assert row[2:] == ["amy", "infra", "", "20", "", "infra", "", "10", "passed", ""]


def test_what_is_in_review_has_its_points_so_far() -> None:
    in_review = record_of("amy", mark_of("review", 4), mark_of("passed", 10, exercise="shortcut-a"))
    row = roster.marks_table([in_review], EXERCISES, CLASS)[1]
    assert row[2:] == ["amy", "review", "14", "20", "4", "review", "", "10", "passed", ""]


@pytest.mark.parametrize(("student", "submission"), [("AMY", "amy"), ("amy", "Amy"), ("a/b", "a_b"), ("=eve", "_eve")])
def test_a_student_is_found_by_the_name_that_the_file_has(student: str, submission: str) -> None:
    students = Roster(("id",), ((student,),))
    graded = record_of(submission, mark_of("passed", 10))
    table = roster.marks_table([graded], EXERCISES, students)
    assert len(table) == 2
    assert table[1][1:3] == [submission, "passed"]
    assert roster.unknown([graded], students) == []


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(cell: str) -> None:
    students = Roster(("id", cell), (("amy", cell), (cell, "")))
    graded = [record_of("amy", mark_of("failed", misconception=cell)), record_of(cell, mark_of("failed"))]
    for row in roster.marks_table(graded, EXERCISES, students)[:2]:
        assert f"'{cell}" in row
    everything = [*roster.marks_table(graded, EXERCISES, students), *roster.marks_table(graded, EXERCISES, None)]
    assert not [text for row in everything for text in row if text.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("cell", ["-5", "amy=1", "a-b", ""])
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    students = Roster(("id", "group"), (("amy", cell),))
    assert roster.marks_table([], EXERCISES, students)[1][1] == cell


def test_the_text_holds_every_cell() -> None:
    table = [["id", "name"], ["amy", 'A "B", C'], ["bob", "two\nlines"], ["zoë", ""]]
    text = roster.as_csv(table)
    assert list(csv.reader(io.StringIO(text))) == table
    assert text.startswith("id,name\namy,")
