"""Exercise ``clinic-3``: the ReLU before the addition."""

from labutils import models
from labutils.checks import blocks
from labutils.checks.engine import Case


def pair_block(channels: int) -> models.BasicBlock:
    """ResNet-18's block where nothing changes the shape."""
    return models.BasicBlock(channels, channels)


CASES = (
    Case((8,), (2, 8, 6, 5), explanatory=True),
    Case((5,), (3, 5, 1, 1), "PairBlock(5) on a map of one pixel", explanatory=True),
    Case((6,), (1, 6, 4, 7), "PairBlock(6) with a batch of one image", explanatory=True),
)

EXERCISE = blocks.exercise(
    "clinic-3",
    "05-bug-clinic",
    "PairBlock",
    pair_block,
    CASES,
    shapes="The output has the input's shape.",
    count="Two 3x3 convolutions without bias and two BNs, nothing on the shortcut.",
    shortcut="The input itself is added to the branch, and a ReLU follows.",
    numerics="The branch is 3x3, BN, ReLU, 3x3, BN; a ReLU follows the addition, and there is no third.",
    decisive=("output in training", "details", "gradients", "running statistics", "state_dict"),
    all_or_nothing=True,
)
