"""Exercise ``clinic-6``: the shortcut that loses its negative values."""

from labutils.checks import module_checks, references
from labutils.checks.engine import Case, Exercise

CASES = (Case((8,), (2, 8, 6, 6)),)
SHAPES = "All layers have stride 1 and the same number of channels, and a 3x3 has padding 1."
COUNT = "Two 3x3 convolutions without bias and a BN behind each; no more."
NUMERICS = "The branch is ReLU, 3x3, BN, ReLU, 3x3, BN, and its output is added to the input."

EXERCISE = Exercise(
    id="clinic-6",
    sheet="05-bug-clinic",
    names=("PreBlock",),
    reference=lambda: (references.PreBlock,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT, explanatory=True),
        module_checks.input_kept(2),
        module_checks.silenced(1, "x", "Something stands on the shortcut, or behind the addition.", CASES),
        module_checks.train_output(2, NUMERICS, explanatory=True),
        module_checks.eval_output(1, NUMERICS, explanatory=True),
        module_checks.weight_gradients(1, "The way back to some layer is cut, or another one is called in its place."),
    ),
    fingerprint={**module_checks.FINGERPRINT, "evaluation": ("output", "input")},
    all_or_nothing=True,
)
