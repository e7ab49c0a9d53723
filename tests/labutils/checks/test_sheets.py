"""Which exercises a sheet has."""

import pytest

from labutils.checks import exercises
from tests.conftest import ROOT


def test_a_sheet_has_its_exercises_in_order() -> None:
    assert [exercise.id for exercise in exercises.of_sheet("03-bottleneck")] == ["bottleneck", "resnet-50", "cost"]


def test_an_unknown_sheet_is_an_error() -> None:
    with pytest.raises(KeyError, match="09-none"):
        exercises.of_sheet("09-none")


def test_the_sheets_are_the_pages_and_have_every_exercise() -> None:
    assert exercises.sheets() == sorted(page.stem for page in (ROOT / "exercises").glob("0*.md"))
    of_all = [exercise.id for sheet in exercises.sheets() for exercise in exercises.of_sheet(sheet)]
    assert of_all == list(exercises.IDS)
