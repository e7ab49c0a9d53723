"""Programs for ``training-loop``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from banks import right, wrong

Batches = Iterable[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]
Functions = tuple[Callable[..., Any], Callable[..., Any]]


def good_train(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
    """Stands beside each wrong ``evaluate``."""
    model.train()
    total, count = 0.0, 0
    for images, labels in batches:
        optimizer.zero_grad()
        loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * labels.size(0)
        count += labels.size(0)
    return total / count


def good_evaluate(model: nn.Module, batches: Batches) -> float:
    """Stands beside each wrong ``train_one_epoch``."""
    model.eval()
    correct, count = 0, 0
    with torch.no_grad():
        for images, labels in batches:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            count += labels.size(0)
    return correct / count


def step(model: nn.Module, images: Tensor, labels: Tensor, optimizer: Optimizer, loss_fn: Loss) -> Tensor:
    """A right step, for programs that are wrong elsewhere."""
    optimizer.zero_grad()
    loss = loss_fn(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss


@wrong("train_one_epoch runs", "The functions are not written yet.")
def unwritten() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        raise NotImplementedError

    def evaluate(model: nn.Module, batches: Batches) -> float:
        raise NotImplementedError

    return train_one_epoch, evaluate


@wrong("train_one_epoch runs", "The loss is called with labels and outputs swapped: it is loss_fn(outputs, labels).")
def loss_arguments_swapped() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        losses = 0.0
        for images, labels in batches:
            optimizer.zero_grad()
            loss = loss_fn(labels, model(images))
            loss.backward()
            optimizer.step()
            losses += loss.item()
        return losses

    return train_one_epoch, good_evaluate


@wrong("train_one_epoch runs", "len(batches) is asked for, which an iterator does not have; count while looping.")
def length_of_batches() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Sequence[Any], optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total = 0.0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item()
        return total / len(batches)

    return train_one_epoch, good_evaluate


@wrong("train_one_epoch runs", "The number of images is read from batches.dataset, which only a DataLoader has.")
def length_of_dataset() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Any, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total = 0.0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item() * len(images)
        return total / len(batches.dataset)

    return train_one_epoch, good_evaluate


@wrong("train_one_epoch runs", "next(batches) works on an iterator only; a for loop takes lists and loaders, too.")
def only_iterators() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Any, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        while True:
            try:
                images, labels = next(batches)
            except StopIteration:
                return total / count
            total += step(model, images, labels, optimizer, loss_fn).item() * len(images)
            count += len(images)

    return train_one_epoch, good_evaluate


@wrong(
    "train_one_epoch runs",
    "The losses are summed as a graph and the sum goes backward each time, through graphs that are freed already.",
)
def backward_on_running_sum() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = torch.zeros(()), 0
        for images, labels in batches:
            optimizer.zero_grad()
            total = total + loss_fn(model(images), labels) * len(images)
            total.backward()
            optimizer.step()
            count += len(images)
        return total.item() / count

    return train_one_epoch, good_evaluate


@wrong("training mode", "model.train() is missing, so after an evaluation BN is no longer trained.")
def no_training_mode() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        total, count = 0.0, 0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item() * len(images)
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("training mode", "model.train() is called at the end of a batch, so the first one goes through in the old mode.")
def training_mode_too_late() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        total, count = 0.0, 0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item() * len(images)
            count += len(images)
            model.train()
        return total / count

    return train_one_epoch, good_evaluate


@wrong("train_one_epoch runs", "batches is walked through once to count the images, and nothing is left to train on.")
def nothing_left_to_train_on() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        count = sum(len(labels) for _, labels in batches)
        total = 0.0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item() * len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong(
    "weights", "The gradients are not cleared before each batch, so each step also follows those of all batches before."
)
def gradients_kept() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong(
    "weights", "The weights never move: step() or backward() is missing, or the gradients are cleared between the two."
)
def gradients_cleared_before_step() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            total += loss.item() * len(images)
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("weights", "optimizer.step() stands behind the loop: one step an epoch, with the last batch's gradients.")
def one_step_an_epoch() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels)
            loss.backward()
            total += loss.item() * len(images)
            count += len(images)
        optimizer.step()
        return total / count

    return train_one_epoch, good_evaluate


@wrong("weights", "The loss function is chosen inside; loss_fn is the one to use.")
def loss_function_ignored() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        return good_train(model, batches, optimizer, F.cross_entropy)

    return train_one_epoch, good_evaluate


@wrong("weights", "An optimizer is made inside, so the given one, with its rate and its momentum, is never used.")
def own_optimizer() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        mine = torch.optim.SGD(model.parameters(), lr=optimizer.param_groups[0]["lr"])
        return good_train(model, batches, mine, loss_fn)

    return train_one_epoch, good_evaluate


@wrong("weights", "The outputs go through a softmax first, but a loss such as the cross-entropy wants them raw.")
def softmax_before_loss() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        return good_train(model, batches, optimizer, lambda outputs, labels: loss_fn(outputs.softmax(1), labels))

    return train_one_epoch, good_evaluate


@wrong("weights", "return stands inside the loop, so the epoch ends after its first batch.")
def returns_after_first_batch() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item() * len(images)
            count += len(images)
            return total / count
        return 0.0

    return train_one_epoch, good_evaluate


@wrong("weights", "The batch's loss is multiplied by its size before backward, so the steps are too long.")
def summed_loss_trained() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels) * len(images)
            loss.backward()
            optimizer.step()
            total += loss.item()
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("a float", "The mean loss is printed, but not returned.")
def loss_not_returned() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> None:
        print(good_train(model, batches, optimizer, loss_fn))

    return train_one_epoch, good_evaluate


@wrong("a float", "What is returned is still a tensor; loss.item() makes a float of it.")
def tensor_returned() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> Tensor:
        model.train()
        total, count = torch.zeros(()), 0
        for images, labels in batches:
            loss = step(model, images, labels, optimizer, loss_fn)
            total += loss.detach() * len(images)
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("mean loss", "The batches' losses are averaged as if all batches were of one size.")
def averaged_over_batches() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        losses = [step(model, images, labels, optimizer, loss_fn).item() for images, labels in batches]
        return sum(losses) / len(losses)

    return train_one_epoch, good_evaluate


@wrong("mean loss", "The losses are averages over a batch already, and are divided by the number of images once more.")
def divided_twice() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            total += step(model, images, labels, optimizer, loss_fn).item()
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("mean loss", "The sum over all images is returned, not the mean.")
def sum_returned() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        pairs = [(step(model, *batch, optimizer, loss_fn).item(), len(batch[0])) for batch in batches]
        return sum(loss * size for loss, size in pairs)

    return train_one_epoch, good_evaluate


@wrong("mean loss", "Only the last batch's loss is returned.")
def last_loss_returned() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        loss = torch.zeros(())
        for images, labels in batches:
            loss = step(model, images, labels, optimizer, loss_fn)
        return loss.item()

    return train_one_epoch, good_evaluate


@wrong("mean loss", "Each loss is taken after its step; the loss that the step came from is asked for.")
def loss_after_step() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count = 0.0, 0
        for images, labels in batches:
            step(model, images, labels, optimizer, loss_fn)
            total += loss_fn(model(images), labels).item() * len(images)
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("mean loss", "All batches are taken to be as large as the first one.")
def first_size_for_all() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        total, count, size = 0.0, 0, 0
        for images, labels in batches:
            size = size or len(images)
            total += step(model, images, labels, optimizer, loss_fn).item() * size
            count += len(images)
        return total / count

    return train_one_epoch, good_evaluate


@wrong("evaluate runs", "len(batches) is asked for in evaluate, and an iterator does not have it.")
def evaluate_asks_length() -> Functions:
    def evaluate(model: nn.Module, batches: Sequence[Any]) -> float:
        model.eval()
        with torch.no_grad():
            shares = [(model(images).argmax(1) == labels).float().mean().item() for images, labels in batches]
        return sum(shares) / len(batches)

    return good_train, evaluate


@wrong("evaluate runs", "The accuracy is printed, but not returned.")
def accuracy_not_returned() -> Functions:
    def evaluate(model: nn.Module, batches: Batches) -> None:
        print(f"accuracy {good_evaluate(model, batches):.1%}")

    return good_train, evaluate


@wrong("evaluate runs", "argmax goes over the images, not over the classes: for outputs (N, classes) it is argmax(1).")
def argmax_over_images() -> Functions:
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        with torch.no_grad():
            for images, labels in batches:
                correct += (model(images).argmax(0) == labels).sum().item()
                count += len(labels)
        return correct / count

    return good_train, evaluate


@wrong(
    "evaluation mode", "model.eval() is missing, so BN uses each batch's own statistics, and changes its running ones."
)
def no_evaluation_mode() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return good_train, evaluate


@wrong(
    "evaluation mode",
    "model.training = False switches the model itself, but none of the layers in it; model.eval() does.",
)
def switches_the_model_alone() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.training = False
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return good_train, evaluate


@wrong(
    "no gradients",
    "model.eval() does not stop the recording. torch.no_grad() does, as `with torch.no_grad():`, not as a "
    "line of its own.",
)
def gradients_recorded() -> Functions:
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return good_train, evaluate


@wrong("accuracy", "The batches' accuracies are averaged as if all batches were of one size.")
def accuracies_averaged() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        shares = [(model(images).argmax(1) == labels).float().mean().item() for images, labels in batches]
        return sum(shares) / len(shares)

    return good_train, evaluate


@wrong("accuracy", "The accuracy is given in percent; a share between 0 and 1 is asked for.")
def percent() -> Functions:
    return good_train, lambda model, batches: 100 * good_evaluate(model, batches)


@wrong("accuracy", "What is returned is the share of wrong answers, the error.")
def error_rate() -> Functions:
    return good_train, lambda model, batches: 1 - good_evaluate(model, batches)


@wrong("accuracy", "The number of right answers is returned without dividing it.")
def count_returned() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> int:
        model.eval()
        return sum(int((model(images).argmax(1) == labels).sum()) for images, labels in batches)

    return good_train, evaluate


@wrong(
    "accuracy",
    "No answer counts: either max(1)[0] is compared, the largest output, where its place, argmax(1), is the class; or "
    "// rounds the share down to 0.",
)
def values_for_places() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).max(1)[0] == labels).sum().item()
            count += len(labels)
        return correct / count

    return good_train, evaluate


@wrong("accuracy", "The counters are set to zero inside the loop, so only the last batch counts.")
def last_batch_only() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 1
        for images, labels in batches:
            correct, count = 0, 0
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return good_train, evaluate


@wrong("accuracy", "return stands inside evaluate's loop, so only the first batch counts.")
def first_batch_only() -> Functions:
    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
            return correct / count
        return 0.0

    return good_train, evaluate


@wrong("in turns", "evaluate switches gradients off for good, and the next epoch has none to train with.")
def gradients_off_for_good() -> Functions:
    def evaluate(model: nn.Module, batches: Batches) -> float:
        torch.set_grad_enabled(False)
        return good_evaluate(model, batches)

    return good_train, evaluate


@wrong("in turns", "evaluate freezes the model's parameters instead of stopping the recording, and they stay frozen.")
def frozen_for_good() -> Functions:
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        model.requires_grad_(False)
        correct, count = 0, 0
        for images, labels in batches:
            correct += (model(images).argmax(1) == labels).sum().item()
            count += len(labels)
        return correct / count

    return good_train, evaluate


@right
def cleared_after_the_step() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        losses, sizes = [], []
        for batch in batches:
            loss = loss_fn(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
            sizes.append(len(batch[1]))
        weights = torch.tensor(sizes, dtype=torch.float32)
        return ((torch.stack(losses) * weights).sum() / weights.sum()).item()

    def evaluate(model: nn.Module, batches: Batches) -> Tensor:
        was_training = model.training
        with torch.inference_mode():
            right = torch.cat([model.eval()(images).max(1)[1] == labels for images, labels in batches])
        model.train(was_training)
        return right.double().mean()

    return train_one_epoch, evaluate


@right
def closure() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        mean, seen = 0.0, 0
        for images, labels in batches:

            def loss_of_batch(images: Tensor = images, labels: Tensor = labels) -> float:
                for parameter in model.parameters():
                    parameter.grad = None
                loss = loss_fn(model.train()(images), labels)
                loss.backward()
                return loss.item()

            seen += len(images)
            mean += (optimizer.step(loss_of_batch) - mean) * len(images) / seen
        return mean

    @torch.no_grad()
    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.train(False)
        wrong = total = 0
        for images, labels in batches:
            wrong += int(torch.count_nonzero(model(images).topk(1)[1].squeeze(1) - labels))
            total += labels.numel()
        return 1 - wrong / total

    return train_one_epoch, evaluate


@right
def graph_kept_in_the_sum() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model = model.train()
        total: Any = 0
        images_seen = 0
        for images, labels in list(batches):
            model.zero_grad()
            scores = model(images)
            loss = loss_fn(scores, labels)
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            total = total + loss * images.shape[0]
            images_seen += images.shape[0]
        return float(total / images_seen)

    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        hits = [hit for images, labels in batches for hit in model(images).softmax(-1).argmax(-1).eq(labels).tolist()]
        torch.set_grad_enabled(before)
        return sum(hits) / len(hits)

    return train_one_epoch, evaluate


@right
def one_class_for_both() -> Functions:
    class Mean:
        def __init__(self) -> None:
            self.total, self.count = 0.0, 0

        def add(self, value: Tensor, count: int) -> None:
            self.total += value.item() * count
            self.count += count

        def value(self) -> float:
            return self.total / self.count

    def run(model: nn.Module, batches: Batches, work: Callable[[Tensor, Tensor], Tensor]) -> float:
        mean = Mean()
        for images, labels in iter(batches):
            mean.add(work(model(images), labels), labels.shape[0])
        return mean.value()

    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        def work(outputs: Tensor, labels: Tensor) -> Tensor:
            optimizer.zero_grad(set_to_none=False)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()
            return loss

        for module in model.modules():
            module.train()
        return run(model, batches, work)

    def evaluate(model: nn.Module, batches: Batches) -> float:
        model.eval()
        with torch.no_grad():
            return run(model, batches, lambda outputs, labels: (outputs.argmax(1) == labels).float().mean())

    return train_one_epoch, evaluate
