"""Exercise ``plain-twin``: the small net without its shortcuts."""

from labutils.checks import module_checks, references, small_nets

EXERCISE = small_nets.exercise(
    "plain-twin",
    "PlainNet",
    references.PlainNet,
    shapes="The arguments are depth, num_classes, in_channels and width, in this order. The output is (N, num_classes) "
    "for images of any size, and for one image as well.",
    count="The additions and the projections are gone, 10w²+12w parameters of SmallResNet. All other layers are as "
    "there.",
    shortcuts=module_checks.shortcuts(
        "no shortcuts",
        1,
        "Nothing is added anywhere: each layer reads the one before and nothing else.",
        (small_nets.SMALL,),
    ),
    maps="The strides are those of SmallResNet: 2 in the first convolution of stages 2 and 3.",
    numerics="The layers are joined as in SmallResNet, with BN and ReLU after each convolution.",
    decisive=("refuses", "parameter count", "output in training", "details", "gradients", "running statistics"),
    requires="small-resnet",
)
