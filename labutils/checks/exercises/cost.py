"""Exercise ``cost``: parameters and multiply-adds."""

from labutils.checks import references
from labutils.checks.engine import Case, Check, Exam, Exercise

CASES = (
    Case(("plain", "training"), (3, 9, 6), "a net with strides, an oblong kernel, biases and BN, in training mode"),
    Case(("grouped", "evaluation"), (4, 7, 8), "a net with grouped convolutions, in evaluation mode"),
    Case(("reused", "training"), (2, 5, 4), "a net that calls a convolution three times, and has a shared weight"),
    Case(
        ("pixels", "training"),
        (3, 6, 4),
        "a net with a frozen part, a parameter outside all layers, and linear layers at every pixel",
    ),
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
    if seen["again"] != expected:
        return f"called again on the same model, expected {expected:,} multiply-adds once more, got {seen['again']:,}"
    return ""


def _mode_kept(exam: Exam, case: Case) -> str:
    if exam.seen("macs", case)["modes_kept"]:
        return ""
    return "after count_macs, the model or a part of it is no longer in the mode it was in before"


def _buffers_kept(exam: Exam, case: Case) -> str:
    kept = exam.seen("macs", case)["buffers_kept"]
    return "" if kept else "after count_macs, the model's buffers are no longer what they were before"


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
            "It takes a model of any kind, and returns one number.",
            explanatory=True,
        ),
        Check(
            "parameters",
            3,
            _parameters,
            "Every number in every parameter counts: frozen ones too, shared ones once, buffers not.",
            (PARAMETERS_RUNS,),
        ),
        Check(
            MACS_RUNS,
            0,
            _macs_runs,
            "The image has the shape (C, H, W); the model wants (1, C, H, W).",
            explanatory=True,
        ),
        Check(
            "multiply-adds",
            5,
            _macs,
            "A number in a layer's output costs one multiply-add for each number of the input it is made of. In a "
            "grouped convolution these are fewer. A bias costs none, and a layer costs again each time it is called.",
            (MACS_RUNS,),
        ),
        Check(
            "mode kept",
            1,
            _mode_kept,
            "model.eval() is not taken back, or model.train() is called whatever the mode was before.",
            (MACS_RUNS,),
        ),
        Check(
            "buffers kept",
            1,
            _buffers_kept,
            "A pass in training mode moves BN's running statistics; so count in evaluation mode, or on a copy.",
            (MACS_RUNS,),
        ),
    ),
    fingerprint={"parameters": ("count",), "macs": ("count", "again", "modes_kept", "buffers_kept")},
)
