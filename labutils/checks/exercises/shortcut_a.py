"""Exercise ``shortcut-a``: option A, the shortcut without parameters."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise

CASES = (
    Case((4, 10, 2), (2, 4, 7, 5)),
    Case((6, 6, 2), (1, 6, 8, 8)),
    Case((4, 8, 1), (2, 4, 6, 6)),
    Case((4, 7, 3), (2, 4, 9, 6)),
)
KINDS = ("float32", "float64", "float16", "float32 on the device meta")
REFUSED = (Case((6, 4, 1)),)


def zeros_follow(exam: Exam, case: Case) -> str:
    """The added channels hold zeros, and stand after the existing ones."""
    before = case.args[0]
    added = exam.seen("as_made", case)["output"][:, before:]
    wrong = int((added != 0).any(0).flatten(1).any(1).sum())
    after = f"expected {added.shape[1]} channels of zeros after the existing {before}"
    return f"{after}, but {wrong} of them are not zero" if wrong else ""


def pixels_kept(exam: Exam, case: Case) -> str:
    """The existing channels hold every stride-th pixel, as it was."""
    before, stride = case.args[0], case.args[2]
    seen, expected = (observe("as_made", case)["output"][:, :before] for observe in (exam.seen, exam.expected))
    problem = difference(seen, expected).removeprefix("under equal weights ")
    return f"the first {before} channels should be x[:, :, ::{stride}, ::{stride}]; {problem}" if problem else ""


def gradient_kept(exam: Exam, case: Case) -> str:
    """The gradient comes back to the pixels that were kept."""
    seen, expected = (observe("as_made", case)["input_gradient"] for observe in (exam.seen, exam.expected))
    problem = difference(seen, expected).removeprefix("under equal weights ")
    return f"the gradient that comes back to the input is off; {problem}" if problem else ""


def types(exam: Exam, case: Case) -> str:
    """The output has the input's type and device."""
    seen = exam.seen("kinds", case)["kinds"]
    for kind, found in zip(KINDS, seen, strict=True):
        if found != kind:
            return f"for an input of {kind}, expected an output of {kind}, got {found}"
    return ""


EXERCISE = Exercise(
    id="shortcut-a",
    sheet="01-residual-block",
    names=("PadShortcut",),
    reference=lambda: (models.PadShortcut,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.refuses(
            1, REFUSED, "Zeros can only add channels. Raise ValueError in __init__ where some would go."
        ),
        module_checks.shape(
            1,
            "The last two axes shrink by the stride, whatever the channels do; the axis of channels grows.",
            explanatory=True,
        ),
        module_checks.count(1, "Option A has nothing to train: neither a convolution nor a parameter of zeros."),
        Check(
            "zeros after",
            2,
            zeros_follow,
            "F.pad counts axes from the last one backwards, two numbers each: before and after.",
            ("shape",),
        ),
        Check(
            "kept pixels",
            3,
            pixels_kept,
            "Option A picks pixels. It neither averages them nor looks at their neighbours.",
            ("shape",),
            explanatory=True,
        ),
        Check(
            "input gradient",
            1,
            gradient_kept,
            "The input was detached, or copied where no gradient is recorded.",
            ("shape",),
        ),
        Check("types", 1, types, "It works for any type of numbers and on any device.", ("shape",)),
    ),
    fingerprint={"as_made": ("output", "input_gradient"), "swapped": ("raised", "raised_by_forward")},
)
