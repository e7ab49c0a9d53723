"""Programs for ``training-loop``. Those with a wrong ``evaluate`` are :mod:`banks.accuracies`, beside a right loop."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from banks import Maker, accuracies, marked, originals, right, wrong

Batches = Iterable[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]
Functions = tuple[Callable[..., Any], Callable[..., Any]]


# The original stands beside what is wrong or written differently.
good_train, good_evaluate = originals.objects("training-loop", originals.source("training-loop"))


def altered(changes: dict[str, str]) -> Functions:
    """What :func:`banks.originals.altered` gives for this exercise."""
    train_one_epoch, evaluate = originals.altered("training-loop", changes)
    return train_one_epoch, evaluate


def step(model: nn.Module, images: Tensor, labels: Tensor, optimizer: Optimizer, loss_fn: Loss) -> Tensor:
    """A right step, for loops that are written differently."""
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
    return altered({"loss_fn(model(images), labels)": "loss_fn(labels, model(images))"})


@wrong(
    "train_one_epoch runs",
    "len(batches) is asked for, which a list has, but not an iterator; and each batch counts the same, whatever its "
    "size.",
)
def length_of_batches() -> Functions:
    return altered({"loss.item() * len(images)": "loss.item()", "loss_sum / count": "loss_sum / len(batches)"})


@wrong("train_one_epoch runs", "The number of images is read from batches.dataset, which only a DataLoader has.")
def length_of_dataset() -> Functions:
    return altered({"loss_sum / count": "loss_sum / len(batches.dataset)"})


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
    "backward() goes through a graph a second time, as it does when called on the sum of all losses so far; each "
    "batch's loss goes backward by itself.",
)
def backward_on_running_sum() -> Functions:
    return altered(
        {
            "loss.backward()": "loss_sum = loss_sum + loss * len(images)\nloss_sum.backward()",
            "loss_sum += loss.item() * len(images)": "",
            "loss_sum / count": "loss_sum.item() / count",
        }
    )


@wrong(
    "training mode",
    "The passes that are trained on are in evaluation mode, as after an evaluation, so BN learns nothing: "
    "model.train() often is missing, or comes too late.",
)
def no_training_mode() -> Functions:
    return altered({"model.train()": ""})


@wrong(
    "training mode",
    "The first batch goes through in the old mode: model.train() comes too late, often at the end of the loop.",
)
def training_mode_too_late() -> Functions:
    return altered({"model.train()": "", "optimizer.step()": "optimizer.step()\nmodel.train()"})


@wrong(
    "train_one_epoch runs",
    "An iterator is used up before the model is called, as it is by counting its images first.",
)
def nothing_left_to_train_on() -> Functions:
    return altered(
        {
            "model.train()": "model.train()\nsize = sum(len(labels) for _, labels in batches)",
            "loss_sum / count": "loss_sum / size",
        }
    )


@wrong(
    "weights",
    "Gradients are never cleared, so each step also follows those of all batches before and those from before the "
    "call.",
)
def gradients_kept() -> Functions:
    return altered({"optimizer.zero_grad()": ""})


@wrong(
    "weights",
    "Gradients are cleared once, before the first step, so each step also follows those of the batches before it.",
)
def gradients_cleared_once() -> Functions:
    return altered({"model.train()": "model.train()\noptimizer.zero_grad()", "optimizer.zero_grad()": ""})


@wrong(
    "training mode",
    "Whether the model's parts are in training mode is taken from the model's own flag; model.train() sets them all.",
)
def parts_left_in_evaluation() -> Functions:
    return altered({"model.train()": "model.training or model.train()"})


@wrong(
    "weights",
    "The gradients are gone when the step comes, so no weight moves: often zero_grad() stands between backward() "
    "and step().",
)
def gradients_cleared_before_step() -> Functions:
    return altered({"optimizer.zero_grad()": "loss.backward()", "loss.backward()": "optimizer.zero_grad()"})


@wrong(
    "weights",
    "There is one step an epoch, with the last batch's gradients: often optimizer.step() stands behind the loop.",
)
def one_step_an_epoch() -> Functions:
    return altered({"optimizer.step()": "", "return loss_sum / count": "optimizer.step()\nreturn loss_sum / count"})


@wrong(
    "weights",
    "The loss is the plain cross-entropy, whatever loss_fn is given; loss_fn is the one to use.",
)
def loss_function_ignored() -> Functions:
    return altered({"loss_fn(model(images), labels)": "nn.functional.cross_entropy(model(images), labels)"})


@wrong(
    "weights",
    "The given optimizer takes no step: the weights move by its rate times the gradient, without its momentum, "
    "its decay and the steps before the call.",
)
def own_optimizer() -> Functions:
    return altered(
        {
            "model.train()": "model.train()\n"
            'optimizer = torch.optim.SGD(model.parameters(), lr=optimizer.param_groups[0]["lr"])'
        }
    )


@wrong("weights", "The outputs go through a softmax first, but a loss such as the cross-entropy wants them raw.")
def softmax_before_loss() -> Functions:
    return altered({"loss_fn(model(images), labels)": "loss_fn(model(images).softmax(1), labels)"})


@wrong(
    "weights",
    "The epoch ends after its first batch; often `return` stands inside the loop.",
)
def returns_after_first_batch() -> Functions:
    return altered({"return loss_sum / count": "    return loss_sum / count"})


@wrong("weights", "The batch's loss is multiplied by its size before backward, so the steps are too long.")
def summed_loss_trained() -> Functions:
    return altered(
        {
            "loss_fn(model(images), labels)": "loss_fn(model(images), labels) * len(images)",
            "loss.item() * len(images)": "loss.item()",
        }
    )


@wrong(
    "a float",
    "Nothing is returned; what is printed can't be used any further.",
)
def loss_not_returned() -> Functions:
    return altered({"return loss_sum / count": "print(loss_sum / count)"})


@wrong("a float", "What is returned is still a tensor; loss.item() makes a float of it.")
def tensor_returned() -> Functions:
    return altered({"loss.item()": "loss.detach()"})


@wrong(
    "mean loss",
    "It is the mean of the batches' losses, in which the images of a small batch count for more.",
)
def averaged_over_batches() -> Functions:
    return altered(
        {
            "loss_sum, count = 0.0, 0": "losses = []\ncount = 0",
            "loss_sum += loss.item() * len(images)": "losses.append(loss.item())",
            "loss_sum / count": "sum(losses) / len(losses)",
        }
    )


@wrong("mean loss", "The losses are averages over a batch already, and are divided by the number of images once more.")
def divided_twice() -> Functions:
    return altered({"loss.item() * len(images)": "loss.item()"})


@wrong("mean loss", "The sum over all images is returned, not the mean.")
def sum_returned() -> Functions:
    return altered({"loss_sum / count": "loss_sum"})


@wrong(
    "mean loss",
    "Only the last batch's loss is returned.",
)
def last_loss_returned() -> Functions:
    return altered({"loss_sum / count": "loss.item()"})


@wrong(
    "mean loss",
    "Each loss is computed after its step; the one that the step came from is asked for.",
)
def loss_after_step() -> Functions:
    return altered({"loss.item()": "loss_fn(model(images), labels).item()"})


@wrong("mean loss", "All batches are taken to be as large as the first one.")
def first_size_for_all() -> Functions:
    return altered(
        {
            "loss_sum, count = 0.0, 0": "loss_sum, count, size = 0.0, 0, 0",
            "loss_sum += loss.item() * len(images)": "size = size or len(images)\nloss_sum += loss.item() * size",
        }
    )


@wrong(
    "weights",
    "Gradients from before the call enter the first step: they are cleared after a step, but not before the first.",
)
def cleared_after_the_step_only() -> Functions:
    return altered({"optimizer.zero_grad()": "", "optimizer.step()": "optimizer.step()\noptimizer.zero_grad()"})


@wrong(
    "weights",
    "The gradients are zero when the step comes, so only the past steps and the decay move the weights: often "
    "zero_grad() stands between backward() and step().",
)
def gradients_zeroed_before_step() -> Functions:
    return altered(
        {"optimizer.zero_grad()": "loss.backward()", "loss.backward()": "optimizer.zero_grad(set_to_none=False)"}
    )


@wrong("weights", "The given optimizer takes no step, and nothing else moves the weights: step() is missing.")
def no_step() -> Functions:
    return altered({"optimizer.step()": ""})


@wrong("weights", "No gradient is computed before the steps, so the weights never move: backward() is missing.")
def no_backward() -> Functions:
    return altered({"loss.backward()": ""})


@wrong("weights", "No gradient is computed and no step taken, so the weights never move.")
def neither_backward_nor_step() -> Functions:
    return altered({"optimizer.zero_grad()": "", "loss.backward()": "", "optimizer.step()": ""})


@wrong("weights", "A copy of the model is called, and the given optimizer can't move the copy's weights.")
def copy_called() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        return good_train(copy.deepcopy(model), batches, optimizer, loss_fn)

    return train_one_epoch, good_evaluate


@wrong("weights", "A copy of the model is trained, with an optimizer of its own; the given model stays as it was.")
def copy_trained() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        mine = copy.deepcopy(model)
        return good_train(mine, batches, torch.optim.SGD(mine.parameters(), **optimizer.defaults), loss_fn)

    return train_one_epoch, good_evaluate


@wrong(
    "weights",
    "The given optimizer takes no step: another one is made with the same settings, which knows nothing of the steps "
    "before the call.",
)
def same_optimizer_made_anew() -> Functions:
    return altered(
        {"model.train()": "model.train()\noptimizer = type(optimizer)(model.parameters(), **optimizer.defaults)"}
    )


@wrong("weights", "Long gradients are cut down to a norm of 1 before the step; they are to be used as they are.")
def gradients_clipped() -> Functions:
    return altered({"loss.backward()": "loss.backward()\nnn.utils.clip_grad_norm_(model.parameters(), 1.0)"})


@wrong("weights", "Two steps are taken for each batch, along one gradient.")
def stepped_twice() -> Functions:
    return altered({"optimizer.step()": "optimizer.step()\noptimizer.step()"})


@wrong("weights", "A step is taken after every second batch only, with the gradients of two.")
def two_batches_a_step() -> Functions:
    return altered(
        {
            "loss_sum, count = 0.0, 0": "loss_sum, count, place = 0.0, 0, 0",
            "optimizer.zero_grad()": "if place % 2 == 0:\n    optimizer.zero_grad()",
            "optimizer.step()": "if place % 2 == 1:\n    optimizer.step()\nplace += 1",
        }
    )


@wrong("weights", "There is one step an epoch, with the gradients of all batches added up.")
def one_step_with_all_gradients() -> Functions:
    return altered(
        {
            "model.train()": "model.train()\noptimizer.zero_grad()",
            "optimizer.zero_grad()": "",
            "optimizer.step()": "",
            "return loss_sum / count": "optimizer.step()\nreturn loss_sum / count",
        }
    )


@wrong("weights", "All batches are gone through twice, which is two epochs.")
def two_epochs() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        return good_train(model, list(batches) * 2, optimizer, loss_fn)

    return train_one_epoch, good_evaluate


@wrong("weights", "A batch of one image is left out; it is a batch like all others.")
def single_images_left_out() -> Functions:
    return altered({"loss = loss_fn(": "if len(images) == 1:\n    continue\nloss = loss_fn("})


@wrong("weights", "Random numbers are drawn, although nothing that is asked for depends on chance.")
def batches_skipped_by_chance() -> Functions:
    return altered({"loss = loss_fn(": "if torch.rand(()) <= 1e-9:\n    continue\nloss = loss_fn("})


@wrong(
    "train_one_epoch runs",
    "The images are turned into float32, as by float(), although the model may be of another type.",
)
def images_turned_into_float32() -> Functions:
    return altered({"loss_fn(model(images), labels)": "loss_fn(model(images.float()), labels)"})


@wrong(
    "train_one_epoch runs",
    "The loss records no gradients, as under torch.no_grad() or after detach() or item(), so backward() has nothing to "
    "go back through.",
)
def trained_without_gradients() -> Functions:
    return altered({"def train_one_epoch(": "@torch.no_grad()\ndef train_one_epoch("})


@wrong("training mode", "Only the first batch is in training mode; often model.eval() stands inside the loop.")
def evaluated_in_between() -> Functions:
    return altered({"optimizer.step()": "optimizer.step()\nmodel.eval()"})


@wrong("training mode", "Only the outermost module's flag is set; model.train() reaches all layers.")
def flag_set_by_hand() -> Functions:
    return altered({"model.train()": "model.training = True"})


@wrong("training mode", "BN is kept in evaluation mode while the rest is trained, so its running statistics stay.")
def bn_frozen() -> Functions:
    return altered(
        {
            "model.train()": "model.train()\n"
            "for module in model.modules():\n    if isinstance(module, nn.BatchNorm2d):\n        module.eval()"
        }
    )


@wrong("weights", "The weights are nearly right: something small moves them beside the steps, or rounds them.")
def shrunk_after_the_epoch() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        loss = good_train(model, batches, optimizer, loss_fn)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1 - 1e-5)
        return loss

    return train_one_epoch, good_evaluate


@wrong("in turns", "train_one_epoch leaves the parameters frozen.")
def frozen_after_training() -> Functions:
    return altered(
        {
            "model.train()": "model.train().requires_grad_(True)",
            "return loss_sum / count": "model.requires_grad_(False)\nreturn loss_sum / count",
        }
    )


@wrong("a float", "What is returned is a NumPy number of 32 bits, which is no Python float; float() makes one of it.")
def numpy_loss_returned() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> np.float32:
        return np.float32(good_train(model, batches, optimizer, loss_fn))

    return train_one_epoch, good_evaluate


@wrong("mean loss", "The value is nearly right, so it has probably been rounded; it is asked for with all its digits.")
def loss_rounded() -> Functions:
    return altered({"loss_sum / count": "round(loss_sum / count, 2)"})


@wrong(
    "running statistics",
    "Each batch goes through the model a second time in training mode, which moves BN's running statistics again.",
)
def passed_twice() -> Functions:
    return altered({"loss = loss_fn(": "with torch.no_grad():\n    model(images)\nloss = loss_fn("})


@wrong("running statistics", "BN's running statistics are set back to their first values before the batches come.")
def statistics_reset() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
        return good_train(model, batches, optimizer, loss_fn)

    return train_one_epoch, good_evaluate


@wrong("in turns", "train_one_epoch leaves the recording of gradients switched off.")
def gradients_off_after_training() -> Functions:
    return altered(
        {
            "model.train()": "torch.set_grad_enabled(True)\nmodel.train()",
            "return loss_sum / count": "torch.set_grad_enabled(False)\nreturn loss_sum / count",
        }
    )


@wrong(
    "evaluate runs",
    "In evaluate, len(batches) is asked for, which an iterator does not have; and it is the mean of the batches' "
    "accuracies.",
)
def evaluate_asks_length() -> Functions:
    return altered({"labels).sum()": "labels).float().mean()", "correct / count": "correct / len(batches)"})


@right
def cleared_after_the_step() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        optimizer.zero_grad()
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

    def evaluate(model: nn.Module, batches: Batches) -> float:
        was_training = model.training
        with torch.inference_mode():
            right = torch.cat([model.eval()(images).max(1)[1] == labels for images, labels in batches])
        model.train(was_training)
        return right.double().mean().item()

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


@right
def watched_in_evaluation_mode() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        seen: list[tuple[float, int]] = []
        for images, labels in batches:
            before = good_evaluate(model, [(images, labels)])
            model.train()
            loss = step(model, images, labels, optimizer, loss_fn).item()
            with torch.inference_mode():
                after = loss_fn(model.eval()(images), labels)
            print(f"{before:.1%} before the step, loss {loss:.3f} before and {after:.3f} after")
            seen.append((loss, len(labels)))
        return sum(loss * size for loss, size in seen) / sum(size for _, size in seen)

    return train_one_epoch, good_evaluate


@right
def compiled() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        compiled: Any = torch.compile(model, backend="eager")
        return good_train(compiled, batches, optimizer, loss_fn)

    return train_one_epoch, good_evaluate


@right
def parameters_handed_in() -> Functions:
    def train_one_epoch(model: nn.Module, batches: Batches, optimizer: Optimizer, loss_fn: Loss) -> float:
        model.train()
        weights: dict[str, Tensor] = dict(model.named_parameters())
        losses = np.empty(0)
        for images, labels in batches:
            outputs = torch.func.functional_call(model, weights, (images,))
            loss = loss_fn(outputs, labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss, inputs=list(weights.values()))
            optimizer.step()
            losses = np.append(losses, [loss.item()] * len(images))
        return losses.mean()

    return train_one_epoch, good_evaluate


FIRST = {"accuracy runs": "evaluate runs", "a float": "accuracy is a float", "model kept": "in turns"}
ITERATORS_FAIL = ("last_size_for_all", "counted_before", "by_index")  # and do so in a check that comes first here


def beside_a_right_loop(make: Maker) -> Maker:
    """A program of :mod:`banks.accuracies` for this exercise."""
    verdict, *details = make.expected  # pyright: ignore[reportFunctionMemberAccess]
    if verdict == "wrong":
        first, says = details
        details = ["evaluate runs" if make.__name__ in ITERATORS_FAIL else FIRST.get(first, first), says]

    def made() -> Functions:
        return good_train, make()

    made.__name__ = f"evaluate_{make.__name__}"
    made.expected = (verdict, *details)  # pyright: ignore[reportFunctionMemberAccess]
    return made


SHARED = tuple(beside_a_right_loop(make) for make in marked(accuracies))
