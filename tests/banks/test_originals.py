"""Programs that are an exercise's original with some texts replaced."""

import pytest
import torch

from banks import originals
from labutils.checks import exercises


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_an_original_stands_alone(exercise: str) -> None:
    imported = [line for line in originals.source(exercise).splitlines() if line.startswith(("from ", "import "))]
    assert not [line for line in imported if "banks" in line or "labutils" in line or line.startswith("from .")]


def test_texts_are_replaced_at_once_so_that_two_can_change_places() -> None:
    changes = {"w1[own]": "w3[:, own]", "w3[:, own]": "w1[own]"}
    (split_paths,) = originals.altered("three-forms", changes)
    w1, w2, w3 = torch.rand(4, 6, 1, 1), torch.rand(4, 2, 3, 3), torch.rand(6, 4, 1, 1)
    first, _, last = split_paths(w1, w2, w3, 2)[1]
    assert torch.equal(first, w3[:, 2:])
    assert torch.equal(last, w1[2:])


def test_further_lines_are_indented_like_the_line_that_is_replaced() -> None:
    changes = {"paths.append(": "if group:\n    continue\npaths.append("}
    (split_paths,) = originals.altered("three-forms", changes)
    assert len(split_paths(torch.rand(4, 6, 1, 1), torch.rand(4, 2, 3, 3), torch.rand(6, 4, 1, 1), 2)) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.fit()": ""}, r"^'model\.fit\(\)' stands 0 times in the original of training-loop, not once\.$"),
        ({"len(images)": "1"}, r"^'len\(images\)' stands 3 times in the original of training-loop, not once\.$"),
        ({"loss.item()": "1", "= loss.item()": "= 1"}, r"^Of .*, some overlap in the original of training-loop\.$"),
    ],
    ids=["not there", "there three times", "overlapping"],
)
def test_what_can_not_be_replaced_for_certain_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        originals.altered("training-loop", changes)
