"""Exercise ``residual-block``: ResNet-18's block."""

from labutils import models
from labutils.checks import blocks

EXERCISE = blocks.exercise(
    "residual-block",
    "01-residual-block",
    "BasicBlock",
    models.BasicBlock,
    blocks.grid("BasicBlock", equal=(8, 8), double=(6, 12), fewer=(9, 6), more=(4, 10), some_more=(6, 9)),
    wide=(260, 260),
    shapes="The output has out_channels channels, and its height and width are H / stride and W / stride, rounded up. "
    "Branch and shortcut have this shape both.",
    count="Two 3x3 convolutions without bias and two BNs; a 1x1 with BN on the shortcut if and only if the stride is "
    "not 1 or the channels differ.",
    shortcut="Where the stride is 1 and the channels are equal, the input itself is added, and a ReLU follows.",
    numerics="The branch is 3x3, BN, ReLU, 3x3, BN, with the stride on the first 3x3; a ReLU follows the addition.",
    decisive=("parameter count", "output in training", "details", "gradients", "running statistics", "state_dict"),
)
