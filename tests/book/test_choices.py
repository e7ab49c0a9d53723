"""Questions with choices: what a source must say, and what each chapter has."""

import re

import pytest
from choices import Choice, parse_choices

from tests.book.faults import built_pages, page_names
from tests.conftest import ROOT, build, make_book

GOOD = "- [ ] One\n\n  Too few.\n- [x] Two,\n  or so\n\n  Enough.\n\n  Really."
CHAPTERS = [name for name in page_names(ROOT) if name.startswith("chapters/")]


def test_choices_are_read() -> None:
    assert parse_choices(GOOD) == [
        Choice(False, "One", "Too few.", 0),
        Choice(True, "Two,\nor so", "Enough.\n\nReally.", 3),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("", "mark exactly one choice"),
        (GOOD.replace("[x]", "[ ]"), "mark exactly one choice"),
        (GOOD.replace("[ ]", "[x]"), "mark exactly one choice"),
        (GOOD.replace("\n\n  Too few.", ""), "'One', after an empty line"),
        (GOOD.replace("- [ ] ", "- "), "unlike '- One'"),
        (GOOD.replace("  Enough", "Enough"), "unlike 'Enough.'"),
    ],
    ids=["none", "none right", "two right", "unexplained", "unmarked", "not indented"],
)
def test_what_is_no_set_of_choices_is_refused(wrong: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_choices(wrong)


@pytest.mark.builds
def test_wrong_choices_fail_the_build(tmp_path: pytest.TempPathFactory) -> None:
    page = "# A page\n\n```{choices}\n- [ ] One\n\n  No.\n```\n"
    result = build(make_book(tmp_path, page))  # pyright: ignore[reportArgumentType]
    assert result.returncode != 0
    assert "mark exactly one choice as right" in result.stderr


@pytest.mark.book
def test_every_chapter_asks_and_explains_each_choice() -> None:
    for name, page in built_pages(ROOT):
        groups = page.select(".choices")
        assert (len(groups) >= 2) == (name in CHAPTERS), name
        for group in groups:
            choices = group.select("details.choice")
            assert len(choices) >= 3, name
            assert len(group.select("details.right")) == 1, name
            for choice in choices:
                verdict = choice.select_one("p > strong")
                assert verdict is not None
                assert verdict.get_text() == ("Right." if "right" in choice["class"] else "No."), name
                assert len(choice.get_text()) > 60, name


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_explanations_take_their_numbers_from_the_chapters_cells(chapter: str) -> None:
    blocks = re.findall(
        r"^```\{choices\}\n(.*?)^```", (ROOT / f"{chapter}.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert "{glue:text}`" in "".join(blocks)
    assert "::" not in "".join(blocks)
