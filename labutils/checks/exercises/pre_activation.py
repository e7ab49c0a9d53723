"""Exercise ``pre-activation``: the block of 2016."""

from labutils.checks import module_checks, references
from labutils.checks.engine import Case, Exercise

IDENTITY = Case((8, 8), (2, 8, 6, 6))
CASES = (
    IDENTITY,
    Case((8, 16), (2, 8, 6, 6)),
    Case((8, 8, 2), (2, 8, 7, 5)),
)
SHAPES = (
    "If a sum fails, look at the shortcut: where the stride is not 1 or the channels differ, it is a projection with "
    "the stride. The stride belongs to conv1 as well, and bn1 has as many channels as the input."
)
COUNT = (
    "Two 3x3 convolutions without bias, a BN before each, and a bare 1x1 if and only if the stride is not 1 or the "
    "channels differ."
)
NUMERICS = "The layers are there, but are not joined as specified: look at what reads x and what reads a."


EXERCISE = Exercise(
    id="pre-activation",
    sheet="01-residual-block",
    names=("PreActBlock",),
    reference=lambda: (references.PreActBlock,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(1, COUNT),
        module_checks.input_kept(1, explanatory=True),
        module_checks.silenced(
            2, "x", "Nothing stands on the shortcut, and nothing follows the addition.", (IDENTITY,), explanatory=True
        ),
        module_checks.train_output(1, NUMERICS, explanatory=True),
        module_checks.eval_output(1, NUMERICS),
        module_checks.input_gradient(1, NUMERICS, explanatory=True),
        module_checks.weight_gradients(1, NUMERICS),
        module_checks.statistics_move(1),
    ),
    fingerprint={**module_checks.FINGERPRINT, "running": ("moves",)},
)
