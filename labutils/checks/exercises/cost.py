"""Exercise ``cost``: parameters and multiply-adds."""

from labutils.checks import references
from labutils.checks.engine import Case, Check, Exam, Exercise

CASES = (
    Case(
        ("plain", "training"), (3, 9, 6), "a net with strides, an oblong kernel, biases, BN and hooks, in training mode"
    ),
    Case(("grouped", "evaluation"), (4, 7, 8), "a net with grouped convolutions, in evaluation mode"),
    Case(
        ("reused", "training"),
        (2, 5, 4),
        "a net that calls a convolution three times and another never, and has a shared weight",
    ),
    Case(
        ("pixels", "training but for the stem"),
        (3, 6, 4),
        "a net with a frozen part in evaluation mode, a parameter outside all layers, and linear layers at every pixel",
    ),
    Case(
        ("oblong", "evaluation"), (3, 9, 6), "a net in which nothing is square, kernels, strides, padding and dilation"
    ),
    Case(("one pixel", "training"), (3, 2, 2), "a net in training mode whose BN gets a map of one pixel"),
    Case(("subclassed", "evaluation"), (4, 5, 4), "a net whose layers are subclasses of nn.Conv2d and nn.Linear"),
)
PARAMETERS_RUNS, MACS_RUNS = "count_parameters runs", "count_macs runs"


def _parameters_runs(exam: Exam, case: Case) -> str:
    exam.seen("parameters", case)
    return ""


def _parameters(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("parameters", case)["count"], exam.expected("parameters", case)["count"]
    return "" if seen == expected else f"expected {expected:,} parameters, got {seen:,}"


def _macs_runs(exam: Exam, case: Case) -> str:
    exam.seen("macs", case)
    return ""


def _macs(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("macs", case), exam.expected("macs", case)["count"]
    if seen["count"] != expected:
        return f"for an image {case.shape} expected {expected:,} multiply-adds, got {seen['count']:,}"
    other = [count for count in seen["again"] if count != expected]
    if other:
        return f"called again on the same model, expected {expected:,} multiply-adds once more, got {other[0]:,}"
    return ""


def _whole(exam: Exam, case: Case) -> str:
    for probe, name in zip(("parameters", "macs"), exam.exercise.names, strict=True):
        seen = exam.seen(probe, case)
        if not seen["int"]:
            return f"expected {name} to return an int, got {seen['kind']}"
    return ""


def _mode_kept(exam: Exam, case: Case) -> str:
    if exam.seen("macs", case)["modes_kept"]:
        return ""
    return "after count_macs, the model or a part of it is no longer in the mode it was in before"


def _buffers_kept(exam: Exam, case: Case) -> str:
    kept = exam.seen("macs", case)["buffers_kept"]
    return "" if kept else "after count_macs, the model's buffers are no longer what they were before"


def _nothing_left(exam: Exam, case: Case) -> str:
    for probe, name in zip(("parameters", "macs"), exam.exercise.names, strict=True):
        left = exam.seen(probe, case)["left"]
        if left:
            return f"after {name}, these were changed: {', '.join(left)}"
    return ""


EXERCISE = Exercise(
    id="cost",
    sheet="03-bottleneck",
    names=("count_parameters", "count_macs"),
    reference=lambda: (references.count_parameters, references.count_macs),
    cases=CASES,
    checks=(
        Check(
            PARAMETERS_RUNS,
            0,
            _parameters_runs,
            "count_parameters(model) takes any model, and returns one number.",
            explanatory=True,
        ),
        Check(
            "parameters",
            2,
            _parameters,
            "Every number in every parameter counts: frozen ones too, shared ones once, buffers not.",
            (PARAMETERS_RUNS,),
        ),
        Check(
            MACS_RUNS,
            0,
            _macs_runs,
            "count_macs(model, input_shape) takes any model and the shape (C, H, W) of one image, and returns one "
            "number.",
            explanatory=True,
        ),
        Check(
            "multiply-adds",
            4,
            _macs,
            "A number in the output of a convolution or a linear layer costs one multiply-add for each number of the "
            "input it is made of. In a grouped convolution these are fewer. A bias costs none, and a layer costs again "
            "each time it is called.",
            (MACS_RUNS,),
        ),
        Check(
            "whole numbers",
            1,
            _whole,
            "Both functions return a Python int, not a float, a tensor or an array.",
            (PARAMETERS_RUNS, MACS_RUNS),
        ),
        Check(
            "mode kept",
            1,
            _mode_kept,
            "After count_macs, every part of the model is in the mode in which it was; two parts may have had "
            "different modes.",
            (MACS_RUNS,),
        ),
        Check(
            "buffers kept",
            1,
            _buffers_kept,
            "After count_macs, the model has the buffers it had, with the same values; BN's running statistics are "
            "buffers.",
            (MACS_RUNS,),
        ),
        Check(
            "nothing left behind",
            1,
            _nothing_left,
            "Both functions leave the model and PyTorch as they were: the model's parts, parameters, types, "
            "requires_grad and hooks, the code of the layers, and the recording of gradients.",
            (PARAMETERS_RUNS, MACS_RUNS),
        ),
    ),
    fingerprint={
        "parameters": ("count", "kind", "left"),
        "macs": ("count", "again", "kind", "modes_kept", "buffers_kept", "left"),
    },
)
