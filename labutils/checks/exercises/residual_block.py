"""Exercise ``residual-block``: ResNet-18's block."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.engine import Case, Exercise

IDENTITY = Case((8, 8), (2, 8, 6, 6))
CASES = (
    IDENTITY,
    Case((8, 16), (2, 8, 6, 6)),
    Case((8, 8, 2), (2, 8, 7, 5)),
    Case((16, 8, 2), (3, 16, 8, 8), explanatory=True),
)
SHAPES = (
    "If a sum fails, look at the shortcut: is the projection made where the stride is not 1 or the channels differ, "
    "does it have the stride, and does forward use it? A 3x3 keeps the size with padding 1; only the first has the "
    "stride."
)
COUNT = (
    "Two 3x3 convolutions without bias and two BNs; a 1x1 with BN on the shortcut if and only if the stride is not 1 "
    "or the channels differ."
)
NUMERICS = "The layers are there, but are not joined as specified: look at the order, and at what is added to what."

EXERCISE = Exercise(
    id="residual-block",
    sheet="01-residual-block",
    names=("BasicBlock",),
    reference=lambda: (models.BasicBlock,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(0, SHAPES, explanatory=True),
        module_checks.count(1, COUNT),
        module_checks.input_kept(1, explanatory=True),
        module_checks.own_weights(1, explanatory=True),
        module_checks.silenced(
            1, "relu(x)", "The shortcut is missing, or something stands on it.", (IDENTITY,), explanatory=True
        ),
        module_checks.train_output(1, NUMERICS, explanatory=True),
        module_checks.eval_output(1, NUMERICS),
        module_checks.input_gradient(1, NUMERICS, explanatory=True),
        module_checks.weight_gradients(1, NUMERICS, explanatory=True),
        module_checks.statistics_move(1),
        module_checks.reloads(1),
    ),
    fingerprint={**module_checks.FINGERPRINT, "running": ("moves",)},
)
