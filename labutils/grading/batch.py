"""Grades many submissions, several at a time. A run that is killed can be started again, and goes on."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from labutils.checks import exercises
from labutils.checks.engine import Exercise
from labutils.grading import marking, records
from labutils.grading.records import Record
from labutils.grading.remote import Limits
from labutils.grading.submissions import Submission, Unreadable


def grade(
    submissions: Sequence[Submission],
    sheet: str,
    out: Path,
    limits: Limits,
    jobs: int = 1,
    salt: int = 0,
    done: Callable[[Record], None] = lambda record: None,
) -> list[Record]:
    """Grade what has no record in ``out`` that still holds, and return the records of all, in order.

    Each submission has a file there from the start, which is replaced in one step when its mark is made. ``done`` is
    called as records come in. ``salt`` fixes the weights, and then nothing that was there before holds. Raises KeyError
    for an unknown sheet, and OSError where ``out`` can't be written.
    """
    definitions = exercises.of_sheet(sheet)
    for submission in submissions:
        if not records.place(out, submission.id).exists():
            records.write_waiting(out, submission.id, submission.file, sheet)

    def work(submission: Submission) -> Record:
        return _graded(submission, sheet, definitions, out, limits, salt)

    with ThreadPoolExecutor(jobs) as pool:
        graded = [pool.submit(work, submission) for submission in submissions]
        try:
            for one in as_completed(graded):
                done(one.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [one.result() for one in graded]


def _graded(
    submission: Submission, sheet: str, definitions: Sequence[Exercise], out: Path, limits: Limits, salt: int
) -> Record:
    """The record of a submission: the one in ``out`` if that still holds, else a new one, which is there then."""
    about = (submission.id, submission.file, sheet, definitions)
    kept = None if salt else records.read(records.place(out, submission.id))
    try:
        content = submission.load()
        if kept and _still_holds(kept, content, sheet):
            return kept
        record = marking.mark(submission.id, submission.file, content, sheet, definitions, limits, salt)
    except Unreadable as error:
        record = marking.unmarked(*about, "error", str(error))
    except Exception as error:  # one submission must not end the batch, whatever is wrong with this code
        record = marking.unmarked(*about, "infra", f"{type(error).__name__}: {error}")
    records.write(out, record)
    return record


def _still_holds(record: Record, content: bytes, sheet: str) -> bool:
    """Whether a record is of this content and sheet, and says something about it."""
    same = record.source_sha256 == hashlib.sha256(content).hexdigest() and record.sheet == sheet
    return same and record.status != "infra"
