"""Finds submissions in what was collected: files, folders of files, and the zips that learning platforms export.

A zip is read where it is. Nothing of it is written to disk, so that the names in it lead nowhere.
"""

import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from labutils.grading.records import Refused, safe_id

SUFFIXES = (".ipynb", ".md")
LARGEST_SUBMISSION = 20 << 20  # bytes
MOST_ENTRIES = 20_000
MOODLE = re.compile(r"^(.+?)_\d+_assignsubmission_")
CANVAS = re.compile(r"^(.+?)(?:_LATE)?_\d+_\d+_")
SKIPPED_FOLDERS = ("__MACOSX", ".ipynb_checkpoints")


class Unreadable(Exception):
    """A file that can't be read, or must not be, by a fault of its own. The message says why, to the student."""


@dataclass(frozen=True)
class Submission:
    """A student's file. ``load`` reads at most a byte more of it than is allowed. It raises Unreadable and OSError."""

    id: str
    file: str
    load: Callable[[], bytes]


def collect(paths: Iterable[Path]) -> tuple[list[Submission], list[str]]:
    """All submissions in ``paths``, sorted, with ids of their own, and warnings about what was left out or renamed.

    What is there but must not be read, such as a link or an encrypted entry, is a submission whose ``load`` says so.
    Raises Refused for a path that is not there or can't be read, for one that is neither notebook, page, folder nor
    zip, and for a zip that is damaged or has more than MOST_ENTRIES entries.
    """
    found: list[Submission] = []
    for path in paths:
        try:
            if path.is_dir():
                found += _in_folder(path)
            elif zipfile.is_zipfile(path) and path.suffix not in SUFFIXES:
                found += _in_zip(path)
            elif path.suffix in SUFFIXES and path.exists():
                found.append(_in_file(path, path.name))
            elif path.exists():
                raise Refused(f"{path} is neither a notebook (.ipynb), a MyST page (.md), a zip nor a folder of these.")
            else:
                raise Refused(f"{path} does not exist.")
        except OSError as error:
            raise Refused(f"{path} can't be read: {error.strerror or error}.") from None
    return _with_unique_ids(sorted(found, key=lambda submission: (submission.id, submission.file)))


def student(file: str) -> str:
    """The student's id from a file's path: what stands before a platform's separator, or else the file's stem."""
    path = PurePosixPath(file)
    for part in reversed(path.parts):
        if match := MOODLE.match(part):
            return match[1]
    match = CANVAS.match(path.name)
    return match[1] if match else path.stem


def _in_folder(folder: Path) -> Iterator[Submission]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix not in SUFFIXES or any(part in SKIPPED_FOLDERS or part.startswith(".") for part in parts):
            continue
        file = path.relative_to(folder).as_posix()
        if path.is_symlink():  # what lies behind a linked folder is not listed
            yield _refused(file, "The file is a link to another one, and was not followed.")
        elif path.is_file():
            yield _in_file(path, file)


def _in_file(path: Path, file: str) -> Submission:
    def load() -> bytes:
        with path.open("rb") as stream:
            return stream.read(LARGEST_SUBMISSION + 1)

    return _submission(file, load)


def _in_zip(path: Path) -> Iterator[Submission]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Refused(f"{path} is a damaged zip: {error}.") from None
    if len(entries) > MOST_ENTRIES:
        raise Refused(f"{path} has {len(entries)} entries, more than {MOST_ENTRIES}.")
    for index, entry in enumerate(entries):
        name = entry.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if entry.is_dir() or PurePosixPath(name).suffix not in SUFFIXES or _is_skipped(parts):
            continue
        if stat.S_ISLNK(entry.external_attr >> 16):
            yield _refused(name, "The file is a link to another one, and was not followed.")
        elif entry.flag_bits & 1:
            yield _refused(name, "The file is encrypted.")
        elif entry.file_size > LARGEST_SUBMISSION:
            yield _refused(name, f"The file has more than {LARGEST_SUBMISSION >> 20} MB.")
        else:
            yield _submission(name, _from_zip(path, index))


def _is_skipped(parts: tuple[str, ...]) -> bool:
    return any(part in SKIPPED_FOLDERS or (part.startswith(".") and part != "..") for part in parts)


def _from_zip(path: Path, index: int) -> Callable[[], bytes]:
    def load() -> bytes:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(archive.infolist()[index]) as stream:
                return stream.read(LARGEST_SUBMISSION + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise Unreadable(f"The file is damaged in the zip: {error}.") from None

    return load


def _refused(file: str, problem: str) -> Submission:
    def load() -> bytes:
        raise Unreadable(problem)

    return _submission(file, load)


def _submission(file: str, load: Callable[[], bytes]) -> Submission:
    file = file.encode(errors="replace").decode()  # without bytes that are no text, which could not be written down
    return Submission(safe_id(student(file)), file, load)


def _with_unique_ids(found: list[Submission]) -> tuple[list[Submission], list[str]]:
    """Ids that differ, also where upper and lower case don't count: by folder where that helps, else by number."""
    count = Counter(submission.id.casefold() for submission in found)
    named = []
    for submission in found:
        folder = PurePosixPath(submission.file).parent.as_posix()
        if count[submission.id.casefold()] > 1 and folder not in (".", "/"):
            submission = replace(submission, id=safe_id(folder.replace("/", "-")))
        named.append(submission)
    taken = {submission.id.casefold() for submission in named}
    seen: set[str] = set()
    warnings = []
    result = []
    for submission in named:
        new, number = submission.id, 1
        if submission.id.casefold() in seen:
            while new.casefold() in taken:
                number += 1
                new = f"{submission.id}-{number}"
            taken.add(new.casefold())
            warnings.append(f"{submission.file} is a further submission of {submission.id}: it is graded as {new}.")
        seen.add(submission.id.casefold())
        result.append(replace(submission, id=new))
    return result, warnings
