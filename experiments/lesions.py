"""Cut each block out of a network that experiments/train.py has trained on CIFAR-10, and test what is left.

    python -m experiments.lesions checkpoints/residual-56-seed0.pt --data DIR

A block that is cut out leaves only its shortcut behind, as in chapter 6; a plain net's block leaves the one that its
residual twin has. Writes experiments/runs/lesions-<name>.json.
"""

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn
from tqdm import tqdm

from experiments import train
from labutils import models, recorded
from labutils.data import DataError, ImageData
from labutils.devices import choose_device
from labutils.training import evaluate


def lesioned(net: models.CifarResNet) -> Iterator[tuple[str, nn.Module]]:
    """For each block its name, and a copy of the net without it."""
    for stage_name in ("layer1", "layer2", "layer3"):
        for position, block in enumerate(getattr(net, stage_name)):
            cut = copy.deepcopy(net)
            conv, shortcut = block.conv1, block.downsample
            if shortcut is None:
                shortcut = models.make_shortcut("A", conv.in_channels, conv.out_channels, conv.stride[0])
            getattr(cut, stage_name)[position] = shortcut
            yield f"{stage_name}.{position}", cut


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
    """Test the whole net and the net without each block, and record the errors."""
    parser = argparse.ArgumentParser(description="Test a trained net without each of its blocks.")
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
    results: dict[str, Any] = {"whole": evaluate(net.to(device), images)[1], "without": {}}
    for name, cut in tqdm(lesioned(net), total=(settings["depth"] - 2) // 2, desc="blocks"):
        results["without"][name] = evaluate(cut, images)[1]
    name = f"lesions-{options.checkpoint.stem}"
    print(recorded.save(name, "experiments/lesions.py", settings, results, folder=options.records))


if __name__ == "__main__":
    main()
