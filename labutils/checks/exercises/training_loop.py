"""Exercise ``training-loop``: one epoch of training, and the accuracy."""

import math

import torch._dynamo  # noqa: F401  # the first optimizer would import it, which takes a second of the time limit

from labutils.checks import references
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise

CASES = (
    Case(("list", 5, 5, 5), (2, 4, 4), "with a list of three batches of 5 images"),
    Case(("iterator", 6, 1, 4), (2, 4, 4), "with an iterator, to be read only once, over batches of 6, 1 and 4 images"),
)
EVALUATION_MODE = "BN must use its running statistics: call model.eval() before the first batch."
NO_GRADIENTS = "The model is called outside torch.no_grad() and torch.inference_mode()."
ACCURACY = "It is the number of right answers over the number of images, over all batches together."
TRAIN_RUNS, EVALUATE_RUNS = "train_one_epoch runs", "evaluate runs"


def _train_runs(exam: Exam, case: Case) -> str:
    return "" if exam.seen("epoch", case)["modes"] else "the model was never called"


def _training_mode(exam: Exam, case: Case) -> str:
    modes = exam.seen("epoch", case)["modes"]
    return "" if modes == "training" else f"expected the model to be called in training mode, got {modes}"


def _weights(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("epoch", case), exam.expected("epoch", case)
    if not difference(seen["weights"], expected["weights"]):
        return ""
    found = "other weights" if seen["moved"] else "weights that did not move"
    return f"expected the weights to which one step a batch leads, got {found}"


def _is_float(exam: Exam, case: Case) -> str:
    seen = exam.seen("epoch", case)
    return "" if seen["float"] else f"expected train_one_epoch to return a float, got {seen['kind']}"


def _mean_loss(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("epoch", case)["loss"], exam.expected("epoch", case)["loss"]
    if math.isnan(seen):
        return f"expected the mean loss {expected:.4f}, got no number"
    return f"expected the mean loss {expected:.4f}, got {seen:.4f}" if difference([seen], [expected]) else ""


def evaluate_runs(exam: Exam, case: Case) -> str:
    """The last of the exercise's functions calls the model, and returns a number."""
    if exam.seen("accuracy", case)["modes"]:
        return ""
    return f"in {exam.exercise.names[-1]}, the model was never called"


def evaluation_mode(exam: Exam, case: Case) -> str:
    """It calls the model in evaluation mode."""
    modes = exam.seen("accuracy", case)["modes"]
    if modes == "evaluation":
        return ""
    return f"expected {exam.exercise.names[-1]} to call the model in evaluation mode, got {modes}"


def no_gradients(exam: Exam, case: Case) -> str:
    """It calls the model with the recording of gradients switched off."""
    if not exam.seen("accuracy", case)["gradients"]:
        return ""
    return f"in {exam.exercise.names[-1]}, the model's output carries what a backward pass needs"


def accuracy(exam: Exam, case: Case) -> str:
    """It returns the number of right answers over the number of images."""
    seen, expected = exam.seen("accuracy", case)["accuracy"], exam.expected("accuracy", case)["accuracy"]
    return f"expected the accuracy {expected:.4f}, got {seen:.4f}" if difference([seen], [expected]) else ""


def _in_turns(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("turns", case), exam.expected("turns", case)
    same = not any(difference(seen[fact], expected[fact]) for fact in ("weights", "accuracies"))
    return "" if same else "evaluate, train_one_epoch and evaluate, on one model, expected other results than it got"


EXERCISE = Exercise(
    id="training-loop",
    sheet="02-small-resnet",
    names=("train_one_epoch", "evaluate"),
    reference=lambda: (references.train_one_epoch, references.evaluate),
    cases=CASES,
    checks=(
        Check(
            TRAIN_RUNS,
            0,
            _train_runs,
            "batches need be nothing more than something to loop over once: it may have no length, no dataset and no "
            "second pass.",
            explanatory=True,
        ),
        Check(
            "training mode",
            1,
            _training_mode,
            "An earlier evaluation may have left the model in evaluation mode, so call model.train() before the first "
            "batch.",
            (TRAIN_RUNS,),
            explanatory=True,
        ),
        Check(
            "weights",
            2,
            _weights,
            "For each batch: old gradients cleared, one backward pass of that batch's loss, then one step of the given "
            "optimizer.",
            (TRAIN_RUNS,),
            explanatory=True,
        ),
        Check(
            "a float",
            1,
            _is_float,
            "The mean is not returned, or is still a tensor; loss.item() gives a float.",
            (TRAIN_RUNS,),
        ),
        Check(
            "mean loss",
            2,
            _mean_loss,
            "loss_fn gives a batch's average, so each loss counts as often as its batch has images, and the sum is "
            "divided by the number of all images.",
            (TRAIN_RUNS,),
        ),
        Check(
            EVALUATE_RUNS,
            0,
            evaluate_runs,
            "evaluate returns one number, and batches need be nothing more than something to loop over once.",
            explanatory=True,
        ),
        Check(
            "evaluation mode",
            1,
            evaluation_mode,
            EVALUATION_MODE,
            (EVALUATE_RUNS,),
            explanatory=True,
        ),
        Check(
            "no gradients",
            1,
            no_gradients,
            NO_GRADIENTS,
            (EVALUATE_RUNS,),
        ),
        Check(
            "accuracy",
            1,
            accuracy,
            ACCURACY,
            (EVALUATE_RUNS,),
            explanatory=True,
        ),
        Check(
            "in turns",
            1,
            _in_turns,
            "evaluate has switched something off for good, such as the recording of gradients.",
            ("weights", "accuracy"),
        ),
    ),
    fingerprint={
        "epoch": ("loss", "kind", "modes", "weights"),
        "accuracy": ("accuracy", "modes", "gradients", "can_train_after"),
    },
)
