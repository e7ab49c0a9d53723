"""Exercise ``pre-activation``: the block of 2016."""

from labutils.checks import common, references
from labutils.checks.engine import UNDECIDED, Case, Check, Exam, Exercise

IDENTITY = Case((8, 8), (2, 8, 6, 6))
CASES = (
    IDENTITY,
    Case((8, 16), (2, 8, 6, 6)),
    Case((8, 8, 2), (2, 8, 7, 5)),
)
SHAPES = "The stride belongs to conv1 and to the projection, and bn1 has as many channels as the input."
COUNT = (
    "Two 3x3 convolutions without bias, a BN before each, and a bare 1x1 if and only if the stride is not 1 or the "
    "channels differ."
)
NUMERICS = "The layers are there, but are not joined as specified: look at what reads x and what reads a."


def statistics_move_once(exam: Exam, case: Case) -> str:
    """A pass in training mode moves every running statistic as far as PyTorch's default BN does."""
    if not common.same_parts(exam, case):
        return UNDECIDED
    seen, expected = (observe("running", case)["moves"] for observe in (exam.seen, exam.expected))
    if len(seen) != len(expected):
        return f"expected {len(expected)} running statistics, got {len(seen)}"
    off = any(abs(a - b) > 0.2 * b + 0.002 for a, b in zip(seen, expected, strict=True))
    return "in a pass in training mode, the running statistics don't move as far as they should" if off else ""


EXERCISE = Exercise(
    id="pre-activation",
    sheet="01-residual-block",
    names=("PreActBlock",),
    reference=lambda: (references.PreActBlock,),
    cases=CASES,
    checks=(
        common.builds(),
        common.shape(1, SHAPES, explanatory=True),
        common.count(1, COUNT),
        common.input_kept(1, explanatory=True),
        common.silenced(
            2, "x", "Nothing stands on the shortcut, and nothing follows the addition.", (IDENTITY,), explanatory=True
        ),
        common.train_output(1, NUMERICS, explanatory=True),
        common.eval_output(1, NUMERICS),
        common.input_gradient(1, NUMERICS, explanatory=True),
        common.weight_gradients(1, NUMERICS),
        Check(
            "running statistics",
            1,
            statistics_move_once,
            "A BN has other settings than PyTorch's default, or is used more than once in a pass.",
            ("shape", "parameter count"),
        ),
    ),
    fingerprint={**common.FINGERPRINT, "running": ("moves",)},
)
