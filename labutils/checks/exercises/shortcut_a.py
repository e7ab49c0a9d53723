"""Exercise ``shortcut-a``: option A, the shortcut without parameters."""

from labutils import models
from labutils.checks import module_checks
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise
from labutils.checks.transport import Failure

CASES = (
    Case((4, 10, 2), (2, 4, 7, 5), explanatory=True),
    Case((4, 7, 3), (2, 4, 9, 6), explanatory=True),
    Case((4, 8, 1), (2, 4, 6, 6)),
    Case((6, 6, 2), (1, 6, 8, 8)),
    Case((5, 5, 1), (2, 5, 3, 4), explanatory=True),
    Case((4, 8, 2), (3, 4, 1, 1), "PadShortcut(4, 8, 2) on a map of one pixel", explanatory=True),
    Case((1, 3, 4), (2, 1, 6, 9), explanatory=True),
)
ROUNDED = 1e-5  # relative to the largest expected value: what a product with one rounds to in float32
KINDS = (("float64", "cpu"), ("float16", "cpu"), ("float32", "meta"))
REFUSED = (Case((6, 4, 1)), Case((5, 4, 2)))


def zeros_follow(exam: Exam, case: Case) -> str:
    """The added channels hold zeros, and stand after the existing ones."""
    before = case.args[0]
    added = exam.seen("as_made", case)["output"][:, before:]
    wrong = int((added != 0).any(0).flatten(1).any(1).sum())
    after = f"expected {added.shape[1]} channels of zeros after the existing {before}"
    return f"{after}, but {wrong} of them are not zero" if wrong else ""


def pixels_kept(exam: Exam, case: Case) -> str:
    """The existing channels hold every stride-th pixel, as it was, and large values as well as small ones."""
    before, stride = case.args[0], case.args[2]
    for scale, words in ((1, ""), (1000, " for an input a thousand times as large")):
        seen, expected = (
            observe("as_made", case, scale=scale)["output"][:, :before] for observe in (exam.seen, exam.expected)
        )
        problem = difference(seen, expected, ROUNDED).removeprefix("under equal weights ")
        if problem:
            return f"the first {before} channels should be x[:, :, ::{stride}, ::{stride}]{words}; {problem}"
    return ""


def gradient_kept(exam: Exam, case: Case) -> str:
    """The gradient comes back to the pixels that were kept."""
    seen, expected = (observe("as_made", case)["input_gradient"] for observe in (exam.seen, exam.expected))
    problem = difference(seen, expected).removeprefix("under equal weights ")
    return f"the gradient that comes back to the input is off; {problem}" if problem else ""


def types(exam: Exam, case: Case) -> str:
    """The output has the input's type and device."""
    for number, device in KINDS:
        kind = f"{number} on the device {device}" if device != "cpu" else number
        try:
            found = exam.seen("kind_of_output", case, number=number, device=device)["kind"]
        except Failure as failure:
            raise Failure(failure.kind, f"for an input of {kind}, {failure}", failure.raised) from None
        if found != kind:
            return f"for an input of {kind}, expected an output of {kind}, got {found}"
    return ""


def same_in_both_modes(exam: Exam, case: Case) -> str:
    """Nothing depends on the mode, nor on chance."""
    modes = [exam.seen("as_made", case, training=training) for training in (True, False)]
    if any(mode["drew"] for mode in modes):
        return "forward draws random numbers, or sets their seed"
    problem = difference(modes[1]["output"], modes[0]["output"], ROUNDED).removeprefix("under equal weights ")
    return f"in evaluation mode, the output should be the one of training mode; {problem}" if problem else ""


EXERCISE = Exercise(
    id="shortcut-a",
    sheet="01-residual-block",
    names=("PadShortcut",),
    reference=lambda: (models.PadShortcut,),
    cases=CASES,
    checks=(
        module_checks.builds(),
        module_checks.refuses(
            1, REFUSED, "Fewer channels out than in are a ValueError, raised when the module is made."
        ),
        module_checks.shape(
            1,
            "The output has out_channels channels, and H / stride and W / stride, rounded up, as its height and width.",
            explanatory=True,
        ),
        module_checks.count(1, "Option A has no parameters. A buffer is none."),
        Check(
            "zeros after",
            1,
            zeros_follow,
            "The channels of zeros stand after the existing ones.",
            ("shape",),
        ),
        Check(
            "kept pixels",
            2,
            pixels_kept,
            "The existing channels are x[:, :, ::stride, ::stride]: nothing is averaged.",
            ("shape",),
        ),
        Check(
            "input gradient",
            1,
            gradient_kept,
            "The gradient comes back to the pixels that were kept, and to no others.",
            ("shape",),
            explanatory=True,
        ),
        Check("types", 1, types, "It works for any type of numbers and on any device.", ("shape",)),
        module_checks.input_kept(1, CASES[:1]),
        Check(
            "both modes",
            1,
            same_in_both_modes,
            "It does the same in training and in evaluation mode, and draws nothing at random.",
            ("shape",),
            CASES[:1],
        ),
    ),
    fingerprint={
        "shape": ("parameters", "trained"),
        "as_made": ("output", "input_gradient", "drew"),
        "swapped": ("raised", "raised_by_forward"),
        "kinds_of_output": ("kinds",),
    },
)
