"""Exercise ``small-resnet``: the net for small images, with option B."""

from labutils.checks import common, references
from labutils.checks.engine import Case, Exercise

CASES = (
    Case((8,), (2, 1, 9, 9)),
    Case((20, 7, 3, 4), (3, 3, 12, 6)),
)
REFUSED = (Case((10,)),)
SHAPES = "The arguments are depth, num_classes, in_channels and width, in this order, and any image size has to work."
COUNT = (
    "A stem, three stages of n blocks, a linear layer with bias; a projection stands in the first block of stages 2 "
    "and 3 and nowhere else."
)
MAPS = "The stride is 2 in the first block of stages 2 and 3, and 1 everywhere else; the stem has no pooling."
NUMERICS = "The layers are there, but are not joined as specified: look at the stem, the blocks' order and the pooling."

EXERCISE = Exercise(
    id="small-resnet",
    sheet="02-small-resnet",
    names=("SmallResNet",),
    reference=lambda: (references.SmallResNet,),
    cases=CASES,
    checks=(
        common.builds(),
        common.refuses(
            1, REFUSED, "A depth is right if (depth - 2) can be divided by 6. Raise ValueError for any other."
        ),
        common.shape(1, SHAPES, explanatory=True),
        common.count(1, COUNT),
        common.shortcuts(
            "shortcuts",
            2,
            "In every block, the input is added to what the two convolutions make of it.",
            explanatory=True,
        ),
        common.map_sizes(1, MAPS),
        common.train_output(1, NUMERICS, explanatory=True),
        common.eval_output(1, NUMERICS),
        common.input_gradient(1, NUMERICS, explanatory=True),
        common.weight_gradients(1, "Every layer is used once in a pass: look for one that is used twice."),
    ),
    fingerprint=common.FINGERPRINT,
    requires=("residual-block",),
)
