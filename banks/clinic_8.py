"""Programs for ``clinic-8``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from banks import AS_FOUND, right, wrong

Batches = Iterable[tuple[Tensor, Tensor]]
Function = Callable[..., Any]


@torch.no_grad()
def counts(model: nn.Module, batches: Batches) -> tuple[int, int]:
    """Right answers and images, for programs that are wrong elsewhere."""
    model.eval()
    correct = count = 0
    for images, labels in batches:
        correct += int((model(images).argmax(dim=1) == labels).sum())
        count += len(labels)
    return correct, count


@wrong("accuracy", AS_FOUND)
def as_found() -> Function:
    def accuracy(model: nn.Module, batches: Sequence[Any]) -> float:
        model.eval()
        total = 0.0
        with torch.no_grad():
            for images, labels in batches:
                right = model(images).argmax(dim=1) == labels
                total += right.float().mean().item()
        return total / len(batches)

    return accuracy


@wrong("accuracy", "The batches are counted in the loop now, but it is still the mean of their accuracies.")
def batches_counted() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        shares = [(model(images).argmax(1) == labels).float().mean().item() for images, labels in batches]
        return sum(shares) / len(shares)

    return accuracy


@wrong("accuracy", "Right answers are added up, but divided by the batches times the first one's size.")
def first_size_for_all() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, sizes = 0, []
        for images, labels in batches:
            correct += int((model(images).argmax(1) == labels).sum())
            sizes.append(len(labels))
        return correct / (sizes[0] * len(sizes))

    return accuracy


@wrong("accuracy", "Each share is weighted by its batch's size, but the sum is divided by the number of batches.")
def weighted_but_divided_by_batches() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        total, number = 0.0, 0
        for images, labels in batches:
            total += (model(images).argmax(1) == labels).float().mean().item() * len(labels)
            number += 1
        return total / number

    return accuracy


@wrong("accuracy", "The shares are added up and divided by the number of images: that divides twice.")
def divided_twice() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        total, count = 0.0, 0
        for images, labels in batches:
            total += (model(images).argmax(1) == labels).float().mean().item()
            count += len(labels)
        return total / count

    return accuracy


@wrong("accuracy", "An average of the averages so far is kept, in which the last batch counts for half.")
def running_average() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        mean = None
        for images, labels in batches:
            share = (model(images).argmax(1) == labels).float().mean().item()
            mean = share if mean is None else (mean + share) / 2
        return mean or 0.0

    return accuracy


@wrong("accuracy", "The sums are set to zero inside the loop, so only the last batch counts.")
def last_batch_alone() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct, count = 0, 0
            correct += int((model(images).argmax(1) == labels).sum())
            count += len(labels)
        return correct / count

    return accuracy


@wrong("accuracy", "return stands inside the loop, so only the first batch counts.")
def returns_after_first_batch() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += int((model(images).argmax(1) == labels).sum())
            count += len(labels)
            return correct / count
        return 0.0

    return accuracy


@wrong("accuracy", "The last batch is left out because it may be smaller; its images count like all others.")
def last_batch_left_out() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = counts(model, list(batches)[:-1])
        return correct / count

    return accuracy


@wrong("accuracy", "It is given in percent; a share between 0 and 1 is asked for.")
def percent() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = counts(model, batches)
        return 100 * correct / count

    return accuracy


@wrong("accuracy", "The number of right answers is returned without dividing it.")
def count_returned() -> Function:
    return lambda model, batches: counts(model, batches)[0]


@wrong("accuracy", "`//` drops everything behind the decimal point.")
def floor_division() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = counts(model, batches)
        return correct // count

    return accuracy


@wrong("accuracy", "max(1)[0] is the highest score itself; its place, argmax(1), is the answer.")
def values_for_places() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).max(1)[0] == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong("accuracy runs", "argmax goes over the images, not over the classes: for scores (N, classes) it is argmax(1).")
def argmax_over_images() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(0) == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong("accuracy runs", "squeeze() also drops the first axis of a batch of one image.")
def squeezed() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).squeeze().argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong("accuracy runs", "The number of images is read from batches.dataset, which only a DataLoader has.")
def length_of_dataset() -> Function:
    def accuracy(model: nn.Module, batches: Any) -> float:
        return counts(model, batches)[0] / len(batches.dataset)

    return accuracy


@wrong("accuracy runs", "next(batches) works on an iterator only; a for loop takes lists and loaders, too.")
def only_iterators() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Any) -> float:
        model.eval()
        correct, count = 0, 0
        while (batch := next(batches, None)) is not None:
            correct += (model(batch[0]).argmax(1) == batch[1]).sum().item()
            count += len(batch[1])
        return correct / count

    return accuracy


@wrong("accuracy runs", "The accuracy is printed, but not returned.")
def not_returned() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> None:
        correct, count = counts(model, batches)
        print(f"accuracy {correct / count:.3f}")

    return accuracy


@wrong("evaluation mode", "model.eval() is missing, or comes after the loop, so BN uses each batch's own statistics.")
def no_evaluation_mode() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong(
    "evaluation mode", "model.train() is called back inside the loop, so only the first batch is in evaluation mode."
)
def back_to_training_too_early() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
            model.train()
        return correct / count

    return accuracy


@wrong(
    "no gradients",
    "The model records gradients: model.eval() doesn't stop that, detach() comes too late; torch.no_grad() does it.",
)
def gradients_recorded() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong("a float", "What is returned is still a tensor; its item() is a float.")
def tensor_returned() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> Tensor:
        model.eval()
        hits = torch.cat([model(images).argmax(1) == labels for images, labels in batches])
        return hits.float().mean()

    return accuracy


@wrong("one pass", "batches is gone through a first time to count the images, and an iterator has then nothing left.")
def counted_before() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        count = sum(len(labels) for _, labels in batches)
        return counts(model, batches)[0] / count

    return accuracy


@wrong("one pass", "batches[i] and len(batches) fit a list, but not an iterator.")
def by_index() -> Function:
    def accuracy(model: nn.Module, batches: Sequence[Any]) -> float:
        pairs = [counts(model, [batches[i]]) for i in range(len(batches))]
        return sum(correct for correct, _ in pairs) / sum(count for _, count in pairs)

    return accuracy


@wrong("accuracy", "An answer counts as right if its probability is above one half; the highest one is the answer.")
def more_than_half() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).softmax(1) > 0.5)[torch.arange(len(labels)), labels].sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong("accuracy", "argmax without dim=1 gives one place in the whole batch.")
def argmax_of_the_batch() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax() == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@wrong("accuracy", "Every batch is taken to be as large as the last.")
def last_size_for_all() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Sequence[Any]) -> float:
        model.eval()
        correct, labels = 0, torch.empty(0)
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
        return correct / (len(batches) * len(labels))

    return accuracy


@wrong("evaluation mode", "Only the outermost module's flag is set; model.eval() reaches all layers.")
def flag_set_by_hand() -> Function:
    @torch.no_grad()
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.training = False
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return accuracy


@right
def sums_of_images() -> Function:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        model.eval()
        right = count = 0
        with torch.no_grad():
            for images, labels in batches:
                right += (model(images).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        return right / count

    return accuracy


@right
def all_answers_at_once() -> Function:
    def accuracy(net: nn.Module, data: Batches) -> float:
        was_training = net.training
        with torch.inference_mode():
            hits = [net.eval()(x).softmax(-1).topk(1).indices.flatten().eq(y) for x, y in data]
        net.train(was_training)
        return torch.cat(hits).double().mean().item()

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
