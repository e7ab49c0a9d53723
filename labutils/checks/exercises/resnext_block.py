"""Exercise ``resnext-block``: ResNeXt's block, in any of its forms."""

from collections import Counter
from dataclasses import replace

from labutils.checks import module_checks, references
from labutils.checks.comparison import difference
from labutils.checks.engine import UNDECIDED, Case, Check, Exam, Exercise

# Group widths are multiples of the periodic fill's period, so that paths written one by one hold equal weights, too.
IDENTITY = Case((8, 8, 2, 8), (2, 8, 6, 6))
CASES = (
    IDENTITY,
    Case((32, 16, 8, 4), (2, 32, 6, 6)),
    Case((16, 16, 2, 4, 2), (2, 16, 7, 5), explanatory=True),
    Case((16, 16, 2, 4, 3), (2, 16, 7, 5)),
)
SHAPES = (
    "The output has out_channels channels, and branch and shortcut have the stride once each: the 3x3, which has "
    "padding 1, and the projection. Any stride but 1 changes the map."
)
COUNT = (
    "Inside are cardinality x group_width channels. The 3x3 alone is grouped, and `groups` is the number of groups: "
    "the cardinality. A 1x1 with BN is on the shortcut if and only if the stride is not 1 or the channels differ. "
    "No convolution has a bias."
)
SHORTCUT = "The shortcut is missing, or something stands on it."
NUMERICS = "The layers are there, but are not joined as specified: look for the three ReLUs and for the stride."
GRADIENT = "The gradient's way back to the input is cut, such as by detach or no_grad."
STATISTICS = "A BN uses other statistics than its running ones, or what it normalises is scaled."


def shape_text(*sizes: int) -> str:
    """A parameter's shape as the probes write it."""
    return "x".join(str(size) for size in sizes if size != 1) or "1"


def written_as_paths(exam: Exam, case: Case) -> bool:
    """Whether the parameters are the reference's, but for layers that were made once for each path."""
    in_channels, out_channels, cardinality, width = case.args[:4]
    inner = cardinality * width
    part_of = {
        shape_text(inner, in_channels): shape_text(width, in_channels),
        shape_text(inner): shape_text(width),
        shape_text(inner, width, 3, 3): shape_text(width, width, 3, 3),
        shape_text(out_channels, inner): shape_text(out_channels, width),
    }
    seen, expected = Counter(exam.seen("shape", case)["shapes"]), Counter(exam.expected("shape", case)["shapes"])
    parts: Counter[str] = Counter()
    for whole, number in (expected - seen).items():
        parts[part_of.get(whole, "")] += cardinality * number
    return seen - expected == parts


def decided(check: Check, probe: str, fact: str) -> Check:
    """The check, which also decides about blocks written as paths."""

    def judge(exam: Exam, case: Case) -> str:
        message = check.judge(exam, case)
        if message != UNDECIDED or not written_as_paths(exam, case):
            return message
        return difference(exam.seen(probe, case, periodic=True)[fact], exam.expected(probe, case, periodic=True)[fact])

    return replace(check, judge=judge)


EXERCISE = Exercise(
    id="resnext-block",
    sheet="04-resnext",
    names=("ResNeXtBlock",),
    reference=lambda: (references.ResNeXtBlock,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.shape(1, SHAPES, explanatory=True),
        module_checks.count(2, COUNT),
        module_checks.input_kept(1, explanatory=True),
        module_checks.silenced(1, "relu(x)", SHORTCUT, (IDENTITY,), explanatory=True),
        decided(module_checks.train_output(1, NUMERICS, explanatory=True), "train", "output"),
        decided(module_checks.eval_output(1, STATISTICS), "evaluation", "output"),
        module_checks.all_rows_learn(1, "The way back to some layer is cut, or another layer is used in its place."),
        decided(module_checks.input_gradient(1, GRADIENT), "train", "input_gradient"),
        module_checks.statistics_move(1),
    ),
    fingerprint={**module_checks.FINGERPRINT, "train": ("output", "gradients", "input_gradient")},
    requires=("bottleneck",),
)
