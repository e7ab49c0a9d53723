"""Programs that go wrong at some arguments of a block alone, made from any right block (in, out, stride=1).

The right block, ``base``, has a method ``projects``, that says whether there is a projection, and ``branch``.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from banks import Maker, right, wrong
from banks.blocks import Base

Rule = Callable[[int, int, int], bool]
MISSING = "The projection is missing where {where}."
# Rules for a projection: when it is made, the check that fails first, and where it is missing.
RULES: dict[str, tuple[Rule, str, str]] = {
    "projection_on_channels_alone": (
        lambda inputs, outputs, stride: inputs != outputs,
        "shape",
        "The input is added as it is, or in another size than the branch's, where the stride is not 1 and the channels "
        "stay: often the projection is made only where the channels change.",
    ),
    "projection_on_stride_alone": (
        lambda inputs, outputs, stride: stride != 1,
        "shape",
        MISSING.format(where="the channels change and the stride is 1"),
    ),
    "projection_with_and": (
        lambda inputs, outputs, stride: stride != 1 and inputs != outputs,
        "shape",
        "The projection is missing where only the stride or only the channels change: `and` should be `or`.",
    ),
    "projection_at_stride_2_alone": (
        lambda inputs, outputs, stride: stride == 2 or inputs != outputs,
        "shape",
        "The projection is missing at a stride of 3: any stride but 1 changes the map's size.",
    ),
    "projection_where_channels_grow": (
        lambda inputs, outputs, stride: stride != 1 or inputs < outputs,
        "shape",
        MISSING.format(where="the channels become fewer and the stride is 1"),
    ),
    "projection_where_channels_become_fewer": (
        lambda inputs, outputs, stride: stride != 1 or inputs > outputs,
        "shape",
        MISSING.format(where="the channels grow and the stride is 1"),
    ),
    "projection_where_channels_double": (
        lambda inputs, outputs, stride: stride != 1 or outputs == 2 * inputs,
        "shape",
        "The projection is missing where the channels change without being doubled and the stride is 1.",
    ),
    "projection_where_channels_double_at_least": (
        lambda inputs, outputs, stride: stride != 1 or outputs < inputs or outputs >= 2 * inputs,
        "shape",
        MISSING.format(where="the channels become more, but less than twice as many, and the stride is 1"),
    ),
    "numbers_compared_as_objects": (
        lambda inputs, outputs, stride: stride != 1 or inputs is not outputs,
        "parameter count",
        "Wide blocks get a projection that they don't need: `is not` asks whether two numbers are one object, and "
        "large ones seldom are.",
    ),
    "one_channel_broadcast": (
        lambda inputs, outputs, stride: stride != 1 or inputs not in (1, outputs),
        "parameter count",
        "An input of one channel has no projection: PyTorch broadcasts, which adds it to every channel of the branch.",
    ),
}


def projected_where(base: Base, rule: Rule) -> Base:
    """The block, whose projection follows another rule."""

    class Own(base):
        def projects(self, in_channels: int, out_channels: int, stride: int) -> bool:
            return rule(in_channels, out_channels, stride)

    return Own


@wrong("shape", "A stride of 3 acts like a stride of 2.")
def stride_clipped_at_2(base: Base) -> Base:
    class Own(base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, min(stride, 2))

    return Own


@wrong("output in training", "The branch is left out where the stride is 2 and the channels double.")
def no_branch_where_a_stage_begins(base: Base) -> Base:
    class Own(base):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
            super().__init__(in_channels, out_channels, stride)
            self.kept = (out_channels, stride) != (2 * in_channels, 2)

        def branch(self, x: Tensor) -> Tensor:
            out = super().branch(x)
            return out if self.kept else 0 * out

    return Own


@right
def the_other_way_round(base: Base) -> Base:
    return projected_where(base, lambda inputs, outputs, stride: not (stride == 1 and inputs == outputs))


def programs(base: Base, without: tuple[str, ...] = ()) -> list[Maker]:
    """All programs of this kind, made from an exercise's right block, without those of some names."""
    made: list[Maker] = []
    for name, (rule, first, says) in RULES.items():
        made.append(wrong(first, says)(partial(projected_where, base, rule)))
        made[-1].__name__ = name  # pyright: ignore[reportFunctionMemberAccess]
    for build in (stride_clipped_at_2, no_branch_where_a_stage_begins, the_other_way_round):
        made.append(partial(build, base))
        made[-1].__name__ = build.__name__  # pyright: ignore[reportFunctionMemberAccess]
        made[-1].expected = build.expected  # pyright: ignore[reportFunctionMemberAccess]
    return [make for make in made if make.__name__ not in without]
