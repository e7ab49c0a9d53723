"""Checks that fit any module: blocks and whole networks. Each function makes one check for an exercise's list.

``points``, ``asked``, ``cases`` and ``explanatory`` are those of :class:`labutils.checks.engine.Check`.
"""

from collections import Counter

from labutils.checks.comparison import difference
from labutils.checks.engine import UNDECIDED, Case, Check, Exam

FINGERPRINT: dict[str, tuple[str, ...]] = {
    "train": ("output", "gradients"),
    "evaluation": ("output", "repeats", "statistics_moved"),
}


def builds(asked: str = "The class can't be made with the arguments of the specification.") -> Check:
    """The call returns a module. No points."""

    def judge(exam: Exam, case: Case) -> str:
        exam.seen("build", case)
        return ""

    return Check("builds", 0, judge, asked, explanatory=True)


def refuses(points: int, cases: tuple[Case, ...], asked: str, explanatory: bool = False) -> Check:
    """Arguments without a meaning are a ValueError."""

    def judge(exam: Exam, case: Case) -> str:
        raised = exam.seen("refuse", case)["raised"]
        if raised == "ValueError":
            return ""
        return f"expected a ValueError, got {raised or 'no error'}"

    return Check("refuses", points, judge, asked, ("builds",), cases, explanatory)


def shape(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The output has the specified shape."""

    def judge(exam: Exam, case: Case) -> str:
        seen, expected = exam.seen("shape", case)["shape"], exam.expected("shape", case)["shape"]
        return "" if seen == expected else f"for an input {case.shape} expected the output {expected}, got {seen}"

    return Check("shape", points, judge, asked, ("builds",), cases, explanatory)


def count(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The number of parameters, all of them trained."""

    def judge(exam: Exam, case: Case) -> str:
        seen, expected = exam.seen("shape", case), exam.expected("shape", case)["parameters"]
        if seen["parameters"] != expected:
            return f"expected {expected:,} parameters, got {seen['parameters']:,}"
        if seen["trained"] != expected:
            return f"expected all {expected:,} parameters to be trained, got {seen['trained']:,} that are"
        return ""

    return Check("parameter count", points, judge, asked, ("shape",), cases, explanatory)


def silenced(points: int, is_right: str, asked: str, cases: tuple[Case, ...], explanatory: bool = False) -> Check:
    """With all BN scales and shifts at zero, what is left is the shortcut, and so is the gradient."""

    def judge(exam: Exam, case: Case) -> str:
        seen, expected = exam.seen("silenced", case), exam.expected("silenced", case)
        problem = difference(seen["output"], expected["output"])
        if problem:
            return f"with the scales and shifts of all BNs at zero, the output should be {is_right}; {problem}"
        problem = difference(seen["input_gradient"], expected["input_gradient"])
        return (
            f"with the scales and shifts of all BNs at zero, the input's gradient is off; {problem}" if problem else ""
        )

    return Check("silenced branch", points, judge, asked, ("shape",), cases, explanatory)


def _numerics(
    name: str, points: int, probe: str, fact: str, asked: str, cases: tuple[Case, ...] | None, explanatory: bool
) -> Check:
    """A fact that is a tensor or a list of numbers, under equal weights.

    Where the parameters have other shapes than the reference's, the weights are equal only if the learner split layers
    into equal parts. If that doesn't fit either, nothing is decided.
    """

    def judge(exam: Exam, case: Case) -> str:
        if same_parts(exam, case):
            return difference(exam.seen(probe, case)[fact], exam.expected(probe, case)[fact])
        if fact == "gradients":
            return UNDECIDED
        found = exam.seen(probe, case, periodic=True)[fact]
        return UNDECIDED if difference(found, exam.expected(probe, case, periodic=True)[fact]) else ""

    return Check(name, points, judge, asked, ("shape", "parameter count"), cases, explanatory)


def train_output(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The output in training mode."""
    return _numerics("output in training", points, "train", "output", asked, cases, explanatory)


def eval_output(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The output in evaluation mode, with running statistics that are not the batch's."""
    return _numerics("output in evaluation", points, "evaluation", "output", asked, cases, explanatory)


def input_gradient(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The gradient that reaches the input."""
    return _numerics("input gradient", points, "train", "input_gradient", asked, cases, explanatory)


def weight_gradients(
    points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False
) -> Check:
    """The gradients' norms of all parameters, those of one shape in any order."""
    return _numerics("weight gradients", points, "train", "gradients", asked, cases, explanatory)


def all_rows_learn(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """No output channel of a parameter is left without gradient, beyond those of the reference."""

    def judge(exam: Exam, case: Case) -> str:
        options = {} if same_parts(exam, case) else {"periodic": True}
        seen = exam.seen("train", case, **options)["silent_rows"]
        expected = exam.expected("train", case, **options)["silent_rows"]
        return "" if seen <= expected else f"expected every channel to get a gradient, but {seen - expected} get none"

    return Check("every channel learns", points, judge, asked, ("shape",), cases, explanatory)


def input_kept(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The input tensor is as it was."""

    def judge(exam: Exam, case: Case) -> str:
        return "the input itself was changed by forward" if exam.seen("evaluation", case)["input_changed"] else ""

    asked = "An in-place operation, such as `x += …` or an in-place ReLU, works on the input itself."
    return Check("input kept", points, judge, asked, ("shape",), cases, explanatory)


def statistics_move(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """A pass in training mode moves the running statistics as PyTorch's default BN does."""

    def judge(exam: Exam, case: Case) -> str:
        if not same_parts(exam, case):
            return UNDECIDED
        seen, expected = (observe("running", case)["moves"] for observe in (exam.seen, exam.expected))
        if len(seen) != len(expected):
            return f"expected {len(expected)} running statistics, got {len(seen)}"
        off = any(abs(a - b) > 0.2 * b + 0.002 for a, b in zip(seen, expected, strict=True))
        return "in a pass in training mode, the running statistics don't move as far as they should" if off else ""

    asked = "A BN has another momentum than PyTorch's default, 0.1, or is used more than once in a pass."
    return Check("running statistics", points, judge, asked, ("shape", "parameter count"), cases, explanatory)


def reloads(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """A ``state_dict`` carries all that the module computes with."""

    def judge(exam: Exam, case: Case) -> str:
        same = exam.seen("reload", case)["same"]
        return "" if same else "a second module that loads this one's state_dict computes something else"

    asked = "Some layer is made in forward, or kept where the module does not see it, such as in a plain list."
    return Check("state_dict", points, judge, asked, ("shape",), cases, explanatory)


def own_weights(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """Two modules share no parameter."""

    def judge(exam: Exam, case: Case) -> str:
        shared = exam.seen("twins", case)["shared"]
        return f"two modules made one after the other share {shared} of their parameters and buffers" if shared else ""

    asked = "Layers are made once, outside __init__ (as a class attribute or a default argument), and used by all."
    return Check("own weights", points, judge, asked, ("shape",), cases, explanatory)


def double(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """It computes in float64 where it is asked to."""

    def judge(exam: Exam, case: Case) -> str:
        dtype = exam.seen("double", case)["dtype"]
        return "" if dtype == "float64" else f"after .double(), expected an output of float64, got {dtype}"

    asked = "A tensor is made in forward with a fixed type. Make it with x.new_zeros, or from x."
    return Check("float64", points, judge, asked, ("shape",), cases, explanatory)


def map_sizes(points: int, asked: str, cases: tuple[Case, ...] | None = None) -> Check:
    """Every convolution makes a map of the specified size. It only explains an output that is wrong."""

    def judge(exam: Exam, case: Case) -> str:
        if not same_parts(exam, case):
            return UNDECIDED
        if not difference(exam.seen("evaluation", case)["output"], exam.expected("evaluation", case)["output"]):
            return ""
        seen, expected = (Counter(map(tuple, observe("maps", case)["maps"])) for observe in (exam.seen, exam.expected))
        missing = min(expected - seen, default=None)
        if missing is None:
            return ""
        channels, kernel, height, width = missing
        found = [other for other in seen - expected if other[:2] == missing[:2]]
        got = f"one of {found[0][2]}x{found[0][3]}" if found else "none"
        convolution = f"a {kernel}x{kernel} convolution to {channels} channels"
        return f"expected {convolution} to make a map of {height}x{width}, got {got}"

    return Check("map sizes", points, judge, asked, ("shape", "parameter count"), cases, explanatory=True)


def shortcuts(
    name: str, points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False
) -> Check:
    """With one weight at zero, the input reaches the output where a shortcut goes around it, and only there."""

    def judge(exam: Exam, case: Case) -> str:
        if not same_parts(exam, case):
            return UNDECIDED
        seen, expected = exam.seen("cuts", case), exam.expected("cuts", case)
        for weight in Counter(seen["needed"]) - Counter(expected["needed"]):
            return f"with a weight of shape {weight} at zero, the input should still reach the output, but does not"
        for weight in Counter(seen["avoided"]) - Counter(expected["avoided"]):
            return f"with a weight of shape {weight} at zero, the input should not reach the output, but still does"
        return ""

    return Check(name, points, judge, asked, ("shape", "parameter count"), cases, explanatory)


def same_parts(exam: Exam, case: Case) -> bool:
    """Whether the learner's parameters have the shapes of the reference's, in any order. Raises Failure."""
    return exam.seen("shape", case)["shapes"] == exam.expected("shape", case)["shapes"]
