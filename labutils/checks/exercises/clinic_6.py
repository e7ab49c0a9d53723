"""Exercise ``clinic-6``: the shortcut that loses its negative values."""

from labutils.checks import common, references
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
        common.builds(),
        common.shape(1, SHAPES, explanatory=True),
        common.count(2, COUNT, explanatory=True),
        common.input_kept(2),
        common.silenced(1, "x", "Something stands on the shortcut, or behind the addition.", CASES),
        common.train_output(2, NUMERICS, explanatory=True),
        common.eval_output(2, NUMERICS, explanatory=True),
    ),
    fingerprint={**common.FINGERPRINT, "evaluation": ("output", "input")},
    all_or_nothing=True,
)
