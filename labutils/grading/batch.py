"""Grades many submissions, several at a time. A run that is killed can be started again, and goes on."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from labutils.checks import exercises
from labutils.checks.engine import Exercise
from labutils.grading import marking
from labutils.grading.marking import FORMAT, Mark, Record
from labutils.grading.remote import Limits
from labutils.grading.submissions import Damaged, Submission


def sheet_exercises(sheet: str) -> list[Exercise]:
    """The exercises of a sheet such as ``01-residual-block``. Raises KeyError for an unknown one."""
    found = [exercise for exercise in map(exercises.load, exercises.IDS) if exercise.sheet == sheet]
    if not found:
        raise KeyError(sheet)
    return found


def sheets() -> list[str]:
    """The sheets that have exercises."""
    return list(dict.fromkeys(exercises.load(name).sheet for name in exercises.IDS))


def grade(
    submissions: Sequence[Submission],
    sheet: str,
    out: Path,
    limits: Limits,
    jobs: int = 1,
    salt: int = 0,
    done: Callable[[Record], None] = lambda record: None,
) -> list[Record]:
    """Grade what has no result in ``out`` yet, and return the records of all, in order.

    Each submission has a file there from the start, which is replaced in one step when its mark is made. ``done`` is
    called as records come in.
    """
    definitions = sheet_exercises(sheet)
    for submission in submissions:
        if not result_file(out, submission.id).exists():
            waiting = {"submission": submission.id, "file": submission.file, "sheet": sheet, "state": "waiting"}
            write(result_file(out, submission.id), json.dumps(waiting) + "\n")

    def work(submission: Submission) -> Record:
        return _graded(submission, sheet, definitions, out, limits, salt)

    records: dict[str, Record] = {}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for record in _as_completed(pool, work, submissions, 2 * jobs):
                records[record.submission] = record
                done(record)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [records[submission.id] for submission in submissions]


def _as_completed(
    pool: ThreadPoolExecutor, work: Callable[[Submission], Record], submissions: Sequence[Submission], ahead: int
) -> Iterator[Record]:
    """Records as they come. Only a few submissions are held at a time."""
    pending: set[Future[Record]] = set()
    for submission in submissions:
        pending.add(pool.submit(work, submission))
        if len(pending) >= ahead:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    while pending:
        finished, pending = wait(pending, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in finished)


def _graded(
    submission: Submission, sheet: str, definitions: Sequence[Exercise], out: Path, limits: Limits, salt: int
) -> Record:
    file = result_file(out, submission.id)
    about = (submission.id, submission.file, sheet, definitions)
    try:
        if submission.problem:
            record = marking.unreadable(*about, submission.problem)
        else:
            content = submission.load()
            before = read(file)
            if before and _still_holds(before, content, sheet, salt):
                return before
            record = marking.mark(submission.id, submission.file, content, sheet, definitions, limits, salt)
    except Damaged as error:
        record = marking.unreadable(*about, f"The file is damaged in the zip: {error}.")
    except Exception as error:  # one submission must not end the batch, whatever is wrong with this code
        record = marking.our_fault(*about, f"{type(error).__name__}: {error}")
    write(file, json.dumps(record.as_json(), indent=1) + "\n")
    return record


def _still_holds(record: Record, content: bytes, sheet: str, salt: int) -> bool:
    same = record.source_sha256 == hashlib.sha256(content).hexdigest() and record.sheet == sheet
    return same and record.status != "infra" and not salt


def result_file(out: Path, submission: str) -> Path:
    """Where the record of a submission is kept."""
    return out / f"{submission}.json"


def read(file: Path) -> Record | None:
    """The record in a file, or None where there is none that is finished."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT or content.get("state") != "done":
            return None
        record = Record(**content)
        marks = [Mark(**mark) for mark in content["marks"]]
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return replace(record, marks=marks)


def all_records(out: Path, sheet: str) -> list[Record]:
    """All finished records of a sheet in a folder, those that came from elsewhere included."""
    found = (read(file) for file in sorted(out.glob("*.json")))
    return [record for record in found if record and record.sheet == sheet]


def write(file: Path, text: str) -> None:
    """Replace a file in one step."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(file)
