"""Write what the banks show: ``labutils/checks/bank.json`` and ``reference/kill-table.json``.

    python -m banks.write

The first is the learner's: hints from the sheets, and the fingerprint and the misconception of every known wrong
program. The second says which check rejects which wrong program at which case. Both have a line for each program.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from banks import Program, programs
from labutils.checks import engine, exercises
from labutils.checks.engine import BANK, Exam, Exercise
from labutils.checks.transport import Local, guarded
from labutils.files import write_whole

ROOT = Path(__file__).parent.parent
KILL_TABLE = ROOT / "reference" / "kill-table.json"
HINT = re.compile(r"^(`{3,})\{dropdown\} (?:First|Second|Third) hint\n(.*?)\n\1$", re.DOTALL | re.MULTILINE)


def hints(exercise: Exercise) -> list[str]:
    """The exercise's three hints, as its sheet has them. Raises ValueError if there are not three."""
    sheet = (ROOT / "exercises" / f"{exercise.sheet}.md").read_text(encoding="utf-8")
    _, _, rest = sheet.partition(f"*Exercise `{exercise.id}`")
    section = rest.partition("\n*Exercise `")[0]
    found = [text.strip() for _, text in HINT.findall(section)]
    if len(found) != 3:
        raise ValueError(f"exercises/{exercise.sheet}.md: {exercise.id} has {len(found)} hints, not three.")
    return found


def looked_at(exercise: Exercise, program: Program) -> tuple[list[str | float], dict[str, list[str]]]:
    """A wrong program's fingerprint at the public salt, and :func:`labutils.checks.engine.rejecting`.

    A fingerprint that is alike the written one is given as written: machines differ in the last digits.
    """
    with guarded():
        exam = Exam(exercise, Local(program.objects()))
        found = list(engine.fingerprint(exam))
        table = {check: list(calls) for check, calls in engine.rejecting(exam).items()}
    for entry in engine.bank().get(exercise.id, {"wrong": []})["wrong"]:
        if (entry["first"], entry["says"]) == (program.first, program.says):
            found = entry["fingerprint"] if engine.alike(entry["fingerprint"], found) else found
    return found, table


def written(exercise_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An exercise's part of the learner's bank, and its part of the kill table."""
    exercise = exercises.load(exercise_id)
    wrong = [program for program in programs(exercise_id) if program.verdict == "wrong"]
    verdicts = Counter(program.verdict for program in programs(exercise_id))
    found = [looked_at(exercise, program) for program in wrong]
    bank = {
        "hints": hints(exercise),
        "wrong": [
            {"first": program.first, "says": program.says, "fingerprint": fingerprint}
            for program, (fingerprint, _) in zip(wrong, found, strict=True)
        ],
    }
    kills = {
        "checks": {check.name: {"points": check.points, "explanatory": check.explanatory} for check in exercise.checks},
        "right": verdicts["right"],
        "review": verdicts["review"],
        "wrong": {
            program.name: {"says": program.says, "rejected by": table}
            for program, (_, table) in zip(wrong, found, strict=True)
        },
    }
    return bank, kills


def laid_out(value: Any, depth: int) -> str:
    """``value`` as JSON, with a line for each entry of the containers down to ``depth``."""
    if not depth or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {laid_out(item, depth - 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n}"
    return "[\n" + ",\n".join(laid_out(item, depth - 1) for item in value) + "\n]"


def main() -> None:
    """Write both files."""
    tasks: Any = Parallel(n_jobs=2, return_as="generator")(delayed(written)(name) for name in exercises.IDS)
    parts = dict(zip(exercises.IDS, tqdm(tasks, total=len(exercises.IDS), desc="banks"), strict=True))
    write_whole(BANK, laid_out({name: bank for name, (bank, _) in parts.items()}, depth=3) + "\n")
    write_whole(KILL_TABLE, laid_out({name: kills for name, (_, kills) in parts.items()}, depth=3) + "\n")
    count = sum(len(kills["wrong"]) for _, kills in parts.values())
    print(f"{count} wrong programs: {BANK.relative_to(ROOT)}, {KILL_TABLE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
