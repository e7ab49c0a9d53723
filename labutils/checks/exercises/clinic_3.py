"""Exercise ``clinic-3``: the ReLU before the addition."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.engine import Case, Check, Exam, Exercise


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
LARGE = "A ReLU lets through all that is positive, however large: ReLU6, or a clamp from above, does not."


def large_values(exam: Exam, case: Case) -> str:
    """Nothing is cut off above."""
    values = exam.seen("magnified", case)["output"]
    highest = values.max().item()
    number = int((values == highest).sum())
    if highest <= 0 or number == 1:
        return ""
    return f"for an input ten times as large, {number} values of the output are all {highest:.4f}, and none is higher"


EXERCISE = Exercise(
    id="clinic-3",
    sheet="05-bug-clinic",
    names=("PairBlock",),
    reference=lambda: (pair_block,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.input_kept(0, explanatory=True),
        module_checks.silenced(2, "relu(x)", SHORTCUT, CASES),
        Check("large values", 1, large_values, LARGE, ("shape",)),
        module_checks.train_output(2, NUMERICS, explanatory=True),
        module_checks.eval_output(1, "In evaluation mode, every BN uses its running statistics."),
        module_checks.weight_gradients(1, "The way back to some layer is cut, or another one is called in its place."),
    ),
    fingerprint=module_checks.FINGERPRINT,
    all_or_nothing=True,
)
