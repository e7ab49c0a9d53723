"""Exercise ``clinic-7``: the block that is right for the arguments of one network."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((8, 8), (2, 8, 6, 6)),
    Case((8, 16, 2), (2, 8, 6, 6), explanatory=True),
    Case((16, 8), (2, 16, 5, 6)),
    Case((8, 8, 2), (2, 8, 7, 5), explanatory=True),
    Case((8, 8, 3), (2, 8, 7, 5)),
    Case((1, 8), (2, 1, 6, 6)),
)
SHAPES = (
    "The shortcut must have the branch's shape: think of the map's size, which any stride but 1 changes, and of "
    "the number of channels."
)
COUNT = (
    "The projection, a 1x1 with BN, is there where the map's size or the number of channels changes, and nowhere else. "
    "No convolution has a bias."
)
NUMERICS = "The layers are there, but are not joined as specified: look at the stride, and at what is added to what."

EXERCISE = Exercise(
    id="clinic-7",
    sheet="05-bug-clinic",
    names=("WideningBlock",),
    reference=lambda: (models.BasicBlock,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.input_kept(0, explanatory=True),
        module_checks.train_output(3, NUMERICS, explanatory=True),
        module_checks.eval_output(2, NUMERICS, explanatory=True),
        module_checks.weight_gradients(1, "The way back to some layer is cut, or another one is called in its place."),
        module_checks.input_gradient(1, "The gradient's way back to the input is cut, such as by detach or no_grad."),
    ),
    fingerprint={**module_checks.FINGERPRINT, "train": ("output", "gradients", "input_gradient")},
    all_or_nothing=True,
)
