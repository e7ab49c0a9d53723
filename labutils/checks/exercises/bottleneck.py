"""Exercise ``bottleneck``: ResNet-50's block."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.engine import Case, Exercise

IDENTITY = Case((16, 4), (2, 16, 6, 6))
CASES = (
    IDENTITY,
    Case((8, 8), (2, 8, 6, 6)),
    Case((16, 4, 2), (2, 16, 7, 5)),
)
SHAPES = (
    "If a sum fails, look at the shortcut: is the projection made where the stride is not 1 or in_channels is not 4 x "
    "mid_channels, does it have the stride, and does forward use it? The 3x3 has the stride and padding 1."
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
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(1, COUNT),
        module_checks.input_kept(1, explanatory=True),
        module_checks.own_weights(1),
        module_checks.silenced(1, "relu(x)", SHORTCUT, (IDENTITY,), explanatory=True),
        module_checks.train_output(1, NUMERICS, explanatory=True),
        module_checks.eval_output(1, STATISTICS, explanatory=True),
        module_checks.input_gradient(1, "The gradient's way back to the input is cut, such as by detach or no_grad."),
        module_checks.weight_gradients(1, "Some layer is made, but another is used in its place.", explanatory=True),
        module_checks.statistics_move(1),
    ),
    fingerprint={**module_checks.FINGERPRINT, "running": ("moves",)},
    requires=("residual-block",),
)
