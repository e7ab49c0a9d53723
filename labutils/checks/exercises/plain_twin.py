"""Exercise ``plain-twin``: the small net without its shortcuts."""

from labutils.checks import common, references
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((8,), (2, 1, 9, 9), explanatory=True),
    Case((20, 7, 3, 4), (3, 3, 12, 6)),
)
ONE_IMAGE = Case((8,), (1, 1, 9, 9), "PlainNet(8) with a batch of one image")
REFUSED = (Case((10,)), Case((2,)), Case((-4,), explanatory=True))
SHAPES = "The arguments are those of SmallResNet, in the same order, and any image size has to work."
COUNT = (
    "What goes is the additions and the projections, 10w²+12w parameters of SmallResNet. All other layers stay as they "
    "are."
)
MAPS = "The strides stay where they were in SmallResNet: 2 in the first convolution of stages 2 and 3."
NUMERICS = "The layers are there, but are not joined as in SmallResNet: look at BN and ReLU after each convolution."

EXERCISE = Exercise(
    id="plain-twin",
    sheet="02-small-resnet",
    names=("PlainNet",),
    reference=lambda: (references.PlainNet,),
    cases=CASES,
    checks=(
        common.builds(),
        common.refuses(
            1,
            REFUSED,
            "A depth is right if (depth - 2) / 6 is whole and at least 1. Raise ValueError in __init__ for any other.",
        ),
        common.shape(1, SHAPES, (*CASES, ONE_IMAGE)),
        common.count(1, COUNT),
        common.shortcuts(
            "no shortcuts",
            1,
            "Something is still added: in a plain net, each layer reads the one before and nothing else.",
            explanatory=True,
        ),
        common.map_sizes(1, MAPS),
        common.train_output(1, NUMERICS, explanatory=True),
        common.eval_output(1, NUMERICS, explanatory=True),
        common.input_gradient(1, NUMERICS, explanatory=True),
        common.weight_gradients(1, "Every layer is used once in a pass: look for one that is used twice."),
        common.statistics_move(1),
    ),
    fingerprint={**common.FINGERPRINT, "other_depths": ("raised",)},
    requires=("small-resnet",),
)
