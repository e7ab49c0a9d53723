"""Checks of a function ``(model, batches) -> accuracy``, the last one that an exercise asks for."""

import math

from labutils.checks.engine import Case, Exam

EVALUATION_MODE = (
    "Whatever mode the model and its parts are in before, all of them are in evaluation mode whenever the model is "
    "called."
)
NO_GRADIENTS = "The model is called with the recording of gradients switched off, as under torch.no_grad()."
ACCURACY = (
    "It is the number of right answers over the number of images, over all batches together and unrounded; an image's "
    "answer is the place of its highest score, whatever that score is. No random numbers are drawn."
)
A_FLOAT = "The accuracy is returned as a Python float, not as a tensor, an array or an int."
LEFT_AS_IT_WAS = (
    "The model is left with the weights, statistics and requires_grad that it had, and PyTorch records gradients as "
    "before; only the modes are free."
)
EXACT = 2e-6  # of accuracies, which float32 rounds by a tenth of it


def runs(exam: Exam, case: Case) -> str:
    """It calls the model, and returns a number."""
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


def share(exam: Exam, case: Case) -> str:
    """It returns the number of right answers over the number of images, and leaves nothing to chance."""
    seen, expected = exam.seen("accuracy", case), exam.expected("accuracy", case)["accuracy"]
    if not math.isclose(seen["accuracy"], expected, rel_tol=0, abs_tol=EXACT):
        return f"expected the accuracy {expected:.6f}, got {seen['accuracy']:.6f}"
    if seen["drew"]:
        return f"{exam.exercise.names[-1]} drew random numbers or set their seed, on which what follows may depend"
    return ""


def share_of_close_scores(exam: Exam, case: Case) -> str:
    """As :func:`share`, also where the highest score is neither high nor far above the others."""
    problem = share(exam, case)
    if problem:
        return problem
    seen, expected = exam.seen("close_scores", case)["accuracy"], exam.expected("close_scores", case)["accuracy"]
    if math.isclose(seen, expected, rel_tol=0, abs_tol=EXACT):
        return ""
    return f"where all scores are below zero and close together, expected the accuracy {expected:.6f}, got {seen:.6f}"


def is_float(exam: Exam, case: Case) -> str:
    """It returns a float."""
    seen = exam.seen("accuracy", case)
    return "" if seen["float"] else f"expected {exam.exercise.names[-1]} to return a float, got {seen['kind']}"


def left_as_it_was(exam: Exam, case: Case) -> str:
    """It changes nothing in the model but its modes."""
    left = exam.seen("accuracy", case)["left"]
    return f"after {exam.exercise.names[-1]}, these were changed: {', '.join(left)}" if left else ""
