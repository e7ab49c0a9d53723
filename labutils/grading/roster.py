"""The list of students, and the table of their marks."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labutils.grading.marking import Record
from labutils.grading.submissions import Refused, safe

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Roster:
    """Students, a row each. The first column is the id that submissions are named by."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read(path: Path) -> Roster:
    """The roster in a CSV file with a header. Raises Refused."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The roster {path} can't be read: {error}.") from None
    rows = [tuple(cell.strip() for cell in row) for row in csv.reader(io.StringIO(text)) if any(row)]
    if not rows:
        raise Refused(f"The roster {path} is empty: it needs a line of column names, the students' id first.")
    header, *students = rows
    wrong = next((number for number, row in enumerate(students, 2) if len(row) != len(header)), None)
    if wrong:
        raise Refused(f"Line {wrong} of the roster {path} does not have the {len(header)} columns of its first line.")
    ids = [row[0].casefold() for row in students]
    twice = next((row[0] for row in students if ids.count(row[0].casefold()) > 1), None)
    if twice:
        raise Refused(f"The roster {path} has {twice} twice.")
    return Roster(header, tuple(students))


def marks_table(records: Sequence[Record], exercises: Sequence[str], roster: Roster | None) -> list[list[str]]:
    """A row for each student: the roster's columns, status, points, and per exercise points and what was misunderstood.

    Students without a submission are missing, with no points. Submissions of no student on the roster come last.
    """
    columns = roster.columns if roster else ("student",)
    per_exercise = [f"{name} {what}" for name in exercises for what in ("points", "status", "misconception")]
    table = [[*columns, "submission", "status", "points", "of", *per_exercise]]
    by_id = {record.submission.casefold(): record for record in records}
    for row in roster.rows if roster else ():
        record = by_id.pop(safe(row[0]).casefold(), None)
        if record:
            table.append([*row, *_cells(record, exercises)])
        else:
            table.append([*row, "", "missing", "0", "", *("", "missing", "") * len(exercises)])
    for record in by_id.values():
        table.append([record.submission, *[""] * (len(columns) - 1), *_cells(record, exercises)])
    return [[_harmless(cell) for cell in row] for row in table]


def unknown(records: Sequence[Record], roster: Roster) -> list[str]:
    """The submissions of no student on the roster."""
    known = {safe(row[0]).casefold() for row in roster.rows}
    return [record.submission for record in records if record.submission.casefold() not in known]


def as_csv(table: list[list[str]]) -> str:
    """The table as text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue()


def _cells(record: Record, exercises: Sequence[str]) -> list[str]:
    marks = {mark.exercise: mark for mark in record.marks}
    points = "" if record.status == "infra" else str(record.score)
    cells = [record.submission, record.status, points, str(record.max_score)]
    for name in exercises:
        mark = marks.get(name)
        if mark is None:
            cells += ["", "", ""]
        else:
            cells += ["" if mark.status == "infra" else str(mark.score), mark.status, mark.misconception]
    return cells


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) and not cell.lstrip("-").isdigit() else cell
