"""Exercise ``resnext-block``: ResNeXt's block, in any of its forms."""

from labutils.checks import blocks, references

EXERCISE = blocks.exercise(
    "resnext-block",
    "04-resnext",
    "ResNeXtBlock",
    references.ResNeXtBlock,
    blocks.grid(
        "ResNeXtBlock",
        equal=(8, 8, 3, 4),
        double=(5, 10, 2, 6),
        fewer=(6, 4, 3, 2),
        more=(4, 10, 1, 6),
        some_more=(6, 9, 2, 3),
    ),
    wide=(300, 300, 3, 2),
    shapes="The output has out_channels channels, and its height and width are H / stride and W / stride, rounded up. "
    "Branch and shortcut have this shape both.",
    count="Inside are cardinality x group_width channels. The 3x3 alone is grouped, in cardinality groups. A BN "
    "follows each of the three convolutions. A 1x1 with BN is on the shortcut if and only if the stride is not 1 or "
    "the channels differ. No convolution has a bias.",
    shortcut="Where the stride is 1 and the channels are equal, the input itself is added, and a ReLU follows.",
    numerics="The branch is 1x1, BN, ReLU, grouped 3x3 with the stride, BN, ReLU, 1x1, BN. A projection is a 1x1 "
    "with the stride and a BN. A ReLU follows the addition.",
    decisive=("parameter count", "output in training", "details", "gradients", "running statistics", "state_dict"),
    requires=("bottleneck",),
)
