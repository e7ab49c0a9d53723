"""Exercise ``training-loop``: one epoch of training, and the accuracy."""

import math

import torch
import torch._dynamo  # noqa: F401  # the first optimizer would import it, which takes a second of the time limit
from torch import Tensor

from labutils.checks import accuracy_checks, references
from labutils.checks.comparison import difference
from labutils.checks.engine import Case, Check, Exam, Exercise

CASES = (
    Case(("list", 5, 5, 5), (2, 4, 4), "with a list of three batches of 5 images", explanatory=True),
    Case(("iterator", 6, 1, 4), (2, 4, 4), "with an iterator, to be read only once, over batches of 6, 1 and 4 images"),
    Case(("float64 list", 3, 4), (2, 4, 4), "with a model and images of float64, in batches of 3 and 4"),
)
TRAIN_RUNS, EVALUATE_RUNS = "train_one_epoch runs", "evaluate runs"
EXACT = 2e-5  # of losses, relative: float32 rounds them by a tenth of it
EXACT_IN_FLOAT64 = 1e-7  # of weights and statistics, relative to the largest


def _train_runs(exam: Exam, case: Case) -> str:
    return "" if exam.seen("epoch", case)["called"] else "the model was never called"


def _training_mode(exam: Exam, case: Case) -> str:
    modes = exam.seen("epoch", case)["modes"]
    if modes == "training":
        return ""
    return f"expected the passes that are trained on to be in training mode, got {modes}"


def _weights(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("epoch", case), exam.expected("epoch", case)
    if _differ(seen["weights"], expected["weights"]):
        found = "other weights" if seen["moved"] else "weights that did not move"
        return f"expected the weights to which one step a batch leads, got {found}{_where(seen, expected)}"
    if seen["drew"]:
        return "train_one_epoch drew random numbers or set their seed, on which what follows may depend"
    return ""


def _differ(seen: Tensor, expected: Tensor) -> bool:
    """Whether they are not equal, up to the rounding of their type."""
    if difference(seen, expected):
        return True
    exact = EXACT_IN_FLOAT64 if expected.dtype == torch.float64 else 1.0
    return bool((seen.double() - expected.double()).abs().max() > exact * expected.abs().max())


def _where(seen: dict[str, object], expected: dict[str, object]) -> str:
    """What else the facts say about weights that are wrong."""
    if seen["called"] == "a copy of it":
        return "; not the model itself was called, but a copy of it"
    found = [(seen[fact], expected[fact], words) for fact, words in COUNTED]
    return "".join(f"; expected {ours} {words}, got {theirs}" for theirs, ours, words in found if ours != theirs)


COUNTED = (("steps", "steps of the given optimizer"), ("backward_passes", "backward passes through the model"))


def _passes(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("epoch", case), exam.expected("epoch", case)
    if seen["training_passes"] != expected["training_passes"]:
        found = f"expected {expected['training_passes']} passes in training mode, one a batch"
        return f"{found}, but BN counted {seen['training_passes']}"
    same = not _differ(seen["statistics"], expected["statistics"])
    return "" if same else "BN's running statistics are not those of one pass a batch"


def _is_float(exam: Exam, case: Case) -> str:
    seen = exam.seen("epoch", case)
    return "" if seen["float"] else f"expected train_one_epoch to return a float, got {seen['kind']}"


def _mean_loss(exam: Exam, case: Case) -> str:
    seen, expected = exam.seen("epoch", case)["loss"], exam.expected("epoch", case)["loss"]
    if math.isnan(seen):
        return f"expected the mean loss {expected:.5f}, got no number"
    if math.isclose(seen, expected, rel_tol=EXACT):
        return ""
    return f"expected the mean loss {expected:.5f}, got {seen:.5f}"


def _in_turns(exam: Exam, case: Case) -> str:
    left = exam.seen("epoch", case)["left"]
    if left:
        return f"after train_one_epoch, these were changed: {', '.join(left)}"
    left = accuracy_checks.left_as_it_was(exam, case)
    if left:
        return left
    seen, expected = exam.seen("turns", case), exam.expected("turns", case)
    same = not any(difference(seen[fact], expected[fact]) for fact in ("weights", "accuracies"))
    return (
        "" if same else "evaluate and train_one_epoch on one model, twice in turns, expected other results than it got"
    )


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
            "train_one_epoch(model, batches, optimizer, loss_fn) calls the model on the images of each batch.",
            explanatory=True,
        ),
        Check(
            "training mode",
            1,
            _training_mode,
            "Whatever mode the model and its parts are in before, all of them are in training mode in the passes that "
            "are trained on.",
            (TRAIN_RUNS,),
            explanatory=True,
        ),
        Check(
            "weights",
            1,
            _weights,
            "One step of the given optimizer for each batch, on the given model, along the gradient of loss_fn for "
            "that batch alone: no gradient from an earlier batch or from before the call enters it. No random numbers "
            "are drawn.",
            (TRAIN_RUNS,),
        ),
        Check(
            "a float",
            1,
            _is_float,
            "train_one_epoch returns the mean loss as a Python float, not as a tensor, an array or an int.",
            (TRAIN_RUNS,),
        ),
        Check(
            "mean loss",
            1,
            _mean_loss,
            "It is the mean over all images, unrounded: each batch's loss, computed before its step, counts as often "
            "as the batch has images.",
            (TRAIN_RUNS,),
        ),
        Check(
            "running statistics",
            1,
            _passes,
            "Each batch goes through the model once in training mode, so that it moves BN's running statistics once.",
            ("weights",),
        ),
        Check(
            EVALUATE_RUNS,
            0,
            accuracy_checks.runs,
            "evaluate(model, batches) calls the model on the images of each batch, and returns one number.",
            explanatory=True,
        ),
        Check(
            "evaluation mode",
            1,
            accuracy_checks.evaluation_mode,
            accuracy_checks.EVALUATION_MODE,
            (EVALUATE_RUNS,),
        ),
        Check("no gradients", 1, accuracy_checks.no_gradients, accuracy_checks.NO_GRADIENTS, (EVALUATE_RUNS,)),
        Check("accuracy", 1, accuracy_checks.share_of_close_scores, accuracy_checks.ACCURACY, (EVALUATE_RUNS,)),
        Check("accuracy is a float", 1, accuracy_checks.is_float, accuracy_checks.A_FLOAT, (EVALUATE_RUNS,)),
        Check(
            "in turns",
            1,
            _in_turns,
            "Both functions can be called in turns on one model. Both leave it with the parts, the type and the "
            "requires_grad that it had, and PyTorch records gradients as before; evaluate leaves its weights and "
            "statistics, too. Only the modes are free.",
            ("weights", "accuracy"),
        ),
    ),
    fingerprint={
        "epoch": (
            "loss",
            "kind",
            "called",
            "modes",
            "weights",
            "steps",
            "backward_passes",
            "training_passes",
            "statistics",
            "left",
            "drew",
        ),
        "accuracy": ("accuracy", "kind", "modes", "gradients", "left", "drew"),
        "close_scores": ("accuracy", "all_right"),
    },
)
