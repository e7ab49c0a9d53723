"""Exercise ``clinic-4``: the stride on the first 1x1."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((16, 4), (2, 16, 6, 6)),
    Case((8, 4), (2, 8, 6, 6)),
    Case((16, 4, 2), (2, 16, 7, 6), explanatory=True),
    Case((16, 4, 3), (2, 16, 7, 6)),
)
SHAPES = (
    "The output has 4 x mid_channels channels. Branch and shortcut have the stride once each; the 3x3 has padding 1. "
    "Any stride but 1 changes the map."
)
COUNT = (
    "The kernels stay as they were, 1x1, 3x3 and 1x1; the shortcut has a 1x1 with BN if and only if the stride is not "
    "1 or in_channels is not 4 x mid_channels. No convolution has a bias."
)
NUMERICS = (
    "All layers have the right shape, so look at where the stride is, in the branch and in the shortcut, and then at "
    "the three ReLUs."
)

EXERCISE = Exercise(
    id="clinic-4",
    sheet="05-bug-clinic",
    names=("NarrowBlock",),
    reference=lambda: (models.Bottleneck,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.input_kept(0, explanatory=True),
        module_checks.train_output(3, NUMERICS, explanatory=True),
        module_checks.eval_output(1, "In evaluation mode, every BN uses its running statistics."),
        module_checks.weight_gradients(2, "The way back to some layer is cut, or another one is called in its place."),
        module_checks.input_gradient(1, "The gradient's way back to the input is cut, such as by detach or no_grad."),
    ),
    fingerprint={**module_checks.FINGERPRINT, "train": ("output", "gradients", "input_gradient")},
    all_or_nothing=True,
)
