"""Exercise ``clinic-8``: the accuracy that depends on the batches' sizes."""

from labutils.checks import accuracy_checks, references
from labutils.checks.engine import Case, Check, Exercise

LISTS = (Case(("list", 6, 1, 4), (2, 4, 4), "with a list of batches of 6, 1 and 4 images"),)
ITERATORS = (
    Case(("iterator", 5, 5), (2, 4, 4), "with an iterator, to be read only once, over two batches of 5 images"),
)
DOUBLE = (Case(("float64 list", 3, 4), (2, 4, 4), "with a model and images of float64"),)
RUNS = "accuracy runs"

EXERCISE = Exercise(
    id="clinic-8",
    sheet="05-bug-clinic",
    names=("accuracy",),
    reference=lambda: (references.evaluate,),
    cases=LISTS + ITERATORS + DOUBLE,
    checks=(
        Check(
            RUNS,
            0,
            accuracy_checks.runs,
            "accuracy(model, batches) calls the model on the images of each batch, and returns one number.",
            cases=LISTS + DOUBLE,
            explanatory=True,
        ),
        Check(
            "evaluation mode",
            2,
            accuracy_checks.evaluation_mode,
            accuracy_checks.EVALUATION_MODE,
            (RUNS,),
            LISTS,
        ),
        Check("no gradients", 2, accuracy_checks.no_gradients, accuracy_checks.NO_GRADIENTS, (RUNS,), LISTS),
        Check("accuracy", 2, accuracy_checks.share_of_close_scores, accuracy_checks.ACCURACY, (RUNS,), LISTS + DOUBLE),
        Check("a float", 1, accuracy_checks.is_float, accuracy_checks.A_FLOAT, (RUNS,), LISTS + DOUBLE),
        Check("model kept", 1, accuracy_checks.left_as_it_was, accuracy_checks.LEFT_AS_IT_WAS, (RUNS,), LISTS),
        Check(
            "one pass",
            2,
            accuracy_checks.share,
            "batches may be an iterator, which has no length and no places, and is used up after one loop.",
            (RUNS, "accuracy"),
            ITERATORS,
        ),
    ),
    fingerprint={
        "accuracy": ("accuracy", "kind", "modes", "gradients", "left", "drew"),
        "close_scores": ("accuracy", "all_right"),
    },
    all_or_nothing=True,
)
