"""What a check found, as text for a terminal and as HTML for a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Status = Literal["passed", "failed", "blocked", "undecided", "error", "interrupted"]
WORDS: dict[Status, str] = {
    "passed": "✓ passed",
    "failed": "✗ failed",
    "blocked": "– blocked",
    "undecided": "– not decided",
    "error": "! error in the check",
    "interrupted": "– interrupted",
}


@dataclass(frozen=True)
class CheckResult:
    """One check: its name, its status, what was expected and found, and the points it gave.

    ``raised`` says that nothing was found, since the learner's code raised an error.
    """

    name: str
    status: Status
    message: str = ""
    points: int = 0
    raised: bool = False


@dataclass(frozen=True)
class Result:
    """All checks of one exercise. It is true if the exercise is solved."""

    exercise: str
    checks: tuple[CheckResult, ...]
    score: int
    max_score: int
    asked: str = ""
    misconception: str = ""
    hint: str = ""

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return bool(self.checks) and all(check.status == "passed" for check in self.checks)

    @property
    def undecided(self) -> bool:
        """Whether nothing failed, but something could not be decided, so that a person has to."""
        return not self.passed and all(check.status in ("passed", "undecided", "blocked") for check in self.checks)

    @property
    def first_failure(self) -> CheckResult | None:
        """The check that failed first, or None."""
        return next((check for check in self.checks if check.status in ("failed", "error")), None)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def headline(self) -> str:
        """One line: the exercise and its points."""
        if any(check.status == "interrupted" for check in self.checks):
            return f"{self.exercise}: interrupted, so no attempt is counted"
        if not self.max_score:
            return f"{self.exercise}: not checked"
        end = ", solved" if self.passed else ""
        return f"{self.exercise}: {self.score} of {self.max_score} points{end}"

    def lines(self) -> list[tuple[str, str]]:
        """What there is to read, most useful first: a heading for each line, and its text."""
        result: list[tuple[str, str]] = []
        failure = self.first_failure
        if failure is not None:
            result.append((WORDS[failure.status], f"{failure.name}: {failure.message}"))
        if self.misconception or self.asked:
            result.append(("Likely cause", self.misconception) if self.misconception else ("Asked for", self.asked))
        for status in ("failed", "error", "passed", "undecided", "blocked"):
            found = [check for check in self.checks if check.status == status and check is not failure]
            if found:
                word = f"{WORDS[status]} too" if failure is not None and status == failure.status else WORDS[status]
                reason = f" ({found[0].message})" if status in ("undecided", "blocked") else ""
                result.append((word, ", ".join(check.name for check in found) + reason))
        if self.hint:
            result.append(("Hint", self.hint))
        return result

    def __str__(self) -> str:
        width = max((len(word) for word, _ in self.lines()), default=0)
        return "\n".join([self.headline, *(f"  {word:<{width}}  {text}" for word, text in self.lines())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{escape(word)}</th><td>{escape(text)}</td></tr>" for word, text in self.lines()
        )
        return f"<table><caption>{escape(self.headline)}</caption><tbody>{rows}</tbody></table>"


@dataclass(frozen=True)
class Table:
    """A small table with a title, shown as text or HTML."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.title, *(line.rstrip() for line in text)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in self.header)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
