"""What is said of numbers that differ."""

import pytest
import torch

from labutils.checks.comparison import difference

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("seen", "expected", "said"),
    [
        ([1.0, 2.0], [1.0, 2.0], ""),
        ([1.0, 2.0015], [1.0, 2.0], ""),
        ([1.0, 2.0025], [1.0, 2.0], "1 of 2 values differ, and where they differ most 2.0000 was expected"),
        ([0.0, 0.5e-6], [0.0, 0.0], ""),
        (
            [0.0, 2e-6],
            [0.0, 0.0],
            "1 of 2 values differ, and where they differ most 0.000000 was expected, but got 0.000002",
        ),
        ([1.0], [1.0, 1.0], "expected (2,) values, got (1,)"),
        ([], [], ""),
        ([NAN, 2.0], [1.0, 2.0], "got values that are not finite"),
        ([INFINITE, 2.0], [1.0, 2.0], "got values that are not finite"),
    ],
)
def test_a_difference_is_said_beyond_a_thousandth_of_the_largest_value(
    seen: list[float], expected: list[float], said: str
) -> None:
    for kind in (list, torch.tensor):
        found = difference(kind(seen), kind(expected))
        assert (said in found) if said else not found


def test_numbers_that_differ_are_written_with_as_many_digits_as_tell_them_apart() -> None:
    assert "2.00003 was expected, but got 2.00004" in difference([2.00004], [2.00003], tolerance=1e-6)


def test_another_type_is_a_difference_of_tensors() -> None:
    ones = torch.ones(3)
    assert difference(ones.half(), ones) == "expected values of float32, got float16"
    assert difference([1.0, 1.0, 1.0], ones) == ""
