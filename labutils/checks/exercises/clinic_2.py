"""Exercise ``clinic-2``: the number of groups and their width exchanged."""

from labutils.checks import blocks, references
from labutils.checks.engine import Case

CASES = (
    Case((6, 12, 3), (2, 6, 5, 6)),
    Case((12, 8, 1), (2, 12, 6, 6)),
    Case((5, 6, 6), (2, 5, 4, 7)),
    Case((8, 6, 2), (3, 8, 1, 1), "GroupedBlock(8, 6, 2) on a map of one pixel"),
    Case((256, 128, 32), (1, 256, 3, 4)),
    Case((64, 16, 4), (2, 64, 3, 3)),
)

EXERCISE = blocks.exercise(
    "clinic-2",
    "05-bug-clinic",
    "GroupedBlock",
    references.GroupedBlock,
    CASES,
    shapes="The output has the input's shape.",
    count="The 3x3 has `groups` groups of width // groups channels, the 1x1 convolutions have one; a BN follows each "
    "of the three, no convolution has a bias, and the shortcut has no parameters.",
    shortcut="The input itself is added to the branch, and a ReLU follows.",
    numerics="The branch is 1x1, BN, ReLU, grouped 3x3, BN, ReLU, 1x1, BN; a ReLU follows the addition.",
    decisive=("parameter count", "output in training", "details", "gradients", "running statistics", "state_dict"),
    all_or_nothing=True,
)
