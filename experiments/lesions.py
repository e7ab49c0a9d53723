"""Cut blocks out of a network that experiments/train.py has trained on CIFAR-10, swap some, and test what is left.

    python -m experiments.lesions checkpoints/residual-56-seed0.pt --data DIR

A CIFAR net of any depth, of either kind, can be tested. A block that is cut out leaves only its shortcut behind, as in
chapter 6; a plain net's block leaves the one that its residual twin has. Writes experiments/runs/lesions-<name>.json,
whose results are test errors in percent:

- ``whole``: of the net as it was trained.
- ``without``: without each of its blocks.
- ``without_several``: without 1, 2, 5 and 10 blocks at once, ten draws each. As in chapter 6, the first block of each
  stage is spared. A number that leaves no other block to draw is left out, so residual-20, which has six, loses five at
  most.
- ``swapped``: with two neighbours in each other's place, ``layer1.1<->layer1.2`` and so on. The first block of each
  stage stays where it is, as in chapter 6; in the second and the third it changes the shape.

The draws come from ``random.Random`` with the record's ``draw_seed``, and ``drawn`` names the blocks of each.
"""

import argparse
import copy
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import nn
from tqdm import tqdm

from experiments import train
from labutils import models, recorded
from labutils.data import DataError, ImageData
from labutils.devices import choose_device
from labutils.training import evaluate

NUMBERS = (1, 2, 5, 10)
DRAWS = 10
DRAW_SEED = 0


def block_names(net: models.CifarResNet) -> list[str]:
    """The names of all blocks from input to output, such as layer1.0."""
    return [f"{stage}.{i}" for stage in ("layer1", "layer2", "layer3") for i in range(len(getattr(net, stage)))]


def spare_blocks(net: models.CifarResNet) -> list[str]:
    """The names of all blocks but the first one of each stage."""
    return [name for name in block_names(net) if not name.endswith(".0")]


def without(net: models.CifarResNet, deleted: Iterable[str]) -> models.CifarResNet:
    """A copy in which these blocks are only their shortcuts."""
    net = copy.deepcopy(net)
    for name in deleted:
        block: Any = net.get_submodule(name)
        conv, shortcut = block.conv1, block.downsample
        if shortcut is None:
            shortcut = models.make_shortcut("A", conv.in_channels, conv.out_channels, conv.stride[0])
        _put(shortcut, net, name)
    return net


def neighbours(net: models.CifarResNet) -> list[tuple[str, str]]:
    """All pairs of blocks that follow each other in a stage, but those with its first block."""
    spare = spare_blocks(net)
    return [(one, two) for one, two in pairwise(spare) if one.split(".")[0] == two.split(".")[0]]


def swapped(net: models.CifarResNet, one: str, two: str) -> models.CifarResNet:
    """A copy in which these two blocks have changed places."""
    net = copy.deepcopy(net)
    first, second = net.get_submodule(one), net.get_submodule(two)
    _put(second, net, one)
    _put(first, net, two)
    return net


def _put(module: nn.Module, net: models.CifarResNet, name: str) -> None:
    stage, position = name.split(".")
    getattr(net, stage)[int(position)] = module


def draw(blocks: Sequence[str], seed: int) -> dict[str, list[list[str]]]:
    """For each of NUMBERS, as far as there are as many ``blocks``: DRAWS sets of them."""
    dice = random.Random(seed)
    return {
        str(number): [dice.sample(blocks, number) for _ in range(DRAWS)] for number in NUMBERS if number <= len(blocks)
    }


def lesion_errors(
    net: models.CifarResNet, drawn: dict[str, list[list[str]]], error: Callable[[models.CifarResNet], float]
) -> dict[str, Any]:
    """What a record holds: ``error`` of the net, and of the net after each cut and each swap. Shows its progress."""
    pairs = neighbours(net)
    singles = [[name] for name in block_names(net)]
    cuts = {frozenset(cut): cut for cut in [[], *singles, *(cut for cuts in drawn.values() for cut in cuts)]}
    with tqdm(total=len(cuts) + len(pairs), desc="lesions") as bar:

        def test(lesioned: models.CifarResNet) -> float:
            result = error(lesioned)
            bar.update()
            return result

        errors = {cut: test(without(net, cut)) for cut in cuts}
        return {
            "whole": errors[frozenset()],
            "without": {name: errors[frozenset([name])] for name in block_names(net)},
            "without_several": {
                number: [errors[frozenset(cut)] for cut in several] for number, several in drawn.items()
            },
            "swapped": {f"{one}<->{two}": test(swapped(net, one, two)) for one, two in pairs},
        }


def load_trained(checkpoint: Path, folder: Path) -> tuple[models.CifarResNet, ImageData, dict[str, Any]]:
    """The trained net, the images it was trained on, and the run's settings. Raises Refusal where they don't fit."""
    if not checkpoint.exists():
        raise train.Refusal(f"{checkpoint} is not there: train the network with experiments/train.py first.")
    state = train.load_checkpoint(checkpoint)
    settings = state["settings"]
    epochs = len(state["trainer"]["history"]["lr"])
    if "depth" not in settings or epochs < settings["epochs"]:
        raise train.Refusal(f"{checkpoint} is no CIFAR net that was trained to the end ({epochs} epochs).")
    images, _ = train.read_images(folder)
    if images.checksum() != settings["data_sha256"]:
        raise train.Refusal(f"{checkpoint} was trained on other images ({settings['data']}) than those in {folder}.")
    net = models.cifar_resnet(settings["depth"], settings["shortcut"], num_classes=len(images.classes))
    net.load_state_dict(state["trainer"]["model"])
    return net, images, settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Test the whole net and the net after every lesion, and record the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--records", type=Path, default=train.ROOT / "experiments" / "runs", metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        device = choose_device(options.device)
        net, images, settings = load_trained(options.checkpoint, options.data)
    except (DataError, train.Refusal, ValueError) as error:
        sys.exit(f"lesions.py: {error}")
    drawn = draw(spare_blocks(net), DRAW_SEED)
    results = lesion_errors(net.to(device), drawn, lambda lesioned: evaluate(lesioned, images)[1])
    name, more = f"lesions-{options.checkpoint.stem}", {"draw_seed": DRAW_SEED, "drawn": drawn}
    print(recorded.save(name, "experiments/lesions.py", settings, results, folder=options.records, **more))


if __name__ == "__main__":
    main()
