"""Exercise ``clinic-6``: the shortcut that loses its negative values."""

from labutils.checks import blocks, references
from labutils.checks.engine import Case

CASES = (
    Case((8,), (2, 8, 6, 6)),
    Case((5,), (3, 5, 1, 1), "PreBlock(5) on a map of one pixel", explanatory=True),
    Case((6,), (1, 6, 4, 7), "PreBlock(6) with a batch of one image", explanatory=True),
)

EXERCISE = blocks.exercise(
    "clinic-6",
    "05-bug-clinic",
    "PreBlock",
    references.PreBlock,
    CASES,
    shapes="The output has the input's shape.",
    count="Two 3x3 convolutions without bias and a BN behind each; no more.",
    shortcut="The input itself, negative values included, is added to the branch, and nothing follows.",
    silent="x",
    numerics="The branch is ReLU, 3x3, BN, ReLU, 3x3, BN, and its output is added to the input.",
    decisive=("input kept", "output in training", "details", "gradients", "running statistics"),
    all_or_nothing=True,
)
