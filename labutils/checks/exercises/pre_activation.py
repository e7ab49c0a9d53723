"""Exercise ``pre-activation``: the block of 2016."""

from labutils.checks import blocks, references

EXERCISE = blocks.exercise(
    "pre-activation",
    "01-residual-block",
    "PreActBlock",
    references.PreActBlock,
    blocks.grid("PreActBlock", equal=(8, 8), double=(6, 12), fewer=(9, 6), more=(4, 10), some_more=(6, 9)),
    wide=(260, 260),
    shapes="The output has out_channels channels, and its height and width are H / stride and W / stride, rounded up. "
    "Branch and shortcut have this shape both.",
    count="Two 3x3 convolutions without bias, a BN before each, and a 1x1 without BN if and only if the stride is not "
    "1 or the channels differ.",
    shortcut="Where the stride is 1 and the channels are equal, the input itself is added, and nothing follows.",
    silent="x",
    numerics="a is relu(bn1(x)), the branch is conv2(relu(bn2(conv1(a)))), a projection reads a, and nothing follows "
    "the addition.",
    decisive=("parameter count", "output in training", "details", "gradients", "running statistics"),
)
