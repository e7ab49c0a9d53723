"""Exercise ``plain-twin``: the small net without its shortcuts."""

from labutils.checks import module_checks, references, small_nets

EXERCISE = small_nets.exercise(
    "plain-twin",
    "PlainNet",
    references.PlainNet,
    shapes="The arguments are those of SmallResNet, in the same order, and any image size has to work.",
    count="What goes is the additions and the projections, 10w²+12w parameters of SmallResNet. All other layers stay "
    "as they are.",
    shortcuts=module_checks.shortcuts(
        "no shortcuts",
        1,
        "Something is still added: in a plain net, each layer reads the one before and nothing else.",
        explanatory=True,
    ),
    maps="The strides stay where they were in SmallResNet: 2 in the first convolution of stages 2 and 3.",
    numerics="The layers are there, but are not joined as in SmallResNet: look at BN and ReLU after each convolution.",
    gradients_explain=False,
    requires="small-resnet",
)
