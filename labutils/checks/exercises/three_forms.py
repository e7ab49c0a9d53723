"""Exercise ``three-forms``: a grouped block taken apart into its paths."""

from itertools import zip_longest

from labutils.checks import references
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise


def case(in_channels: int, cardinality: int, width: int, out_channels: int) -> Case:
    """C groups of d channels between in and out channels, on images of 5 x 4 pixels."""
    note = f"in = {in_channels}, C = {cardinality}, d = {width}, out = {out_channels}"
    return Case((in_channels, cardinality, width, out_channels), (2, in_channels, 5, 4), note)


CASES = (case(8, 2, 3, 5), case(4, 3, 1, 6))


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


def _total(exam: Exam, case: Case) -> str:
    problem = difference(exam.seen("paths", case)["sum"], exam.expected("paths", case)["sum"])
    return f"the sum of the paths is not what the grouped form computes; {problem}" if problem else ""


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
            "The three weights and the cardinality are all that is given; d follows from them.",
            explanatory=True,
        ),
        Check(
            "list of triples",
            1,
            _list_of_triples,
            "A path is one triple (w1, w2, w3), and there are as many paths as groups.",
            ("runs",),
            explanatory=True,
        ),
        Check(
            "shape",
            2,
            _shapes,
            "A weight is (out, in, height, width). w1 and w2 are cut along their outputs, w3 along its inputs.",
            ("list of triples",),
        ),
        Check(
            "sum of paths",
            5,
            _total,
            "Group g's channels lie side by side, from g x d on, and a path takes all three weights from one group.",
            ("shape",),
            explanatory=True,
        ),
        Check("group order", 2, _order, "The paths are all there, but not in the order of the groups.", ("shape",)),
    ),
    fingerprint={"split": ("kind", "length", "entry", "shapes"), "paths": ("outputs",)},
)
