"""What is known of a graded submission, and the file in which it is kept."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from labutils.files import write_whole

FORMAT = 2  # of the files
LONGEST_ID = 80
Status = Literal[
    "passed", "partial", "failed", "missing", "review", "error", "timeout", "memory", "crashed", "protocol", "infra"
]
NO_VERDICT: tuple[Status, ...] = ("infra", "protocol")  # nothing is said before a person has looked
NEEDS_A_PERSON: tuple[Status, ...] = (*NO_VERDICT, "review")
WORST_FIRST: tuple[Status, ...] = (
    *NEEDS_A_PERSON, "timeout", "memory", "crashed", "error", "failed", "partial", "missing", "passed",
)  # fmt: skip


class Refused(Exception):
    """What was given can't be used. The message says why, in a sentence for the user."""


@dataclass
class Mark:
    """The mark of one exercise, and why.

    With the status infra, our fault, the score says nothing. With the status review, nothing is known to be wrong, and
    the score is for what could be decided.
    """

    exercise: str
    status: Status
    score: int
    max_score: int
    message: str = ""
    first_failure: str = ""
    asked: str = ""
    misconception: str = ""
    salt: int = 0
    checks: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Record:
    """All marks of one submission, and what is needed to make them again.

    ``submission`` is an id as :func:`safe_id` makes it. ``source_sha256`` is "" where the file was not read.
    """

    submission: str
    file: str
    sheet: str
    status: Status
    score: int
    max_score: int
    marks: list[Mark]
    source_sha256: str
    seconds: float
    settings: dict[str, Any]
    versions: dict[str, str]
    format: int = FORMAT
    state: str = "done"


def overall(statuses: Sequence[Status]) -> Status:
    """One status for several exercises, at least one: what needs a person first, then what all share, else partial."""
    for status in NEEDS_A_PERSON:
        if status in statuses:
            return status
    if len(set(statuses)) == 1:
        return statuses[0]
    if {"passed", "partial"} & set(statuses):
        return "partial"
    return next(status for status in WORST_FIRST if status in statuses)


def safe_id(name: str) -> str:
    """The id as it may be used for a file's name on any platform, at most LONGEST_ID characters, never empty."""
    kept = re.sub(r"[^\w.@+ -]", "_", name[:LONGEST_ID]).strip(" .")
    return kept or "unnamed"


def place(out: Path, submission: str) -> Path:
    """The file for the record of a submission, by its id."""
    return out / f"{submission}.json"


def write(out: Path, record: Record) -> None:
    """Keep a record in ``out``, in the place of the one before, whole or not at all. Raises OSError."""
    write_whole(place(out, record.submission), json.dumps(asdict(record), indent=1) + "\n")


def write_waiting(out: Path, submission: str, file: str, sheet: str) -> None:
    """Note in ``out`` that a submission has no record yet. Raises OSError."""
    waiting = {"submission": submission, "file": file, "sheet": sheet, "state": "waiting"}
    write_whole(place(out, submission), json.dumps(waiting) + "\n")


def read(file: Path) -> Record | None:
    """The record in a file, or None where there is none that is finished, whatever else is there."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT or content.get("state") != "done":
            return None
        record = Record(**content)
        marks = [Mark(**mark) for mark in content["marks"]]
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return replace(record, marks=marks)


def read_all(out: Path, sheet: str) -> list[Record]:
    """All finished records of a sheet in a folder, in the order of their ids, those from elsewhere included."""
    found = (read(file) for file in sorted(out.glob("*.json")))
    return [record for record in found if record and record.sheet == sheet]
