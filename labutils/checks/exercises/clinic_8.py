"""Exercise ``clinic-8``: the accuracy that depends on the batches' sizes."""

from labutils.checks import references
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise
from labutils.checks.exercises import training_loop

LISTS = (Case(("list", 6, 1, 4), (2, 4, 4), "with a list of batches of 6, 1 and 4 images"),)
ITERATORS = (
    Case(("iterator", 5, 5), (2, 4, 4), "with an iterator, to be read only once, over two batches of 5 images"),
)
RUNS = "accuracy runs"
ACCURACY = f"{training_loop.ACCURACY} An image's answer is the place of its highest score, whatever that score is."


def is_float(exam: Exam, case: Case) -> str:
    """It returns a float."""
    seen = exam.seen("accuracy", case)
    return "" if seen["float"] else f"expected accuracy to return a float, got {seen['kind']}"


def counted(exam: Exam, case: Case) -> str:
    """It returns the share of right answers, also where the highest score is neither high nor far above the others."""
    problem = training_loop.accuracy(exam, case)
    if problem:
        return problem
    seen, expected = exam.seen("close_scores", case)["accuracy"], exam.expected("close_scores", case)["accuracy"]
    if not difference([seen], [expected]):
        return ""
    return f"where all scores are below zero and close together, expected the accuracy {expected:.4f}, got {seen:.4f}"


EXERCISE = Exercise(
    id="clinic-8",
    sheet="05-bug-clinic",
    names=("accuracy",),
    reference=lambda: (references.evaluate,),
    cases=LISTS + ITERATORS,
    checks=(
        Check(
            RUNS,
            0,
            training_loop.evaluate_runs,
            "accuracy returns one number, and batches need be nothing more than something to loop over.",
            cases=LISTS,
            explanatory=True,
        ),
        Check("evaluation mode", 2, training_loop.evaluation_mode, training_loop.EVALUATION_MODE, (RUNS,), LISTS),
        Check("no gradients", 2, training_loop.no_gradients, training_loop.NO_GRADIENTS, (RUNS,), LISTS),
        Check("accuracy", 3, counted, ACCURACY, (RUNS,), LISTS),
        Check("a float", 1, is_float, "It is still a tensor; its item() is a float.", (RUNS,), LISTS),
        Check(
            "one pass",
            2,
            training_loop.accuracy,
            "An iterator has no length and no places, and is used up after one loop: count the images in that loop.",
            (RUNS, "accuracy"),
            ITERATORS,
        ),
    ),
    fingerprint={"accuracy": ("accuracy", "kind", "modes", "gradients"), "close_scores": ("accuracy", "calls")},
    all_or_nothing=True,
)
