"""Exercise ``bottleneck``: ResNet-50's block."""

from labutils import models
from labutils.checks import blocks

EXERCISE = blocks.exercise(
    "bottleneck",
    "03-bottleneck",
    "Bottleneck",
    models.Bottleneck,
    blocks.grid("Bottleneck", equal=(12, 3), double=(8, 4), fewer=(15, 2), more=(3, 3), some_more=(15, 5)),
    wide=(400, 100),
    shapes="The output has 4 x mid_channels channels, and its height and width are H / stride and W / stride, rounded "
    "up. Branch and shortcut have this shape both.",
    count="A 1x1 and a 3x3 convolution to mid_channels and a 1x1 to 4 x mid_channels, with a BN after each; a 1x1 "
    "with BN on the shortcut if and only if the stride is not 1 or in_channels is not 4 x mid_channels. No "
    "convolution has a bias.",
    shortcut="Where the stride is 1 and in_channels is 4 x mid_channels, the input itself is added, and a ReLU "
    "follows.",
    numerics="The branch is 1x1, BN, ReLU, 3x3 with the stride, BN, ReLU, 1x1, BN. A projection is a 1x1 with the "
    "stride and a BN. A ReLU follows the addition.",
    decisive=("parameter count", "output in training", "details", "gradients", "running statistics", "state_dict"),
    requires=("residual-block",),
)
