"""Checks that fit any module: blocks and whole networks. Each function makes one check for an exercise's list.

``points``, ``asked``, ``cases`` and ``explanatory`` are those of :class:`labutils.checks.engine.Check`.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from labutils.checks.comparison import EXACT, PRECISE, TOLERANCE, difference
from labutils.checks.engine import UNDECIDED, Case, Check, Exam
from labutils.checks.layouts import MOST, Assignment, Named, are_usual, of_parameters, of_statistics
from labutils.checks.probes.fill import WEIGHT
from labutils.checks.transport import Failure

FINGERPRINT: dict[str, tuple[str, ...]] = {
    "train": ("output", "gradients", "input_gradient", "drew"),
    "evaluation": ("output", "input", "repeats", "statistics_moved"),
    "running": ("statistics",),
    "exact": ("usual", "large", "faint"),
    "double": ("type",),
}
NUMERIC = ("shape", "parameter count")  # without these, no numbers are compared
NO_CHANCE = "Nothing in it is drawn at random: the same weights and the same input give the same output."
RUNNING = "In evaluation mode, every BN uses its running statistics."
DETAILED = (
    "It also computes in float64, a ReLU lets all that is positive through and nothing else, and BN's eps is PyTorch's "
    "default, 1e-5."
)
DETAILS = {
    "usual": "in float64",
    "large": "for an input a million times as large",
    "faint": "where the running variances are near BN's eps",
}


def marked(checks: tuple[Check, ...], decisive: tuple[str, ...]) -> tuple[Check, ...]:
    """The checks, all marked as explanatory but for those of the ``decisive`` names."""
    return tuple(replace(check, explanatory=check.name not in decisive) for check in checks)


def builds(asked: str = "The class can be made with the arguments of the specification.") -> Check:
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
    """The output has the specified shape, and the input's type."""

    def judge(exam: Exam, case: Case) -> str:
        seen, expected = exam.seen("shape", case), exam.expected("shape", case)
        if seen["shape"] != expected["shape"]:
            return f"for an input {case.shape} expected the output {expected['shape']}, got {seen['shape']}"
        if seen["type"] != expected["type"]:
            return f"for an input of {expected['type']} expected an output of {expected['type']}, got {seen['type']}"
        return ""

    return Check("shape", points, judge, f"{asked} It has the input's type.", ("builds",), cases, explanatory)


def count(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The number of parameters, all of them trained."""

    def judge(exam: Exam, case: Case) -> str:
        seen, expected = exam.seen("shape", case), exam.expected("shape", case)["parameters"]
        if seen["parameters"] != expected:
            return f"expected {expected:,} parameters, got {seen['parameters']:,}"
        if seen["trained"] != expected:
            return f"expected all {expected:,} parameters to be trained, got {seen['trained']:,} that are"
        if sum(math.prod(shape) for _, shape, _ in seen["tensors"]) != expected:
            return f"expected {expected:,} parameters, got shapes that are not of so many"
        return ""

    return Check("parameter count", points, judge, asked, ("shape",), cases, explanatory)


def silenced(points: int, is_right: str, asked: str, cases: tuple[Case, ...], explanatory: bool = False) -> Check:
    """With all parameters at zero, what is left is the shortcut, and so is the gradient. It needs no equal weights."""

    def judge(exam: Exam, case: Case) -> str:
        seen, expected = exam.seen("silenced", case), exam.expected("silenced", case)
        problem = difference(seen["output"], expected["output"]).removeprefix("under equal weights ")
        if problem:
            return f"with all parameters at zero, the output should be {is_right}; {problem}"
        problem = difference(seen["input_gradient"], expected["input_gradient"]).removeprefix("under equal weights ")
        return (
            f"with all parameters at zero, the input's gradient should be that of {is_right}; {problem}"
            if problem
            else ""
        )

    return Check("silenced branch", points, judge, asked, ("shape",), cases, explanatory)


@dataclass(frozen=True)
class Weights:
    """How learner and reference get equal weights: the probes' options on both sides.

    Where that is not known, all values of a role are equal, so that no layout matters. What differs then is wrong, and
    what does not is still undecided.
    """

    learner: dict[str, Any]
    reference: dict[str, Any]
    are_known: bool

    def verdict(self, problem: str) -> str:
        """What a check says where the comparison said this."""
        if self.are_known:
            return problem
        equal = "where all weights are equal"
        return f"{equal}, {problem.removeprefix('under equal weights ')}" if problem else UNDECIDED


UNKNOWN = Weights({"uniform": True}, {"uniform": True}, are_known=False)


def same_weights(exam: Exam, case: Case) -> Weights:
    """The way in which the learner's parameters hold what the reference's hold.

    Of several layouts that are possible it is the first under which the outputs agree. If there is none, the first one
    stands where layers of ``torch.nn`` hold all parameters, since these are laid out in one way only. Otherwise nothing
    is known. Raises Failure where the learner's code gives no facts.
    """
    key = ("weights", case)
    if key not in exam.notes:
        exam.notes[key] = _same_weights(exam, case)
    return exam.notes[key]


def _same_weights(exam: Exam, case: Case) -> Weights:
    seen, expected = exam.seen("shape", case), exam.expected("shape", case)
    tensors = [Named(*tensor) for tensor in seen["tensors"]]
    usual = [shape for _, shape, _ in expected["tensors"]]
    moving = of_statistics(seen["statistics"], expected["statistics"])
    if are_usual(tensors, usual) and len(moving) == 1:
        return Weights(_options(moving[0]), {}, are_known=True)
    likely = exam.notes.get("likely", 0)  # the place of what was right before, or None where nothing was
    if likely is None:
        return UNKNOWN
    wanted = exam.expected("evaluation", case)["output"]
    ways = (_options(weights + others) for weights in of_parameters(tensors, usual) for others in moving)
    before = list(islice(enumerate(ways), likely + 1))  # what is likely is tried before these
    for place, way in chain(before[-1:], before[:-1], islice(enumerate(ways, likely + 1), MOST - likely - 1)):
        if not difference(exam.seen("evaluation", case, **way)["output"], wanted):
            exam.notes["likely"] = place
            return Weights(way, {}, are_known=True)
    exam.notes["likely"] = None
    return UNKNOWN


def _options(layouts: Assignment) -> dict[str, Any]:
    return {"layouts": layouts} if layouts else {}


def compare(exam: Exam, case: Case, probe: str, fact: str, tolerance: float = TOLERANCE, **options: Any) -> str:
    """In words, how far a fact is from the reference's under equal weights, "" where it is close, or UNDECIDED."""
    weights = same_weights(exam, case)
    seen = exam.seen(probe, case, **weights.learner, **options)[fact]
    expected = exam.expected(probe, case, **weights.reference, **options)[fact]
    return weights.verdict(difference(seen, expected, tolerance))


def train_output(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The output in training mode, without chance."""

    def judge(exam: Exam, case: Case) -> str:
        if exam.seen("train", case, **same_weights(exam, case).learner)["drew"]:
            return "forward draws random numbers, or sets their seed, in training mode"
        return compare(exam, case, "train", "output")

    return Check("output in training", points, judge, asked, NUMERIC, cases, explanatory)


def eval_output(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The output in evaluation mode, with running statistics that are not the batch's."""

    def judge(exam: Exam, case: Case) -> str:
        facts = exam.seen("evaluation", case, **same_weights(exam, case).learner)
        if facts["drew"]:
            return "forward draws random numbers, or sets their seed, in evaluation mode"
        if not facts["repeats"]:
            return "the same input, given twice, gives two outputs"
        return compare(exam, case, "evaluation", "output")

    return Check("output in evaluation", points, judge, asked, NUMERIC, cases, explanatory)


def details(points: int, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """What the usual outputs in float32 hide: another type in float64, and small and large values."""

    def judge(exam: Exam, case: Case) -> str:
        try:
            double = exam.seen("double", case)["type"]
        except Failure as failure:
            words = f"after .double(), for an input of float64, {failure}"
            raise Failure(failure.kind, words, failure.raised) from None
        if double != "float64":
            return f"after .double(), for an input of float64, expected an output of float64, got one of {double}"
        problem = ""
        for detail, words in DETAILS.items():
            problem = compare(exam, case, "exact", detail, EXACT)
            if problem not in ("", UNDECIDED):
                return f"{words}, {problem}"
        return problem

    return Check("details", points, judge, DETAILED, NUMERIC, cases, explanatory)


def gradients(points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The gradient that reaches the input, and the norms of the parameters' gradients.

    That every parameter gets one, and changes the output, is decided whatever the layout. The norms are compared
    without names: in the order of the usual parameters' shapes, those of one shape by size, and part by part where the
    learner's layers are cut.
    """

    def judge(exam: Exam, case: Case) -> str:
        weights = same_weights(exam, case)
        if idle := _idle(exam, case, weights):
            return f"expected every parameter {idle}"
        problem = compare(exam, case, "train", "input_gradient", float64=True)
        if problem and problem != UNDECIDED:
            return f"the gradient that reaches the input is another one; {problem}"
        if not weights.are_known:
            return UNDECIDED
        held = [piece for _, (pieces, *_) in weights.learner.get("layouts", ()) for piece in pieces]
        parts = {piece for piece in held if piece[0] == WEIGHT and piece[2] >= 0}
        cut: dict[str, Any] = {"pieces": tuple(sorted(parts))} if parts else {}
        problem = compare(exam, case, "train", "gradients", TOLERANCE, float64=True, **cut)
        return f"the parameters' gradients have other norms; {problem}" if problem else ""

    return Check("gradients", points, judge, asked, NUMERIC, cases, explanatory)


def _idle(exam: Exam, case: Case, weights: Weights) -> str:
    """In words, what parameters should do but don't: get a gradient, and change the output; "" where they do.

    Where equal weights can't be given, chance may stop the gradients of a few values, and equal values those of many.
    So only whole parameters are looked at then, under weights of their own, in the first case.
    """
    if weights.are_known:
        unlearned = exam.seen("train", case, float64=True, **weights.learner)["unlearned"]
        missing = unlearned - exam.expected("train", case, float64=True, **weights.reference)["unlearned"]
        if missing > 0 and min(case.shape[2:]) > 1:  # on one pixel, only the middle of a 3x3 counts
            total = exam.seen("shape", case)["parameters"]
            return f"to get a gradient, but {missing:,} of {total:,} values in them get none"
    elif case == exam.exercise.cases[0]:
        if untrained := exam.seen("train", case, float64=True)["untrained"]:
            return f"to get a gradient, but {untrained} of {len(exam.seen('shape', case)['tensors'])} get none"
        if exam.seen("touched", case)["idle"]:
            return "to change the output, but some of them change nothing"
    return ""


def input_kept(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """The input tensor is as it was."""

    def judge(exam: Exam, case: Case) -> str:
        for mode, probe in (("evaluation", "evaluation"), ("training", "train")):
            if exam.seen(probe, case)["input_changed"]:
                return f"in {mode} mode, the input itself was changed by forward"
        return ""

    return Check("input kept", points, judge, "forward leaves its input as it was.", ("shape",), cases, explanatory)


def statistics_move(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """A pass in training mode moves the running statistics as PyTorch's default BN does, and only such a pass."""

    def judge(exam: Exam, case: Case) -> str:
        weights = same_weights(exam, case)
        if exam.seen("evaluation", case, **weights.learner)["statistics_moved"]:
            return "a pass in evaluation mode changes the running statistics"
        number = len(exam.seen("running", case, **weights.learner)["statistics"])
        expected = len(exam.expected("running", case, **weights.reference)["statistics"])
        if number < expected:
            return f"expected {expected} running statistics, got {number}"
        if number > expected:  # what else a module counts as it is trained is its own affair
            return UNDECIDED
        problem = compare(exam, case, "running", "statistics", PRECISE)
        if problem in ("", UNDECIDED):
            return problem
        return f"after a pass in training mode, the running statistics are others; {problem}"

    asked = "Every BN is PyTorch's default, with a momentum of 0.1, and sees each batch once."
    return Check("running statistics", points, judge, asked, NUMERIC, cases, explanatory)


def reloads(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """A ``state_dict`` carries all that the module computes with."""

    def judge(exam: Exam, case: Case) -> str:
        same = exam.seen("reload", case)["same"]
        return "" if same else "a second module that loads this one's state_dict computes something else"

    asked = "All that a module computes with is in its state_dict: layers and parameters made in __init__."
    return Check("state_dict", points, judge, asked, ("shape",), cases, explanatory)


def own_weights(points: int = 1, cases: tuple[Case, ...] | None = None, explanatory: bool = False) -> Check:
    """Two modules share no parameter."""

    def judge(exam: Exam, case: Case) -> str:
        shared = exam.seen("twins", case)["shared"]
        return f"two modules made one after the other share {shared} of their parameters and buffers" if shared else ""

    asked = "Each module has layers of its own, made in its own __init__."
    return Check("own weights", points, judge, asked, ("shape",), cases, explanatory)


def map_sizes(points: int, asked: str, cases: tuple[Case, ...] | None = None) -> Check:
    """Every convolution makes a map of the specified size. It only explains an output that is wrong."""

    def judge(exam: Exam, case: Case) -> str:
        if same_weights(exam, case).learner:
            return ""
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

    return Check("map sizes", points, judge, asked, NUMERIC, cases, explanatory=True)


def shortcuts(
    name: str, points: int, asked: str, cases: tuple[Case, ...] | None = None, explanatory: bool = False
) -> Check:
    """With one weight at zero, the input reaches the output where a shortcut goes around it, and only there."""

    def judge(exam: Exam, case: Case) -> str:
        weights = same_weights(exam, case)
        if not weights.are_known:
            return UNDECIDED
        if weights.learner:  # a part of a layer at zero leaves the others, so the outputs have to decide
            return ""
        seen, expected = exam.seen("cuts", case), exam.expected("cuts", case)
        for weight in Counter(seen["needed"]) - Counter(expected["needed"]):
            return f"with a weight of shape {weight} at zero, the input should still reach the output, but does not"
        for weight in Counter(seen["avoided"]) - Counter(expected["avoided"]):
            return f"with a weight of shape {weight} at zero, the input should not reach the output, but still does"
        return ""

    return Check(name, points, judge, asked, NUMERIC, cases, explanatory)
