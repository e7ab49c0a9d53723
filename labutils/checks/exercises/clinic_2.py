"""Exercise ``clinic-2``: the number of groups and their width exchanged."""

from labutils.checks import module_checks, references
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((6, 12, 3), (2, 6, 5, 6)),
    Case((12, 8, 1), (2, 12, 6, 6)),
)
SHAPES = "The output has the input's shape: the 3x3 has padding 1, and the last 1x1 goes back to `channels`."
COUNT = (
    "The 3x3 has `groups` groups of width // groups channels, the 1x1 convolutions have one; a BN follows each of the "
    "three, no convolution has a bias, and the shortcut has no parameters."
)
NUMERICS = "The layers are there, but are not joined as specified: look for the three ReLUs and at what is added."

EXERCISE = Exercise(
    id="clinic-2",
    sheet="05-bug-clinic",
    names=("GroupedBlock",),
    reference=lambda: (references.GroupedBlock,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.input_kept(0, explanatory=True),
        module_checks.train_output(3, NUMERICS, explanatory=True),
        module_checks.eval_output(1, "In evaluation mode, every BN uses its running statistics."),
        module_checks.all_rows_learn(2, "The way back to some layer is cut, or another one is called in its place."),
        module_checks.input_gradient(1, "The gradient's way back to the input is cut, such as by detach or no_grad."),
    ),
    fingerprint={**module_checks.FINGERPRINT, "train": ("output", "gradients", "input_gradient")},
    all_or_nothing=True,
)
