"""The command line, ``python -m labutils``: grade, release, gradescope, verify."""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from labutils.checks.exercises import of_sheet, sheets
from labutils.files import write_whole
from labutils.grading import batch, gradescope, release, reports, roster
from labutils.grading.records import NEEDS_A_PERSON, NO_VERDICT, Record, Refused, read_all
from labutils.grading.remote import Child, Gone, Limits
from labutils.grading.submissions import Submission, collect

FORMATS = ("json", "csv", "gradescope", "html")
INTERRUPTED = 130
CODES = """\
exit codes: 0 every submission has a mark; 1 nothing was graded, and a sentence says why; 2 some submission has the
status infra (our fault), protocol (it disturbed the grader) or review (not all of it could be decided) and needs a
person; 130 interrupted, and the same command goes on where it stopped"""
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command (by default that of the process's arguments), and return the exit code, see CODES.

    What is refused is a sentence on stderr. Raises SystemExit where the arguments are none that the command takes.
    """
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)  # what is computed here is small
    try:
        return options.run(options)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on where this one stopped.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m labutils", description="The instructor's side of the course.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    grade = commands.add_parser("grade", help="turn collected notebooks into marks", epilog=CODES)
    grade.add_argument("submissions", nargs="*", type=Path, metavar="SUBMISSION", help=".ipynb, .md, a folder or a zip")
    grade.add_argument("--sheet", required=True, help="such as 01-residual-block")
    grade.add_argument("--out", required=True, type=Path, metavar="DIR", help="where results go, and are resumed from")
    grade.add_argument(
        "--jobs", type=_positive, default=_cores(), metavar="N", help="submissions at a time (%(default)s)"
    )
    grade.add_argument("--time", type=_seconds, default=20, metavar="S", help="seconds an exercise may take (20)")
    grade.add_argument("--memory", type=_size, default="2G", metavar="SIZE", help="memory a submission may use (2G)")
    grade.add_argument(
        "--sandbox", choices=("auto", "namespaces", "none"), default="auto",
        help="auto and namespaces refuse to run where Linux gives no namespaces; none is for files you trust, and for "
        "machines that are thrown away",
    )  # fmt: skip
    grade.add_argument("--roster", type=Path, metavar="FILE.csv", help="students, the first column their id")
    grade.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N", help="grade only part I of N")
    grade.add_argument("--format", type=_formats, default=("json", "csv", "html"), help=f"of {','.join(FORMATS)}")
    grade.add_argument("--salt", type=int, default=0, help="repeat a mark: the salt that its result file has")
    grade.set_defaults(run=_grade)

    handout = commands.add_parser("release", help="write what students get: the sheets without solutions")
    handout.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")
    handout.set_defaults(run=_release)

    autograder = commands.add_parser("gradescope", help="write the autograder that Gradescope runs")
    autograder.add_argument("file", type=Path, metavar="FILE.zip")
    autograder.add_argument("--sheet", required=True, help="such as 01-residual-block")
    autograder.set_defaults(run=_gradescope)

    verify = commands.add_parser("verify", help="prove sheets before they are given out")
    verify.add_argument("sheets", nargs="*", metavar="SHEET", help="such as 01-residual-block; all by default")
    verify.add_argument("--time", type=_seconds, default=60, metavar="S", help="seconds an exercise may take (60)")
    verify.add_argument("--sandbox", choices=("auto", "namespaces", "none"), default="auto", help="as for grade")
    verify.set_defaults(run=_verify)
    return parser


def _grade(options: argparse.Namespace) -> int:
    _check_sheets([options.sheet])
    exercises = [exercise.id for exercise in of_sheet(options.sheet)]
    students = roster.read(options.roster) if options.roster else None
    submissions, warnings = collect(options.submissions)
    _make_folder(options.out)
    limits = Limits(
        options.time,
        options.memory,
        options.sandbox != "none",
        tuple(path.absolute() for path in (*options.submissions, options.out, options.roster) if path),
    )
    part, parts = options.shard
    mine = submissions[part - 1 :: parts]
    if mine:
        _try_out(limits)
        _graded(mine, options, limits)
    records = read_all(options.out, options.sheet)
    if not records:
        raise Refused(f"There is nothing to grade: no notebook was given, and {options.out} holds no results.")
    if students:
        warnings += [f"{name} is not on the roster." for name in roster.unknown(records, students)]
    _write_outputs(records, exercises, students, options)
    _summarise(records, warnings, options)
    return 2 if any(record.status in NEEDS_A_PERSON for record in records) else 0


def _graded(submissions: Sequence[Submission], options: argparse.Namespace, limits: Limits) -> None:
    with tqdm(total=len(submissions), desc=options.sheet, unit="submission", disable=None) as bar:

        def done(_record: Record) -> None:
            bar.update()

        batch.grade(submissions, options.sheet, options.out, limits, options.jobs, options.salt, done)


def _release(options: argparse.Namespace) -> int:
    files = release.release(options.folder)
    print(f"{len(files)} files are in {options.folder}: {', '.join(file.name for file in files)}")
    return 0


def _gradescope(options: argparse.Namespace) -> int:
    _check_sheets([options.sheet])
    try:
        gradescope.write_zip(options.file, options.sheet)
    except OSError as error:
        raise Refused(f"{options.file} can't be written: {error.strerror}.") from None
    print(f"The autograder of {options.sheet} is {options.file}. Upload it to Gradescope.")
    return 0


def _check_sheets(names: Sequence[str]) -> None:
    known = sheets()
    if unknown := [name for name in names if name not in known]:
        raise Refused(f"There is no sheet {unknown[0]!r}. There are {', '.join(known)}.")


def _verify(options: argparse.Namespace) -> int:
    _check_sheets(options.sheets)
    limits = Limits(time=options.time, namespaces=options.sandbox != "none")
    _try_out(limits)
    failed = False
    for sheet in options.sheets or sheets():
        problems = release.verify(sheet, limits)
        print(f"{sheet}: {'can be given out' if not problems else 'must not be given out'}")
        for problem in problems:
            print(f"  {problem}")
        failed |= bool(problems)
    return int(failed)


def _try_out(limits: Limits) -> None:
    """See once that a process for a submission can be started. Raises Refused with what to do."""
    try:
        with Child(b"```{code-cell}\nNothing = 0\n```\n", "md", {"nothing": ("Nothing",)}, limits) as child:
            child.read()
            child.wait_until_ready()
    except Gone as gone:
        if limits.namespaces:
            raise Refused(
                f"Submissions can't be kept apart here: {gone}. Grade on Linux with namespaces, or, for files that "
                "you trust or on a machine that is thrown away, add --sandbox none."
            ) from None
        what_to_do = " Python and its packages must lie where every user can read them." if os.getuid() == 0 else ""
        raise Refused(f"{gone}.{what_to_do}") from None


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{out} can't be made a folder for the results: {error.strerror}.") from None
    if not os.access(out, os.W_OK):
        raise Refused(f"{out} can't be written to.")


def _write_outputs(
    records: Sequence[Record], exercises: list[str], students: roster.Roster | None, options: argparse.Namespace
) -> None:
    if "csv" in options.format:
        write_whole(options.out / "marks.csv", roster.as_csv(roster.marks_table(records, exercises, students)))
    if "html" in options.format:
        for record in records:
            write_whole(options.out / f"{record.submission}.html", reports.for_student(record))
        write_whole(options.out / "class-report.html", reports.for_class(records, options.sheet))
    if "gradescope" in options.format:
        for record in records:
            if record.status not in NO_VERDICT:
                file = options.out / "gradescope" / record.submission / "results.json"
                write_whole(file, reports.for_gradescope(record))


def _summarise(records: Sequence[Record], warnings: Sequence[str], options: argparse.Namespace) -> None:
    counts = Counter(record.status for record in records)
    points = [record.score for record in records if record.status != "infra"]
    print(f"\n{options.sheet}: {len(records)} submissions in {options.out}")
    for status, count in counts.most_common():
        print(f"  {status:<9} {count:>5}")
    if points:
        print(f"  mean {sum(points) / len(points):.1f} of {records[0].max_score} points")
    for record in records:
        for line in _for_a_person(record):
            print(f"Needs a person: {line}")
    for warning in warnings:
        print(warning)


def _for_a_person(record: Record) -> list[str]:
    """What a person has to look at in a submission, and why: a line for exercises that share it."""
    exercises: dict[tuple[str, str], list[str]] = {}
    for mark in record.marks:
        if mark.status in NEEDS_A_PERSON:
            exercises.setdefault((mark.status, mark.message), []).append(mark.exercise)
    return [
        f"{record.submission} ({status}), {', '.join(names)} in {record.file}: {message}"
        for (status, message), names in exercises.items()
    ]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper().removesuffix("B"))
    size = int(match[1]) * UNITS[match[2]] if match else 0
    if size < 1 << 30:
        raise argparse.ArgumentTypeError(f"{text!r} is no size from 1G on, which PyTorch needs; write 2G, say")
    return size


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no part such as 1/4")
    return int(match[1]), int(match[2])


def _formats(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(FORMATS)}")
    return wanted
