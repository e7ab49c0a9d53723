"""Exercise ``clinic-3``: the ReLU before the addition."""

from labutils import models
from labutils.checks import common
from labutils.checks.engine import Case, Exercise


def pair_block(channels: int) -> models.BasicBlock:
    """ResNet-18's block where nothing changes the shape."""
    return models.BasicBlock(channels, channels)


CASES = (Case((8,), (2, 8, 6, 5)),)
SHAPES = "The output has the input's shape: both 3x3 convolutions have padding 1 and `channels` channels."
COUNT = "Two 3x3 convolutions without bias and two BNs, nothing on the shortcut."
SHORTCUT = "Something stands on the shortcut, or the last ReLU does not follow the addition."
NUMERICS = (
    "The layers are there, but are not joined as specified: the first ReLU stands between the two pairs of convolution "
    "and BN, the second one behind the addition, and there is no third."
)

EXERCISE = Exercise(
    id="clinic-3",
    sheet="05-bug-clinic",
    names=("PairBlock",),
    reference=lambda: (pair_block,),
    cases=CASES,
    checks=(
        common.builds(),
        common.shape(1, SHAPES, explanatory=True),
        common.count(2, COUNT),
        common.input_kept(0, explanatory=True),
        common.silenced(2, "relu(x)", SHORTCUT, CASES),
        common.train_output(2, NUMERICS, explanatory=True),
        common.eval_output(1, "In evaluation mode, every BN uses its running statistics."),
        common.weight_gradients(2, "Some layer is made, but another one is called in its place."),
    ),
    fingerprint=common.FINGERPRINT,
    all_or_nothing=True,
)
