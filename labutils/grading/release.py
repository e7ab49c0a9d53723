"""What students get, and the proof that a sheet can be given out. Both need the course's repository."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from labutils.checks import engine
from labutils.checks.engine import Exam, Exercise
from labutils.checks.exercises import of_sheet
from labutils.checks.transport import Local, guarded
from labutils.files import write_whole
from labutils.grading import marking
from labutils.grading.records import Refused
from labutils.grading.remote import PACKAGE, Limits

COURSE = PACKAGE.parent
PASS, OPEN = "to pass", "to be left undecided"
README = """\
# {title}

The sheets are Jupyter notebooks. Open them in Jupyter, or upload them to Colab.

    pip install -r requirements.txt
    jupyter lab

Replace each `raise NotImplementedError` by your code, and run the cell with `check(...)`: it says what is right, and
what fails first. Hand in the notebook itself, saved.

{sheets}
"""


@contextmanager
def course_modules() -> Iterator[None]:
    """Make the modules of the repository importable: the writer of the notebooks, and the banks.

    Raises Refused outside the repository, and where a package that they need is missing.
    """
    if not (COURSE / "exercises").is_dir() or not (COURSE / "_ext/notebooks.py").exists():
        raise Refused(f"This needs the course's repository: {COURSE} has no exercises. Run it from a clone.")
    before = list(sys.path)
    sys.path[:0] = [str(COURSE / "_ext"), str(COURSE)]
    try:
        yield
    except ImportError as error:
        raise Refused(f"{error.name} is missing: install the extra, pip install -e '.[grading]'.") from None
    finally:
        sys.path[:] = before


def release(folder: Path) -> list[Path]:
    """Write the sheets without solutions, what they need to run, and a README, and return the files.

    Raises Refused for a folder that is not empty, and where the repository is not there. Raises OSError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty. Give a new folder, so that nothing old is handed out.")
    with course_modules():
        notebooks: Any = import_module("notebooks")
        address, branch = notebooks.repository()
        sheets = [page for page in notebooks.pages() if page.startswith("exercises/")]
        texts = {f"{Path(page).name}.ipynb": notebooks.written(page) for page in sheets}
    names = "\n".join(f"- `{name}`" for name in texts)
    texts["requirements.txt"] = f"labutils @ git+{address}@{branch}\njupyterlab\n"
    texts["README.md"] = README.format(title="How do ResNets really work? The sheets", sheets=names)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_whole(folder / name, text)
    return [folder / name for name in texts]


def verify(sheet: str, limits: Limits) -> list[str]:
    """What stands against giving out a sheet, a sentence each.

    [] if its solution gets full marks, the untouched sheet none, and every program of its banks the verdict that is
    written there. Raises KeyError for an unknown sheet, and Refused where the repository, or the sheet in it, is not
    there.
    """
    exercises = of_sheet(sheet)
    with course_modules():
        notebooks: Any = import_module("notebooks")
        nbformat: Any = import_module("nbformat")
        page = f"exercises/{sheet}"
        if not (COURSE / f"{page}.md").exists():
            raise Refused(f"There is no {COURSE / page}.md.")
        solved = nbformat.writes(notebooks.notebook(page, solved=True)).encode()
        untouched = notebooks.written(page).encode()
        problems = _graded(sheet, exercises, solved, untouched, limits)
        banks: Any = import_module("banks")
        return problems + [
            problem for exercise in exercises for problem in _bank(exercise, banks.programs(exercise.id))
        ]


def _graded(sheet: str, exercises: Sequence[Exercise], solved: bytes, untouched: bytes, limits: Limits) -> list[str]:
    problems = []
    for mark in marking.mark("solved", "solved.ipynb", solved, sheet, exercises, limits).marks:
        if mark.status != "passed" or mark.score != mark.max_score:
            problems.append(f"{mark.exercise}: the solution is {mark.status}, {mark.score} points. {mark.message}")
    for mark in marking.mark("untouched", "untouched.ipynb", untouched, sheet, exercises, limits).marks:
        if mark.score or mark.status != "failed":
            problems.append(f"{mark.exercise}: the untouched sheet is {mark.status}, {mark.score} points.")
    return problems


def _bank(exercise: Exercise, programs: Sequence[Any]) -> Iterator[str]:
    if not programs:
        yield f"{exercise.id}: its bank is empty."
    for program in programs:
        with guarded():
            result = engine.examine(Exam(exercise, Local(program.objects())))
        expected = {"wrong": f"to fail {program.first!r} first", "right": PASS, "review": OPEN}[program.verdict]
        failed = f"to fail {result.first_failure.name!r} first" if result.first_failure else ""
        found = PASS if result.passed else failed or OPEN
        if found != expected:
            yield f"{exercise.id}: {program.name} was expected {expected}, and turned out {found}."
