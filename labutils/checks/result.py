"""What a check found, as text for a terminal and as HTML for a notebook."""

import re
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
WHY_UNDECIDED = "The parameters are laid out in a way that could not be matched with the usual one."
HOW_TO_BE_DECIDED = (
    "Keep the weights in `torch.nn` layers, or as `nn.Parameter`s of the usual shape, such as (out, in, height, width) "
    "for a convolution and (channels,) for BN's scale and shift."
)
CODE = re.compile(
    r"`(?P<quoted>[^`]+)`"
    r"|(?<![\w.])(?P<used>[^\W\d][\w.]*(?:\((?:[^()]|\([^()]*\))*\)|\[[^][]*\]))"  # a call, or an index
)
# Inline, since the style sheets of JupyterLab and Colab centre tables and align every cell to the right.
TABLE = "margin: 0; text-align: left"
CAPTION = "caption-side: top; padding: 0.3em 0.5em; font-weight: bold; text-align: left; color: inherit"
HEAD = "text-align: left; vertical-align: top; white-space: nowrap"
CELL = "text-align: left; vertical-align: top; white-space: normal; max-width: 50em"


@dataclass(frozen=True)
class CheckResult:
    """One check: its name, its status, what was expected and found, and the points it gave.

    The message of an undecided check is the call at which it was, that of a blocked one why. ``raised`` says that
    nothing was found, since the learner's code raised an error.
    """

    name: str
    status: Status
    message: str = ""
    points: int = 0
    raised: bool = False


@dataclass(frozen=True)
class Result:
    """All checks of one exercise. It is true if the exercise is solved.

    ``solution`` says where one way to write it can be read. It is shown only where the exercise is solved.
    """

    exercise: str
    checks: tuple[CheckResult, ...]
    score: int
    max_score: int
    asked: str = ""
    misconception: str = ""
    hint: str = ""
    solution: str = ""

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return bool(self.checks) and all(check.status == "passed" for check in self.checks)

    @property
    def undecided(self) -> bool:
        """Whether nothing failed, but something could not be decided, so that a person has to."""
        found = {check.status for check in self.checks}
        return "undecided" in found and found <= {"passed", "undecided", "blocked"}

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
            return f"{self.exercise}: not checked" if self.exercise else "Not checked"
        end = ", solved" if self.passed else " so far; a person decides about the rest" if self.undecided else ""
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
                result.append((word, _names(found)))
            if found and status == "undecided":
                result.append(("Why", WHY_UNDECIDED))
        if self.undecided:
            result.append(("What to do", HOW_TO_BE_DECIDED))
        if self.passed and self.solution:
            result.append(("One way to write it", self.solution))
        if self.hint:
            result.append(("Hint", self.hint))
        return result

    def __str__(self) -> str:
        width = max((len(word) for word, _ in self.lines()), default=0)
        return "\n".join([self.headline, *(f"  {word:<{width}}  {text}" for word, text in self.lines())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="{HEAD}">{escape(word)}</th><td style="{CELL}">{_marked_up(text)}</td></tr>'
            for word, text in self.lines()
        )
        return f"{_opening(self.headline)}<tbody>{rows}</tbody></table>"


def _names(checks: Sequence[CheckResult]) -> str:
    """The checks' names, and behind those that were undecided at one call, or blocked by one reason, which."""
    groups: dict[str, list[str]] = {}
    for check in checks:
        behind = {"undecided": f" (at {check.message})", "blocked": f" ({check.message})"}.get(check.status, "")
        groups.setdefault(behind, []).append(check.name)
    return "; ".join(f"{', '.join(names)}{behind}" for behind, names in groups.items())


def _opening(title: str) -> str:
    return f'<table style="{TABLE}"><caption style="{CAPTION}">{escape(title)}</caption>'


def _marked_up(text: str) -> str:
    """The text as HTML, with calls and what stands between backticks as code."""
    parts: list[str] = []
    end = 0
    for match in CODE.finditer(text):
        code = match["quoted"] or match["used"]
        parts += [escape(text[end : match.start()]), f"<code>{escape(code)}</code>"]
        end = match.end()
    return "".join([*parts, escape(text[end:])])


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
        head = "".join(f'<th scope="col" style="{HEAD}">{escape(cell)}</th>' for cell in self.header)
        body = "".join(
            "".join(["<tr>", *(f'<td style="{CELL}">{_marked_up(cell)}</td>' for cell in row), "</tr>"])
            for row in self.rows
        )
        return f"{_opening(self.title)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
