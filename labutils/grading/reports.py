"""What students get back, what Gradescope reads, and what the class as a whole misunderstood."""

import io
import json
from collections import Counter
from collections.abc import Sequence
from html import escape

from labutils.grading.records import Mark, Record, Status

IN_WORDS: dict[Status, str] = {
    "passed": "solved",
    "partial": "partly solved",
    "failed": "not solved",
    "missing": "no answer was found",
    "review": "partly decided",
    "error": "your code could not be used",
    "timeout": "your code ran longer than it may, and was stopped",
    "memory": "your code used more memory than it may, and was stopped",
    "crashed": "your code ended its process",
    "protocol": "your code disturbed the grader; a person will look at it",
    "infra": "our fault: the grader failed, and a person will look at it",
}
STYLE = """\
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { border-bottom: 1px solid #8888; padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top }
caption { text-align: left; font-weight: bold }
td.number { text-align: right }
svg { max-width: 100%; height: auto; background: #fff }"""


def page(title: str, body: str) -> str:
    """A whole HTML page that needs nothing from outside. ``title`` is text, ``body`` HTML."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def for_student(record: Record) -> str:
    """The report for one student, as an HTML page."""
    if record.status == "infra":
        head = "<p>Your submission could not be graded yet. That is our fault, and no points are lost.</p>"
    else:
        head = f"<p><strong>{_points(record.marks)}</strong></p>"
    small = f"<p><small>{escape(record.file)}, SHA-256 <code>{record.source_sha256 or 'not read'}</code></small></p>"
    body = "\n".join([head, *map(_section, record.marks), small])
    return page(f"{record.sheet}: {record.submission}", body)


def _section(mark: Mark) -> str:
    points = "." if mark.status == "infra" else f", {_points_of(mark)}"
    lines = [f"<h2>{escape(mark.exercise)}</h2>", f"<p>{IN_WORDS[mark.status].capitalize()}{points}</p>"]
    if mark.message:
        where = f"<strong>{escape(mark.first_failure)}:</strong> " if mark.first_failure else ""
        lines.append(f"<p>{where}{escape(mark.message)}</p>")
    if why := why_in_words(mark):
        lines.append("<p><strong>{}:</strong> {}</p>".format(*map(escape, why)))
    if mark.checks:
        rows = "".join(
            f'<tr><th scope="row">{escape(check["name"])}</th><td>{escape(check["status"])}</td>'
            f'<td class="number">{check["points"]}</td></tr>'
            for check in mark.checks
        )
        head = '<tr><th scope="col">check</th><th scope="col">result</th><th scope="col">points</th></tr>'
        lines.append(f"<table><caption>Checks</caption><thead>{head}</thead><tbody>{rows}</tbody></table>")
    return "\n".join(lines)


def _points(marks: Sequence[Mark]) -> str:
    """The sum of the points in a sentence, and one more where they are not the last word."""
    points = f"{sum(mark.score for mark in marks)} of {sum(mark.max_score for mark in marks)} points"
    in_review = any(mark.status == "review" for mark in marks)
    return f"{points} so far. A person will look at the rest." if in_review else f"{points}."


def _points_of(mark: Mark) -> str:
    """The points of one exercise. Where a person has to decide, its message says so."""
    return f"{mark.score} of {mark.max_score} points{' so far' if mark.status == 'review' else ''}."


def why_in_words(mark: Mark) -> tuple[str, str] | None:
    """What is known of why points are missing, with a word in front, or None."""
    if mark.misconception:
        return "Likely cause", mark.misconception
    return ("Asked for", mark.asked) if mark.asked else None


def for_gradescope(record: Record) -> str:
    """The content of Gradescope's ``results.json``, a test for each exercise. What is in review is not failed there."""
    tests = [
        {
            "name": mark.exercise,
            "score": mark.score,
            "max_score": mark.max_score,
            **({} if mark.status == "review" else {"status": "passed" if mark.status == "passed" else "failed"}),
            "output": _in_text(mark),
            "output_format": "text",
        }
        for mark in record.marks
    ]
    result = {
        "score": record.score,
        "execution_time": round(record.seconds),
        "output": _points(record.marks),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(result, indent=1) + "\n"


def _in_text(mark: Mark) -> str:
    points = f", {_points_of(mark)}" if mark.status == "review" else "."
    status = f"{IN_WORDS[mark.status].capitalize()}{points}"
    parts = [status, mark.first_failure and f"{mark.first_failure}:", mark.message]
    why = why_in_words(mark)
    return " ".join(filter(None, parts)) + ("\n{}: {}".format(*why) if why else "")


def for_class(records: Sequence[Record], sheet: str) -> str:
    """The report on the class, as an HTML page: statuses, points, and the commonest misconceptions, also as a plot."""
    graded = [record for record in records if record.status != "infra"]
    parts = [f"<p>{len(records)} submissions, {len(records) - len(graded)} of them could not be graded.</p>"]
    in_review = sum(any(mark.status == "review" for mark in record.marks) for record in graded)
    if in_review:
        parts.append(f"<p>In {in_review} of them a person has points to decide. The means hold the points so far.</p>")
    statuses = Counter(record.status for record in records)
    parts.append(_table("Submissions by status", ("status", "submissions"), statuses.most_common()))
    if graded:
        parts.append(plot(graded))
    for exercise in dict.fromkeys(mark.exercise for record in graded for mark in record.marks):
        marks = [mark for record in graded for mark in record.marks if mark.exercise == exercise]
        mean = sum(mark.score for mark in marks) / len(marks)
        parts.append(f"<h2>{escape(exercise)}</h2><p>Mean {mean:.1f} of {marks[0].max_score} points.</p>")
        parts.append(_table("By status", ("status", "submissions"), Counter(m.status for m in marks).most_common()))
        reasons = commonest(marks)
        if reasons:
            parts.append(
                _table(
                    "What went wrong",
                    ("misconception, else the first check that failed, else the status", "times"),
                    reasons,
                )
            )
    return page(f"{sheet}: the class", "\n".join(parts))


def commonest(marks: Sequence[Mark]) -> list[tuple[str, int]]:
    """Why points of one exercise are lost, the commonest reason first. In review, none are yet."""
    lost = [mark for mark in marks if mark.status not in ("passed", "review")]
    return Counter(mark.misconception or mark.first_failure or mark.status for mark in lost).most_common()


def _table(caption: str, header: tuple[str, str], rows: Sequence[tuple[str, int]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(f'<tr><td>{escape(name)}</td><td class="number">{count}</td></tr>' for name, count in rows)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def plot(records: Sequence[Record]) -> str:
    """The five commonest misconceptions of each exercise, as an inline SVG, or a sentence where there are none."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    bars: list[tuple[str, int]] = []
    for exercise in dict.fromkeys(mark.exercise for record in records for mark in record.marks):
        marks = [mark for record in records for mark in record.marks if mark.exercise == exercise]
        bars += [(f"{exercise}: {reason}", count) for reason, count in commonest(marks)[:5]]
    bars = sorted(bars, key=lambda bar: bar[1])
    if not bars:
        solved = all(mark.status == "passed" for record in records for mark in record.marks)
        return f"<p>{'Everyone solved everything' if solved else 'Nobody is known to have lost points'}.</p>"
    figure = Figure(figsize=(8, 0.8 + 0.45 * len(bars)), layout="constrained")
    axes = figure.subplots()
    axes.barh([_wrapped(name) for name, _ in bars], [count for _, count in bars], color="#0072b2")
    axes.set_xlabel("submissions")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    label = "Bars: how many submissions lost points for each reason. The tables below hold the same numbers."
    return svg[svg.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _wrapped(name: str, width: int = 60) -> str:
    """The name in at most two lines, without what matplotlib would read as mathematics."""
    name = name.replace("$", "")
    if len(name) <= width:
        return name
    cut = name.rfind(" ", 0, width) if " " in name[:width] else width
    rest = name[cut:].strip()
    return f"{name[:cut]}\n{rest if len(rest) <= width else rest[: width - 1] + '…'}"
