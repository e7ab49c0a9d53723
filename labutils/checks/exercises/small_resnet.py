"""Exercise ``small-resnet``: the net for small images, with option B."""

from labutils.checks import module_checks, references, small_nets

EXERCISE = small_nets.exercise(
    "small-resnet",
    "SmallResNet",
    references.SmallResNet,
    shapes="The arguments are depth, num_classes, in_channels and width, in this order. The output is (N, num_classes) "
    "for images of any size, and for one image as well.",
    count="A stem, three stages of n blocks, a linear layer with bias; a projection stands in the first block of "
    "stages 2 and 3 and nowhere else.",
    shortcuts=module_checks.shortcuts(
        "shortcuts",
        1,
        "In every block, the input is added to what the two convolutions make of it.",
        (small_nets.SMALL,),
    ),
    maps="The stride is 2 in the first block of stages 2 and 3, and 1 everywhere else; the stem has no pooling.",
    numerics="The stem is 3x3, BN, ReLU; three stages of residual blocks follow, then the average over the map and a "
    "linear layer.",
    decisive=("refuses", "parameter count", "output in training", "details", "gradients", "running statistics"),
    requires="residual-block",
)
