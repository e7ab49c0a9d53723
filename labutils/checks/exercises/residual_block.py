"""Exercise ``residual-block``: ResNet-18's block."""

from labutils import models
from labutils.checks import common
from labutils.checks.engine import Case, Exercise

IDENTITY = Case((8, 8), (2, 8, 6, 6))
CASES = (
    IDENTITY,
    Case((8, 16), (2, 8, 6, 6)),
    Case((8, 8, 2), (2, 8, 7, 5)),
    Case((16, 8, 2), (3, 16, 8, 8), explanatory=True),
)
SHAPES = "The stride belongs to the first 3x3 and to the shortcut, and a 3x3 keeps the size with padding 1."
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
        common.builds(),
        common.shape(1, SHAPES, explanatory=True),
        common.count(1, COUNT),
        common.input_kept(1, explanatory=True),
        common.own_weights(0, explanatory=True),
        common.silenced(
            2, "relu(x)", "The shortcut is missing, or something stands on it.", (IDENTITY,), explanatory=True
        ),
        common.train_output(1, NUMERICS, explanatory=True),
        common.eval_output(1, NUMERICS),
        common.input_gradient(1, NUMERICS, explanatory=True),
        common.weight_gradients(1, NUMERICS, explanatory=True),
        common.statistics_move(0, explanatory=True),
        common.reloads(1),
        common.double(0, explanatory=True),
    ),
    fingerprint=common.FINGERPRINT,
)
