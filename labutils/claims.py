"""What a chapter measured, printed for the learner and handed to the book's prose, and the claims that rest on it."""

import json
import os
from pathlib import Path


def record(**values: float) -> None:
    """Print each value under its name, to four digits, or whole where it is an int.

    Where the book is being built, its text can cite the value by that name.
    """
    for name, value in values.items():
        print(f"{name} = {value:,}" if isinstance(value, int) else f"{name} = {value:,.4g}")
    try:
        from myst_nb import glue
    except ImportError:
        return
    for name, value in values.items():
        glue(name, value, display=False)


def claim(text: str, value: float, *, at_least: float | None = None, at_most: float | None = None) -> None:
    """Print the claim with its measured value and its bound. Raises AssertionError if the value is beyond a bound.

    Where the environment variable LABUTILS_CLAIMS names a file, as ``make margins`` sets it, the claim is appended
    there as a line of JSON instead, and nothing is raised.
    """
    bounds = {"at least": at_least, "at most": at_most}
    limits = ", ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
    line = f"{text}: {value:.4g} ({limits})"
    if "LABUTILS_CLAIMS" in os.environ:
        entry = {"claim": text, "value": value, "at_least": at_least, "at_most": at_most}
        with Path(os.environ["LABUTILS_CLAIMS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        return
    holds = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    if not holds:
        raise AssertionError(f"the claim does not hold: {line}")
    print(f"holds: {line}")
