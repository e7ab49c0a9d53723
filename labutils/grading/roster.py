"""The list of students, and the table of their marks."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labutils.grading.records import Record, Refused, safe_id

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Roster:
    """Students, a row each. The first column is the id that submissions are named by."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read(path: Path) -> Roster:
    """The roster in a CSV file in UTF-8, column names in its first line.

    Raises Refused for a file that can't be read or is empty, for a row of another length or without an id, and for two
    ids that would be one file's name: equal but for upper and lower case, or for signs that no file name has.
    """
    try:
        reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        rows = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"The roster {path} can't be read: {error}.") from None
    if not rows:
        raise Refused(f"The roster {path} is empty: it needs a line of column names, the students' id first.")
    (_, header), *students = rows
    seen: dict[str, str] = {}
    for line, row in students:
        if len(row) != len(header):
            raise Refused(
                f"Line {line} of the roster {path} does not have the {len(header)} columns of its first line."
            )
        if not row[0]:
            raise Refused(f"Line {line} of the roster {path} has no id in its first column.")
        key = safe_id(row[0]).casefold()
        if key in seen:
            same = f" (as {seen[key]}, which is the same file name)" if seen[key] != row[0] else ""
            raise Refused(f"The roster {path} has {row[0]} twice{same}.")
        seen[key] = row[0]
    return Roster(header, tuple(row for _, row in students))


def marks_table(records: Sequence[Record], exercises: Sequence[str], roster: Roster | None) -> list[list[str]]:
    """A row for each student: the roster's columns, status, points, and per exercise points and what was misunderstood.

    The first row has the columns' names. Students without a submission are missing, with 0 points; with the status
    infra the points are empty. Submissions of no student on the roster come last. No cell is a formula.
    """
    columns = roster.columns if roster else ("student",)
    per_exercise = [f"{name} {what}" for name in exercises for what in ("points", "status", "misconception")]
    table = [[*columns, "submission", "status", "points", "of", *per_exercise]]
    by_id = {record.submission.casefold(): record for record in records}
    for row in roster.rows if roster else ():
        record = by_id.pop(safe_id(row[0]).casefold(), None)
        if record:
            table.append([*row, *_cells(record, exercises)])
        else:
            table.append([*row, "", "missing", "0", "", *("", "missing", "") * len(exercises)])
    for record in by_id.values():
        table.append([record.submission, *[""] * (len(columns) - 1), *_cells(record, exercises)])
    return [[_harmless(cell) for cell in row] for row in table]


def unknown(records: Sequence[Record], roster: Roster) -> list[str]:
    """The ids of submissions by no student on the roster."""
    known = {safe_id(row[0]).casefold() for row in roster.rows}
    return [record.submission for record in records if record.submission.casefold() not in known]


def as_csv(table: list[list[str]]) -> str:
    """The table as CSV with quotes where needed, a line a row."""
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
