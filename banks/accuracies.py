"""Functions ``accuracy(model, batches)``, right and wrong: those of ``clinic-8``, and of ``training-loop`` as well.

The check that must fail first is named as in ``clinic-8``.
"""

import copy
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from banks import originals, right, wrong

Batches = Iterable[tuple[Tensor, Tensor]]
Function = Callable[..., Any]


def altered(changes: dict[str, str]) -> Function:
    """What :func:`banks.originals.altered` gives for ``clinic-8``."""
    (accuracy,) = originals.altered("clinic-8", changes)
    return accuracy


def counts(model: nn.Module, batches: Batches) -> tuple[int, int]:
    """Right answers, and images."""
    model.eval()
    with torch.no_grad():
        return unguarded(model, batches)


def unguarded(model: nn.Module, batches: Batches) -> tuple[int, int]:
    """As :func:`counts`, but with the mode and the recording as they are."""
    correct = count = 0
    for images, labels in batches:
        correct += int(hits(model(images), labels).sum())
        count += len(labels)
    return correct, count


def hits(outputs: Tensor, labels: Tensor) -> Tensor:
    """Which answers (N,) are right."""
    return outputs.argmax(dim=1) == labels


@wrong("accuracy", "It is the mean of the batches' accuracies, in which the images of a small batch count for more.")
def mean_of_means() -> Function:
    return altered({".sum()": ".float().mean()", "count += len(labels)": "count += 1"})


@wrong("accuracy", "Right answers are divided by the number of batches times the first one's size.")
def first_size_for_all() -> Function:
    return altered(
        {
            "right = count = 0": "right = count = size = 0",
            "count += len(labels)": "size = size or len(labels)\ncount += size",
        }
    )


@wrong("accuracy", "Every batch is taken to be as large as the last, and len(batches) asked for.")
def last_size_for_all() -> Function:
    return altered({"right / count": "right / (len(batches) * len(labels))"})


@wrong("accuracy", "The right answers of all batches are divided by the number of batches, not of images.")
def divided_by_batches() -> Function:
    return altered({"count += len(labels)": "count += 1"})


@wrong("accuracy", "The batches' shares are added up and divided by the number of images: that divides twice.")
def divided_twice() -> Function:
    return altered({".sum()": ".float().mean()"})


@wrong("accuracy", "An average of the averages so far is kept, in which the last batch counts for half.")
def running_average() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        mean = None
        for images, labels in batches:
            share = hits(model(images), labels).float().mean().item()
            mean = share if mean is None else (mean + share) / 2
        return mean or 0.0

    return accuracy


@wrong("accuracy", "Only the last batch counts; often the sums are set to zero inside the loop.")
def last_batch_alone() -> Function:
    return altered({"for images, labels in batches:": "for images, labels in batches:\n    right = count = 0"})


@wrong("accuracy", "Only the first batch counts; often `return` stands inside the loop.")
def first_batch_alone() -> Function:
    return altered({"count += len(labels)": "count += len(labels)\nreturn right / count"})


@wrong("accuracy", "The last batch is left out; its images count like all others.")
def last_batch_left_out() -> Function:
    return altered({"in batches": "in list(batches)[:-1]"})


@wrong("accuracy", "It is given in percent; a share between 0 and 1 is asked for.")
def percent() -> Function:
    return altered({"right / count": "100 * right / count"})


@wrong("accuracy", "The number of right answers is returned without dividing it.")
def count_returned() -> Function:
    return altered({"right / count": "right"})


@wrong("accuracy", "What is returned is the share of wrong answers, the error.")
def error_rate() -> Function:
    return altered({"right / count": "1 - right / count"})


@wrong("accuracy", "The share is cut down to a whole number, as `//` and int() do it.")
def floor_division() -> Function:
    return altered({"right / count": "right // count"})


@wrong("accuracy", "The value is nearly right, so it has probably been rounded; it is asked for with all its digits.")
def rounded() -> Function:
    return altered({"right / count": "round(right / count, 4)"})


@wrong(
    "accuracy",
    "No answer is ever found right: often max(1)[0], the highest score, is compared with the label, which is the "
    "highest score's place, argmax(1).",
)
def values_for_places() -> Function:
    return altered({"argmax(dim=1)": "max(1)[0]"})


@wrong("accuracy", "An answer counts as right if its probability is above one half; the highest one is the answer.")
def more_than_half() -> Function:
    return altered({"argmax(dim=1) == labels)": "softmax(1) > 0.5)[torch.arange(len(labels)), labels]"})


@wrong("accuracy", "An answer counts as right if the label is among the two highest scores; the highest is asked for.")
def among_the_two_best() -> Function:
    return altered({"argmax(dim=1) == labels)": "topk(2).indices == labels[:, None]).any(1)"})


@wrong("accuracy", "The lowest score is taken for the answer.")
def lowest_score() -> Function:
    return altered({"argmax": "argmin"})


@wrong("accuracy", "argmax without an axis gives one place in the whole batch, which no label reaches but by chance.")
def argmax_of_the_batch() -> Function:
    return altered({"argmax(dim=1)": "argmax()"})


@wrong("accuracy", "Each answer is compared with all labels of its batch: (N, 1) against (N,) is broadcast to (N, N).")
def all_labels_for_each_answer() -> Function:
    return altered({"argmax(dim=1)": "topk(1).indices"})


@wrong("accuracy", "Random numbers are drawn, although nothing that is asked for depends on chance.")
def batches_left_out_by_chance() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = counts(model, (batch for batch in batches if random.random() > 1e-9))
        return correct / count

    return accuracy


@wrong(
    "accuracy runs",
    "The best image of each class is looked for, not the best class of each image: for scores (N, classes) it is "
    "argmax(1).",
)
def argmax_over_images() -> Function:
    return altered({"argmax(dim=1)": "argmax(dim=0)"})


@wrong("accuracy runs", "A batch of one image loses its first axis, as squeeze() takes it away.")
def squeezed() -> Function:
    return altered({"argmax(dim=1)": "squeeze().argmax(dim=1)"})


@wrong("accuracy runs", "The number of images is read from batches.dataset, which only a DataLoader has.")
def length_of_dataset() -> Function:
    return altered({"right / count": "right / len(batches.dataset)"})


@wrong("accuracy runs", "next(batches) works on an iterator only; a for loop takes lists and loaders, too.")
def only_iterators() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Any) -> float:
        model.eval()
        correct, count = 0, 0
        while (batch := next(batches, None)) is not None:
            correct += hits(model(batch[0]), batch[1]).sum().item()
            count += len(batch[1])
        return correct / count

    return accuracy


@wrong("accuracy runs", "Nothing is returned; what is printed can't be used any further.")
def not_returned() -> Function:
    return altered({"return right / count": "print(right / count)"})


@wrong("accuracy runs", "The images are turned into float32, as by float(), although the model may be of another type.")
def images_turned_into_float32() -> Function:
    return altered({"model(images)": "model(images.float())"})


@wrong(
    "evaluation mode",
    "The model is called in training mode, so BN uses each batch's own statistics and changes its running ones: "
    "model.eval() is missing, or comes too late.",
)
def no_evaluation_mode() -> Function:
    return altered({"model.eval()": ""})


@wrong("evaluation mode", "Only the first batch is in evaluation mode; often model.train() stands inside the loop.")
def back_to_training_too_early() -> Function:
    return altered({"count += len(labels)": "count += len(labels)\nmodel.train()"})


@wrong("evaluation mode", "Only the outermost module's flag is set; model.eval() reaches all layers.")
def flag_set_by_hand() -> Function:
    return altered({"model.eval()": "model.training = False"})


@wrong("evaluation mode", "Only BN is put into evaluation mode; other layers, such as dropout, have modes as well.")
def only_bn_evaluated() -> Function:
    return altered(
        {"model.eval()": "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()"}
    )


@wrong("evaluation mode", "The images also go through in training mode first, which moves BN's running statistics.")
def statistics_taken_anew() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        kept = list(batches)
        for images, _ in kept:
            model.train()(images)
        correct, count = counts(model, kept)
        return correct / count

    return accuracy


@wrong(
    "no gradients",
    "The model records gradients: model.eval() doesn't stop that, and detach() comes too late; "
    "`with torch.no_grad():` around the call does it, as a line of its own it doesn't.",
)
def gradients_recorded() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = unguarded(model.eval(), batches)
        return correct / count

    return accuracy


@wrong("a float", "What is returned is still a tensor; its item() is a float.")
def tensor_returned() -> Function:
    return altered({".item()": ""})


@wrong("a float", "What is returned is a NumPy number of 32 bits, which is no Python float; float() makes one of it.")
def numpy_number_returned() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> np.float32:
        correct, count = counts(model, batches)
        return np.float32(correct) / np.float32(count)

    return accuracy


@wrong("model kept", "The recording of gradients stays switched off, so that nothing can be trained afterwards.")
def gradients_off_for_good() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        torch.set_grad_enabled(False)
        correct, count = unguarded(model.eval(), batches)
        return correct / count

    return accuracy


@wrong("model kept", "Parameters that were trained before are frozen afterwards; no_grad() needs no freezing.")
def frozen_for_good() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = unguarded(model.eval().requires_grad_(False), batches)
        return correct / count

    return accuracy


@wrong("model kept", "Parameters that were frozen before are trained afterwards; no_grad() needs no thawing.")
def thawed_for_good() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = unguarded(model.eval().requires_grad_(False), batches)
        model.requires_grad_(True)
        return correct / count

    return accuracy


@wrong("one pass", "An iterator is used up before the model is called, as it is by counting its images first.")
def counted_before() -> Function:
    return altered(
        {
            "model.eval()": "size = sum(len(labels) for _, labels in batches)\nmodel.eval()",
            "right / count": "right / size",
        }
    )


@wrong("one pass", "len(batches) is asked for, which a list has, but not an iterator.")
def by_index() -> Function:
    def accuracy(model: nn.Module, batches: Sequence[Any]) -> float:
        pairs = [counts(model, [batches[i]]) for i in range(len(batches))]
        return sum(correct for correct, _ in pairs) / sum(count for _, count in pairs)

    return accuracy


@right
def sums_of_images() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        device = next(model.parameters()).device
        model.eval()
        right = count = 0
        with torch.no_grad():
            for images, labels in batches:
                outputs = model(images.to(device))
                right += (outputs.argmax(dim=1) == labels.to(device)).sum().item()
                count += len(labels)
        return right / count

    return accuracy


@right
def all_answers_at_once() -> Function:
    def accuracy(net: nn.Module, data: Batches) -> float:
        was_training = net.training
        with torch.inference_mode():
            found = [net.eval()(x).softmax(-1).topk(1).indices.flatten().eq(y) for x, y in data]
        net.train(was_training)
        return torch.cat(found).double().mean().item()

    return accuracy


@right
def weighted_shares() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        mean, seen = 0.0, 0
        for images, labels in batches:
            share = (model(images).max(1)[1] == labels).float().mean().item()
            seen += labels.size(0)
            mean += (share - mean) * labels.size(0) / seen
        return mean

    return accuracy


@right
def concatenated_images() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        images, labels = map(torch.cat, zip(*batches, strict=True))
        model.train(mode=False)
        previous = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        try:
            answers = model(images).numpy().argmax(axis=1)
        finally:
            torch.set_grad_enabled(previous)
        return (answers == labels.numpy()).mean()

    return accuracy


@right
def called_more_often() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        found = []
        for images, labels in batches:
            losses = nn.functional.cross_entropy(model(images), labels, reduction="none")
            found += list(zip(hits(model(images), labels).tolist(), losses.tolist(), strict=True))
        return sum(hit for hit, _ in found) / len(found)

    return accuracy


@right
def a_copy_measured() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        frozen = copy.deepcopy(model).requires_grad_(False).eval()
        wrong = total = 0
        for images, labels in batches:
            wrong += int(torch.count_nonzero(frozen(images).topk(1)[1].squeeze(1) - labels))
            total += labels.numel()
        return 1 - wrong / total

    return accuracy
