"""Exercise ``bottleneck``: ResNet-50's block."""

from labutils import models
from labutils.checks import common
from labutils.checks.engine import Case, Exercise

IDENTITY = Case((16, 4), (2, 16, 6, 6))
CASES = (
    IDENTITY,
    Case((8, 8), (2, 8, 6, 6)),
    Case((16, 4, 2), (2, 16, 7, 5)),
)
SHAPES = (
    "The output has 4 x mid_channels channels. The stride belongs to the 3x3, which has padding 1, and to the shortcut."
)
COUNT = (
    "A 1x1, a 3x3 and a 1x1 convolution without bias, a BN after each; a 1x1 with BN on the shortcut if and only if "
    "the stride is not 1 or in_channels is not 4 x mid_channels."
)
SHORTCUT = "The shortcut is missing, or something stands on it."
NUMERICS = "The layers are there, but are not joined as specified: look for the three ReLUs and for the stride."
STATISTICS = "A BN uses other statistics than its running ones, or keeps them where the module does not see them."

EXERCISE = Exercise(
    id="bottleneck",
    sheet="03-bottleneck",
    names=("Bottleneck",),
    reference=lambda: (models.Bottleneck,),
    cases=CASES,
    checks=(
        common.builds(),
        common.shape(1, SHAPES, explanatory=True),
        common.count(1, COUNT),
        common.input_kept(1, explanatory=True),
        common.own_weights(1),
        common.silenced(1, "relu(x)", SHORTCUT, (IDENTITY,), explanatory=True),
        common.train_output(1, NUMERICS, explanatory=True),
        common.eval_output(1, STATISTICS, explanatory=True),
        common.input_gradient(1, "The gradient's way back to the input is cut, such as by detach or no_grad."),
        common.weight_gradients(1, "Some layer is made, but another is used in its place.", explanatory=True),
        common.statistics_move(1),
    ),
    fingerprint=common.FINGERPRINT,
    requires=("residual-block",),
)
