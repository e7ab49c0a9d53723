"""What a learner has done so far: a JSON file in the user's data directory."""

import contextlib
import json
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from labutils.checks.result import Result
from labutils.files import write_whole

Entry = dict[str, int]


def file() -> Path:
    """Where progress is kept."""
    return user_data_path("labutils", appauthor=False) / "progress.json"


def load() -> dict[str, Entry]:
    """Per exercise: ``attempts``, the ``best`` score, 1 for ``done``, and how many ``hints`` were shown.

    A damaged file is set aside, under another name beside it, and said so. One that can't be read counts as empty.
    """
    entries = _read()
    return {} if entries is None else entries


def _read() -> dict[str, Entry] | None:
    """What :func:`load` gives, or None, and a sentence, where the file is there and can't be read."""
    path = file()
    try:
        return _valid(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except OSError as error:
        print(f"Progress could not be read ({error}), so it is left as it is.")
        return None
    except ValueError:
        aside = _free_name(path)
        with contextlib.suppress(OSError):
            path.replace(aside)
        print(f"The file of your progress was damaged. It is kept as {aside}, and a new one is begun.")
        return {}


def note(result: Result) -> None:
    """Count an attempt and keep the best score, in points. Nothing is kept where the file can't be read."""
    entries = _read()
    if entries is None:
        return
    entry = entries.setdefault(result.exercise, _new())
    entry["attempts"] += 1
    entry["best"] = max(entry["best"], result.score)
    entry["done"] = max(entry["done"], int(result.passed))
    save(entries)


def note_hint(exercise: str, last: int, number: int | None = None) -> int | None:
    """Count a hint and all before it as shown: the one of this number, or else the next. Return its number.

    None where the next would come after the ``last`` one. Where the file can't be read, the next is the first.
    """
    entries = _read()
    if entries is None:
        return number or 1
    entry = entries.setdefault(exercise, _new())
    number = number or entry["hints"] + 1
    if number > last:
        return None
    entry["hints"] = max(entry["hints"], number)
    save(entries)
    return number


def save(entries: dict[str, Entry]) -> None:
    """Replace the file in one step. Where that can't be done, say so and go on."""
    try:
        write_whole(file(), json.dumps(entries, indent=1))
    except OSError as error:
        print(f"Progress could not be saved ({error}).")


def _new() -> Entry:
    return {"attempts": 0, "best": 0, "done": 0, "hints": 0}


def _valid(content: Any) -> dict[str, Entry]:
    if not isinstance(content, dict):
        raise ValueError
    for entry in content.values():
        if not isinstance(entry, dict) or entry.keys() != _new().keys():
            raise ValueError
        if not all(type(number) is int and number >= 0 for number in entry.values()):
            raise ValueError
    return content


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"progress.damaged-{number}.json")).exists():
        number += 1
    return aside
