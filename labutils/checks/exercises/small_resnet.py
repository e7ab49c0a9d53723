"""Exercise ``small-resnet``: the net for small images, with option B."""

from labutils.checks import module_checks, references, small_nets

EXERCISE = small_nets.exercise(
    "small-resnet",
    "SmallResNet",
    references.SmallResNet,
    shapes="The arguments are depth, num_classes, in_channels and width, in this order, and any image size has "
    "to work.",
    count="A stem, three stages of n blocks, a linear layer with bias; a projection stands in the first block of "
    "stages 2 and 3 and nowhere else.",
    shortcuts=module_checks.shortcuts(
        "shortcuts", 1, "In every block, the input is added to what the two convolutions make of it.", explanatory=True
    ),
    maps="The stride is 2 in the first block of stages 2 and 3, and 1 everywhere else; the stem has no pooling.",
    numerics="The layers are there, but are not joined as specified: look at the stem, the blocks' order and the "
    "pooling.",
    gradients_explain=True,
    requires="residual-block",
)
