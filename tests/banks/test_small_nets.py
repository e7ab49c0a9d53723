"""The programs that two banks share."""

import pytest

from banks import small_nets


def test_an_expectation_of_a_program_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^No program is called typo\.$"):
        small_nets.programs(small_nets.Net, {"typo": ("shape", "…"), "squeezed": ("shape", "…")})


def test_a_programs_expectation_is_the_exercises_own_where_it_has_one() -> None:
    made = {program.__name__: program for program in small_nets.programs(small_nets.Net, {"squeezed": ("a", "b")})}
    assert made["squeezed"].expected == ("wrong", "a", "b")  # pyright: ignore[reportFunctionMemberAccess]
    assert made["no_average"].expected[:2] == ("wrong", "shape")  # pyright: ignore[reportFunctionMemberAccess]
    assert issubclass(made["no_average"](), small_nets.Net)
