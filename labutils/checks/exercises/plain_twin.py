"""Exercise ``plain-twin``: the small net without its shortcuts."""

from labutils.checks import common, references
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((8,), (2, 1, 9, 9)),
    Case((20, 7, 3, 4), (3, 3, 12, 6)),
)
REFUSED = (Case((10,)),)
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
            1, REFUSED, "A depth is right if (depth - 2) can be divided by 6. Raise ValueError for any other."
        ),
        common.shape(1, SHAPES, explanatory=True),
        common.count(1, COUNT),
        common.shortcuts(
            "no shortcuts",
            2,
            "Something is still added: in a plain net, each layer reads the one before and nothing else.",
            explanatory=True,
        ),
        common.map_sizes(1, MAPS),
        common.train_output(1, NUMERICS, explanatory=True),
        common.eval_output(1, NUMERICS),
        common.input_gradient(1, NUMERICS, explanatory=True),
        common.weight_gradients(1, "Every layer is used once in a pass: look for one that is used twice."),
    ),
    fingerprint=common.FINGERPRINT,
    requires=("small-resnet",),
)
