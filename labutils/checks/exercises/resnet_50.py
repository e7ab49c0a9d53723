"""Exercise ``resnet-50``: the net for large images, for any block."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise

SMALL = "given:[1, 2, 1, 1]"
FULL = "given:[3, 4, 6, 3]"
CASES = (
    Case(("given:Narrow", SMALL, 10), (2, 3, 70, 49)),
    Case(("given:Flat", SMALL), (1, 3, 64, 64)),
)
COUNTED = {
    Case(("given:BasicBlock", FULL), (1, 3, 64, 64), explanatory=True): 21_797_672,
    Case(("given:Bottleneck", FULL), (1, 3, 64, 64), explanatory=True): 25_557_032,
}
SHAPES = (
    "A stage's first block goes from the channels before it to its own, all others stay there. "
    "A block's output is expansion times as wide as its second argument, and so is the linear layer's input."
)
COUNT = (
    "The stem has a 7x7 convolution without bias and a BN; stage i has layers[i] blocks, which were asked for with "
    "64, 128, 256 and 512 channels; the linear layer has a bias."
)
NUMERICS = (
    "The layers are there, but are not joined as specified: look at the stem's four steps, at the stage and the block "
    "that has the stride, and at the average at the end."
)


def evaluation_output(points: int) -> Check:
    """The output in evaluation mode for images of one colour."""

    def judge(exam: Exam, case: Case) -> str:
        return difference(exam.seen("one_colour", case)["output"], exam.expected("one_colour", case)["output"])

    cause = "The stem is 7x7, BN, ReLU and max-pool, and its BN uses its running statistics in evaluation mode."
    return Check("output in evaluation", points, judge, cause, ("shape", "parameter count"))


def full_size(points: int) -> Check:
    """The parameters of ResNet-34 and ResNet-50."""

    def judge(exam: Exam, case: Case) -> str:
        found = exam.seen("size", case)["parameters"]
        return "" if found == COUNTED[case] else f"expected {COUNTED[case]:,} parameters, got {found:,}"

    cause = "Each of a stage's three to six blocks has weights of its own."
    return Check("full size", points, judge, cause, ("parameter count",), tuple(COUNTED))


EXERCISE = Exercise(
    id="resnet-50",
    sheet="03-bottleneck",
    names=("ResNet",),
    reference=lambda: (models.ResNet,),
    cases=CASES,
    checks=(
        module_checks.builds(
            "ResNet(block, layers) must work, and each block is made by block(in_channels, channels, stride): the "
            "first two by position, since other blocks call them by other names."
        ),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(1, COUNT, explanatory=True),
        module_checks.train_output(2, NUMERICS, explanatory=True),
        evaluation_output(2),
        module_checks.weight_gradients(2, "Some part is cut off from the gradient, such as by detach or no_grad."),
        module_checks.statistics_move(1, CASES[:1]),
        full_size(1),
    ),
    fingerprint={"train": ("output", "gradients"), "one_colour": ("output",)},
    requires=("bottleneck",),
)
