"""Exercise ``resnet-50``: the net for large images, for any block."""

import contextlib

from labutils import models
from labutils.checks import module_checks, nets
from labutils.checks.comparison import EXACT, TOLERANCE
from labutils.checks.engine import Case, Check, Exam, Exercise
from labutils.checks.transport import Failure

SMALL = "given:[1, 2, 1, 1]"
FULL = "given:[3, 4, 6, 3]"
NARROW = Case(("given:Narrow", SMALL, 10), (2, 3, 70, 49))
FLAT = Case(("given:Flat", "given:[2, 1, 3, 2]"), (2, 3, 64, 64), explanatory=True)
ONE_IMAGE = Case(("given:Flat", "given:[1, 1, 1, 1]", 5), (1, 3, 33, 40))
COUNTED = {
    Case(("given:BasicBlock", FULL), (1, 3, 64, 64), explanatory=True): 21_797_672,
    Case(("given:Bottleneck", FULL), (1, 3, 64, 64), explanatory=True): 25_557_032,
}
SHAPES = (
    "The output is (N, num_classes) for images of any size. A block's output is expansion times as wide as its second "
    "argument, and so is the linear layer's input."
)
COUNT = (
    "The stem has a 7x7 convolution without bias and a BN; stage i has layers[i] blocks, made with 64, 128, 256 and "
    "512 channels, each with weights of its own; the linear layer has a bias."
)
NUMERICS = (
    "The stem is 7x7, BN, ReLU, max-pool; the first block of stages 2 to 4 has stride 2, every other one stride 1; the "
    "average over the map and a linear layer come last."
)


def colours(name: str, tolerance: float) -> Check:
    """The output in evaluation mode for images of one colour, where it is of float64 as it should be. No points."""

    def judge(exam: Exam, case: Case) -> str:
        with contextlib.suppress(Failure):
            if exam.seen("double", case)["type"] == "float64":
                return module_checks.compare(exam, case, "one_colour", "output", tolerance)
        return ""

    asked = "The stem is 7x7, BN, ReLU and max-pool, in this order."
    return Check(name, 0, judge, asked, module_checks.NUMERIC)


def full_size(points: int) -> Check:
    """The parameters of ResNet-34 and ResNet-50."""

    def judge(exam: Exam, case: Case) -> str:
        found = exam.seen("size", case)["parameters"]
        return "" if found == COUNTED[case] else f"expected {COUNTED[case]:,} parameters, got {found:,}"

    asked = "With [3, 4, 6, 3] blocks, each with weights of its own, it has the stated number of parameters."
    return Check("full size", points, judge, asked, ("parameter count",), tuple(COUNTED))


NUMBERS = nets.numeric_checks(NUMERICS, NARROW, (NARROW, FLAT))
DETAILS = [check.name for check in NUMBERS].index("details")  # a pool hides the stem: colours explain it better

EXERCISE = Exercise(
    id="resnet-50",
    sheet="03-bottleneck",
    names=("ResNet",),
    reference=lambda: (models.ResNet,),
    cases=(NARROW, FLAT, ONE_IMAGE),
    checks=module_checks.marked(
        (
            module_checks.builds(
                "ResNet(block, layers) must work, and each block is made by block(in_channels, channels, stride): the "
                "first two by position, since other blocks call them by other names."
            ),
            module_checks.shape(1, SHAPES),
            module_checks.count(1, COUNT),
            *NUMBERS[:DETAILS],
            colours("one colour", TOLERANCE),
            *NUMBERS[DETAILS:],
            colours("one colour, exactly", EXACT),
            full_size(1),
        ),
        decisive=("output in training", "details", "gradients", "running statistics", "full size"),
    ),
    fingerprint={**module_checks.FINGERPRINT, "one_colour": ("output",)},
    requires=("bottleneck",),
)
