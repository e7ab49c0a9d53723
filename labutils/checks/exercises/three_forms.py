"""Exercise ``three-forms``: a grouped block taken apart into its paths."""

from itertools import zip_longest

from labutils.checks import references
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise

ROUNDING = {"float32": 1e-3, "float64": 1e-9}  # relative to the largest number


def case(
    in_channels: int, cardinality: int, width: int, out_channels: int, kind: str, explanatory: bool = False
) -> Case:
    """C groups of d channels between in and out channels, on images of 5 x 4 pixels. The weights are of this kind."""
    given = {"float32": "", "float64": ", weights of float64", "parameters": ", weights that are nn.Parameters"}[kind]
    note = f"in = {in_channels}, C = {cardinality}, d = {width}, out = {out_channels}{given}"
    args = (in_channels, cardinality, width, out_channels, kind)
    return Case(args, (2, in_channels, 5, 4), note, explanatory)


CASES = (
    case(8, 2, 3, 5, "float32", explanatory=True),
    case(4, 3, 1, 6, "float32"),
    case(6, 4, 2, 8, "float64"),
    case(5, 1, 4, 2, "parameters"),
)


def _runs(exam: Exam, case: Case) -> str:
    exam.seen("split", case)
    return ""


def _list_of_triples(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("split", case), exam.expected("split", case)
    if seen["kind"] != expected["kind"]:
        return f"expected a list, got {seen['kind']}"
    if seen["length"] != expected["length"]:
        return f"expected a list of {expected['length']} triples, got one of length {seen['length']}"
    return "" if seen["entry"] == expected["entry"] else f"expected triples of tensors in the list, got {seen['entry']}"


def _shapes(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("split", case)["shapes"], exam.expected("split", case)["shapes"]
    for path, (ours, theirs) in enumerate(zip_longest(expected, seen, fillvalue=["nothing"])):
        if theirs != ours:
            return f"expected path {path} to have the shapes {', '.join(ours)}, got {', '.join(theirs)}"
    return ""


def _type(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("split", case)["types"], exam.expected("split", case)["types"]
    if seen == expected:
        return ""
    return f"expected every path's w1, w2 and w3 to be of {', '.join(expected)}, got {', '.join(seen)}"


def _kept(exam: Exam, case: Case) -> str:
    changes = exam.seen("split", case)["changes"]
    return f"the weights given were changed: {', '.join(changes)}" if changes else ""


def _total(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("paths", case)["sum"], exam.expected("paths", case)["sum"]
    problem = difference(seen, expected)
    if problem:
        return f"the sum of the paths is not what the grouped form computes; {problem}"
    digits = ROUNDING[exam.expected("split", case)["given"]]
    if (seen - expected).abs().max() <= digits * expected.abs().max():
        return ""
    return "the sum of the paths agrees with the grouped form in a few digits only, as if the weights had been rounded"


def _order(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("paths", case)["outputs"], exam.expected("paths", case)["outputs"]
    if seen.shape != expected.shape:
        return difference(seen, expected)
    off = [path for path in range(len(expected)) if difference(seen[path], expected[path])]
    return f"expected path {off[0]} to compute what group {off[0]} does, but it computes something else" if off else ""


EXERCISE = Exercise(
    id="three-forms",
    sheet="04-resnext",
    names=("split_paths",),
    reference=lambda: (references.split_paths,),
    cases=CASES,
    checks=(
        Check(
            "runs",
            0,
            _runs,
            "split_paths(w1, w2, w3, cardinality) takes the three weights and the number of groups.",
            explanatory=True,
        ),
        Check(
            "list of triples",
            1,
            _list_of_triples,
            "A list with one triple of tensors (w1, w2, w3) for each group.",
            ("runs",),
            explanatory=True,
        ),
        Check(
            "shape",
            2,
            _shapes,
            "The shapes in each triple are (d, in, 1, 1), (d, d, 3, 3) and (out, d, 1, 1).",
            ("list of triples",),
        ),
        Check("type", 1, _type, "The paths' weights have the type of the weights given.", ("shape",)),
        Check(
            "sum of paths",
            4,
            _total,
            "The sum of all paths, each of three ordinary convolutions, equals the grouped form.",
            ("shape",),
        ),
        Check("group order", 1, _order, "The paths come in the order of the groups.", ("shape",)),
        Check(
            "weights kept",
            1,
            _kept,
            "The weights given keep their numbers, shapes and types: they are read and not written.",
            ("runs",),
        ),
    ),
    fingerprint={"split": ("kind", "length", "entry", "shapes", "types", "changes"), "paths": ("outputs",)},
)
