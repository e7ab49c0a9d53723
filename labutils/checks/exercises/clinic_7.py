"""Exercise ``clinic-7``: the block that is right for the arguments of one network."""

from labutils import models
from labutils.checks import blocks

EXERCISE = blocks.exercise(
    "clinic-7",
    "05-bug-clinic",
    "WideningBlock",
    models.BasicBlock,
    blocks.grid("WideningBlock", equal=(8, 8), double=(6, 12), fewer=(9, 6), more=(4, 10), some_more=(6, 9)),
    wide=(260, 260),
    shapes="The output has out_channels channels, and its height and width are H / stride and W / stride, rounded up. "
    "Branch and shortcut have this shape both.",
    count="The projection, a 1x1 with BN, is there where the stride is not 1 or the channels differ, and nowhere "
    "else. No convolution has a bias.",
    shortcut="Where the stride is 1 and the channels are equal, the input itself is added, and a ReLU follows.",
    numerics="The branch is 3x3 with the stride, BN, ReLU, 3x3, BN; a ReLU follows the addition.",
    decisive=("parameter count", "output in training", "details", "gradients", "running statistics", "state_dict"),
    all_or_nothing=True,
)
