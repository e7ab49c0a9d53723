"""Reports say what happened in words, take nothing for HTML that is not, and never blame a student for our fault."""

import json
from html.parser import HTMLParser
from typing import get_args

import pytest

from labutils.grading import reports
from labutils.grading.records import Record, Status
from tests.labutils.grading.conftest import SHEET, mark_of, record_of

NASTY = "<script>alert('1')</script> & \"co\""
STATUSES: tuple[Status, ...] = get_args(Status)


class Page(HTMLParser):
    """Which elements there are, each closed, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checks(name: str, status: str) -> list[dict[str, object]]:
    return [{"name": name, "status": status, "message": "", "points": 0}]


NASTY_MARK = mark_of(
    "failed", exercise=NASTY, message=NASTY, first_failure=NASTY, misconception=NASTY, checks=checks(NASTY, NASTY)
)
NASTY_RECORD = record_of(NASTY, NASTY_MARK, mark_of("failed", exercise="b", asked=NASTY), file=NASTY, sheet=NASTY)


def test_nothing_that_a_submission_or_a_name_says_becomes_html() -> None:
    page = Page(reports.for_student(NASTY_RECORD))
    assert "script" not in page.seen
    assert page.text.count(NASTY) == 12  # of these, the title and the heading hold two each
    page = Page(reports.for_class([NASTY_RECORD], NASTY))
    assert "script" not in page.seen
    assert page.text.count(NASTY) == 4  # title, heading, exercise, reason
    page = Page(reports.page(NASTY, "<p>of our own</p>"))
    assert (page.text.count(NASTY), page.seen.count("p")) == (2, 1)


def test_a_student_reads_points_what_failed_and_why() -> None:
    mark = mark_of(
        "partial",
        4,
        message="expected relu(x), got 0",
        first_failure="silenced branch",
        asked="look at forward",
        misconception="there is no shortcut",
        checks=checks("shape", "passed"),
    )
    text = Page(reports.for_student(record_of("amy", mark, mark_of("passed", 10, exercise="shortcut-a")))).text
    assert f"{SHEET}: amy" in text
    assert "14 of 20 points." in text
    assert "Partly solved, 4 of 10 points." in text
    assert "silenced branch: expected relu(x), got 0" in text
    assert "Likely cause: there is no shortcut" in text
    assert "look at forward" not in text
    assert "Solved, 10 of 10 points." in text
    assert "0" * 64 in text
    unread = record_of("amy", mark_of("error", message="The file is encrypted."), source_sha256="")
    assert "not read" in Page(reports.for_student(unread)).text


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_said_in_words_and_only_infra_is_our_fault(status: Status) -> None:
    record = record_of("amy", mark_of(status, message="why"))
    said = [Page(reports.for_student(record)).text, json.loads(reports.for_gradescope(record))["tests"][0]["output"]]
    for text in said:
        assert reports.IN_WORDS[status].capitalize() in text
        assert ("our fault" in text.lower()) == (status == "infra")
        assert "your fault" not in text.lower()
        if status == "infra":
            assert "your code" not in text.lower()
    assert len(set(reports.IN_WORDS.values())) == len(STATUSES)


def test_our_fault_costs_a_student_nothing() -> None:
    text = Page(reports.for_student(record_of("amy", mark_of("infra", message="the disk is full")))).text
    assert "could not be graded yet. That is our fault, and no points are lost." in text
    assert "Our fault: the grader failed, and a person will look at it." in text
    assert "of 10 points" not in text


def test_gradescope_is_told_each_exercise() -> None:
    marks = (
        mark_of("passed", 10),
        mark_of("partial", 4, exercise="b", message="got 0", first_failure="shape", misconception="no shortcut"),
        mark_of("failed", exercise="c", asked="look at forward"),
        mark_of("missing", exercise="d", message="No cell answers this exercise."),
    )
    found = json.loads(reports.for_gradescope(record_of("amy", *marks, seconds=2.6)))
    assert (found["score"], found["execution_time"], found["output"]) == (14, 3, "14 of 40 points.")
    assert found["stdout_visibility"] == "hidden"
    assert [test["name"] for test in found["tests"]] == ["residual-block", "b", "c", "d"]
    assert [test["score"] for test in found["tests"]] == [10, 4, 0, 0]
    assert [test["max_score"] for test in found["tests"]] == [10] * 4
    assert [test["status"] for test in found["tests"]] == ["passed", "failed", "failed", "failed"]
    assert [test["output"] for test in found["tests"]] == [
        "Solved.",
        "Partly solved. shape: got 0\nLikely cause: no shortcut",
        "Not solved.\nAsked for: look at forward",
        "No answer was found. No cell answers this exercise.",
    ]


def test_who_is_in_review_reads_the_points_so_far_and_that_a_person_decides_the_rest() -> None:
    open_one = mark_of("review", 4, message="A person decides what the grader could not: input gradient.")
    record = record_of("amy", open_one, mark_of("passed", 10, exercise="shortcut-a"))
    text = Page(reports.for_student(record)).text
    assert "14 of 20 points so far. A person will look at the rest." in text
    assert "Partly decided, 4 of 10 points so far." in text
    assert "A person decides what the grader could not: input gradient." in text
    assert "Solved, 10 of 10 points." in text
    found = json.loads(reports.for_gradescope(record))
    assert (found["score"], found["output"]) == (14, "14 of 20 points so far. A person will look at the rest.")
    assert [(test["score"], test["output"]) for test in found["tests"]] == [
        (4, f"Partly decided, 4 of 10 points so far. {open_one.message}"),
        (10, "Solved."),
    ]
    assert [test.get("status") for test in found["tests"]] == [None, "passed"]


def class_of(*statuses: Status) -> list[Record]:
    scores: dict[str, int] = {"passed": 10, "partial": 4, "review": 4}
    return [
        record_of(f"student-{number}", mark_of(status, scores.get(status, 0))) for number, status in enumerate(statuses)
    ]


def test_the_class_is_told_without_those_that_could_not_be_graded() -> None:
    page = Page(reports.for_class(class_of("passed", "partial", "infra", "failed", "passed"), SHEET))
    assert f"{SHEET}: the class" in page.text
    assert "5 submissions, 1 of them could not be graded." in page.text
    assert "Mean 6.0 of 10 points." in page.text
    assert "passed2" in page.text
    assert "svg" in page.seen
    nobody = Page(reports.for_class(class_of("infra"), SHEET))
    assert "1 submissions, 1 of them could not be graded." in nobody.text
    assert "svg" not in nobody.seen
    assert "Everyone solved everything." in Page(reports.for_class(class_of("passed"), SHEET)).text


def test_the_class_is_told_how_many_a_person_decides_and_these_have_lost_nothing_yet() -> None:
    text = Page(reports.for_class(class_of("passed", "review", "failed", "review"), SHEET)).text
    assert "In 2 of them a person has points to decide. The means hold the points so far." in text
    assert "review2" in text
    assert "Mean 4.5 of 10 points." in text
    assert "times" in text
    assert text.count("review") == 2, "in both tables of statuses, and in no reason"
    without = Page(reports.for_class(class_of("passed", "failed"), SHEET)).text
    assert "a person has points to decide" not in without
    nobody = Page(reports.for_class(class_of("passed", "review"), SHEET)).text
    assert "Everyone solved everything." not in nobody
    assert "Nobody is known to have lost points." in nobody
    assert "What went wrong" not in nobody


def test_reasons_are_counted_the_commonest_first_and_the_most_telling_of_each() -> None:
    marks = [
        mark_of("failed", first_failure="shape"),
        mark_of("partial", 4, misconception="no shortcut", first_failure="silenced branch"),
        mark_of("failed", misconception="no shortcut", first_failure="shape"),
        mark_of("timeout"),
        mark_of("partial", 4, misconception="no shortcut"),
        mark_of("failed", first_failure="shape"),
        mark_of("passed", 10),
    ]
    assert reports.commonest(marks) == [("no shortcut", 3), ("shape", 2), ("timeout", 1)]
    text = Page(reports.for_class([record_of(str(number), mark) for number, mark in enumerate(marks)], SHEET)).text
    assert "no shortcut3shape2timeout1" in text


def bars(*reasons: str) -> str:
    return reports.plot([record_of(reason, mark_of("failed", misconception=reason)) for reason in reasons])


def test_the_plot_is_one_picture_with_a_label_whatever_the_reasons_say() -> None:
    svg = bars("costs $\\frac$", "x" * 200, "many words " * 30, "a < b & c -->")
    page = Page(svg)
    assert svg.startswith('<svg role="img" aria-label="Bars: ')
    assert page.seen.count("svg") == 1


def test_the_plot_has_the_five_commonest_of_each_exercise() -> None:
    svg = bars(*"abcdef", "a", "b", "c", "d", "e")
    assert [reason for reason in "abcdef" if f"residual-block: {reason}" in svg] == [*"abcde"]
