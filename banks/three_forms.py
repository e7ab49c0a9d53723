"""Programs for ``three-forms``."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from banks import originals, right, wrong

Split = Callable[..., Any]


def altered(changes: dict[str, str]) -> Split:
    """What :func:`banks.originals.altered` gives for this exercise."""
    (split_paths,) = originals.altered("three-forms", changes)
    return split_paths


@wrong("runs", "The function is not written yet.")
def unwritten() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        raise NotImplementedError

    return split_paths


@wrong("runs", "w3 is unpacked by its outputs; a path takes all of them, and its own part of the inputs.")
def w3_reshaped_by_outputs() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        width = w2.shape[1]
        thirds = w3.view(cardinality, width, width * cardinality, 1, 1)
        return [
            (w1[g * width : (g + 1) * width], w2[g * width : (g + 1) * width], thirds[g]) for g in range(cardinality)
        ]

    return split_paths


@wrong("list of triples", "Nothing is returned.")
def nothing_returned() -> Split:
    return altered({"return paths": ""})


@wrong("list of triples", "zip gives an iterator, which can be read only once; list(zip(…)) makes a list of it.")
def bare_zip() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> Any:
        return zip(w1.chunk(cardinality), w2.chunk(cardinality), w3.chunk(cardinality, 1), strict=True)

    return split_paths


@wrong("list of triples", "Here are three lists with a weight of each path; asked for is one triple for each path.")
def three_lists() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        return [w1.chunk(cardinality), w2.chunk(cardinality), w3.chunk(cardinality, 1)]

    return split_paths


@wrong(
    "list of triples",
    "Each piece has C channels instead of d: split takes the size of a piece, chunk the number of pieces.",
)
def cardinality_taken_for_width() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        return list(zip(w1.split(cardinality), w2.split(cardinality), w3.split(cardinality, 1), strict=True))

    return split_paths


@wrong("list of triples", "There are d paths instead of C, as from a loop over the d channels of a group.")
def loop_over_width() -> Split:
    return altered({"range(cardinality)": "range(width)"})


@wrong("list of triples", "There are 32 paths, as in the paper, whatever the cardinality is.")
def always_32() -> Split:
    return altered({"range(cardinality)": "range(32)"})


@wrong("list of triples", "The first path is missing, as it is when the count starts at 1.")
def first_path_missing() -> Split:
    return altered({"range(cardinality)": "range(1, cardinality)"})


@wrong("list of triples", "All weights stand in one flat list; each path's three belong into a triple.")
def flat_list() -> Split:
    return altered({"append": "extend"})


@wrong("list of triples", "The triples hold layers; the weights alone are asked for.")
def layers_for_weights() -> Split:
    def layer(weight: Tensor) -> nn.Conv2d:
        out, inputs, side, _ = weight.shape
        conv = nn.Conv2d(inputs, out, side, padding=side // 2, bias=False)
        conv.weight.data = weight
        return conv

    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        parts = zip(w1.chunk(cardinality), w2.chunk(cardinality), w3.chunk(cardinality, 1), strict=True)
        return [tuple(layer(weight) for weight in path) for path in parts]

    return split_paths


@wrong("shape", "w3 is cut along its outputs, axis 0; a path's channels are its inputs, axis 1.")
def w3_along_outputs() -> Split:
    return altered({"w3[:, own]": "w3[group::cardinality]"})


@wrong("shape", "w1 stays whole, so each path squeezes the input into all the groups' channels.")
def w1_whole() -> Split:
    return altered({"w1[own]": "w1"})


@wrong("shape", "w2 is cut along its inputs, which are a single group's already; its outputs are those of all groups.")
def w2_along_inputs() -> Split:
    return altered({"w2[own]": "w2[:, own]"})


@wrong("shape", "The paths keep their full width, with zeros for the other groups; narrow ones are asked for.")
def masked_instead_of_cut() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        d = w2.shape[1]
        dense = w2.new_zeros(len(w2), len(w2), 3, 3)
        paths = []
        for g in range(cardinality):
            own = slice(g * d, g * d + d)
            middle = dense.clone()
            middle[own, own] = w2[own]
            paths.append((w1, middle, w3))
        return paths

    return split_paths


@wrong("shape", "Each weight is one channel short: a slice such as g * d : (g + 1) * d leaves out its end already.")
def slices_too_short() -> Split:
    return altered({"(group + 1) * width": "(group + 1) * width - 1"})


@wrong("shape", "The 1x1 weights lost their last two axes, so they are matrices and no convolutions.")
def squeezed() -> Split:
    return altered({"w1[own]": "w1[own].flatten(1)", "w3[:, own]": "w3[:, own].flatten(1)"})


@wrong("shape", "The triples are in the wrong order: the first 1x1, the 3x3, the last 1x1 is asked for.")
def triple_reversed() -> Split:
    return altered({"(w1[own], w2[own], w3[:, own])": "(w3[:, own], w2[own], w1[own])"})


@wrong(
    "shape",
    "The width d is taken to be the block's input channels over C; it is the inner channels over C, as w2 has them.",
)
def width_from_input_channels() -> Split:
    return altered({"len(w1)": "w1.shape[1]"})


@wrong("shape", "A group of one channel loses an axis of its w2, as squeeze() takes away axes of size 1.")
def squeeze_with_one_channel() -> Split:
    return altered({"w2[own]": "w2[own].squeeze(1)"})


@wrong("sum of paths", "Every C-th channel is taken (g::C); a group's channels lie side by side.")
def interleaved() -> Split:
    return altered({"slice(group * width, (group + 1) * width)": "slice(group, None, cardinality)"})


@wrong("sum of paths", "Only w3 is cut in steps (g::C); its inputs lie side by side, as the outputs of w2 do.")
def w3_interleaved() -> Split:
    return altered({"w3[:, own]": "w3[:, group::cardinality]"})


@wrong("sum of paths", "Each path begins one channel, not one group, after the last: d is missing in g * d.")
def moved_by_one_channel() -> Split:
    return altered({"slice(group * width, (group + 1) * width)": "slice(group, group + width)"})


@wrong("sum of paths", "All triples are the first group's.")
def first_group_everywhere() -> Split:
    return altered({"slice(group * width, (group + 1) * width)": "slice(width)"})


@wrong(
    "sum of paths",
    "The sum of the paths is too small by a factor of C, as if they were averaged; it is a sum that is asked for.",
)
def averaged() -> Split:
    return altered({"w3[:, own]": "w3[:, own] / cardinality"})


@wrong("sum of paths", "The 3x3 weights were transposed: a weight is (out, in, height, width) already.")
def transposed() -> Split:
    return altered({"w2[own]": "w2[own].transpose(0, 1)"})


@wrong("sum of paths", "w3's parts go with the wrong paths: they come in the opposite order.")
def w3_backwards() -> Split:
    return altered({"w3[:, own]": "w3.chunk(cardinality, 1)[-1 - group]"})


@wrong("group order", "The paths come in the opposite order of the groups.")
def backwards() -> Split:
    return altered({"range(cardinality)": "reversed(range(cardinality))"})


@wrong("group order", "The groups are counted from 1 on and the last one wraps around, so each path is one too far.")
def one_too_far() -> Split:
    return altered({"group in range(cardinality)": "group in (*range(1, cardinality), 0)"})


W2_ALONG_INPUTS = "w2 is cut along its inputs, axis 1, which has only d entries; cut it along its outputs, axis 0."
W1_ALONG_INPUTS = "w1 is cut along its inputs; every path sees the whole input."


@wrong("list of triples", W2_ALONG_INPUTS)
def w2_chunked_along_inputs() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        parts = w1.chunk(cardinality), w2.chunk(cardinality, 1), w3.chunk(cardinality, 1)
        return list(zip(*parts, strict=False))

    return split_paths


@wrong("runs", W2_ALONG_INPUTS)
def w2_chunked_along_inputs_and_indexed() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        parts = w1.chunk(cardinality), w2.chunk(cardinality, 1), w3.chunk(cardinality, 1)
        return [tuple(part[i] for part in parts) for i in range(cardinality)]

    return split_paths


@wrong("list of triples", W1_ALONG_INPUTS)
def w1_chunked_along_inputs() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        parts = w1.chunk(cardinality, 1), w2.chunk(cardinality), w3.chunk(cardinality, 1)
        return list(zip(*parts, strict=False))

    return split_paths


@wrong("runs", W1_ALONG_INPUTS)
def w1_chunked_along_inputs_and_indexed() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        parts = w1.chunk(cardinality, 1), w2.chunk(cardinality), w3.chunk(cardinality, 1)
        return [tuple(part[i] for part in parts) for i in range(cardinality)]

    return split_paths


def cut(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The right paths, for programs that are wrong elsewhere."""
    return list(zip(w1.chunk(cardinality), w2.chunk(cardinality), w3.chunk(cardinality, 1), strict=True))


@wrong("list of triples", "With a single group, its triple is returned as it is, not in a list of one.")
def one_group_bare() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> Any:
        return cut(w1, w2, w3, cardinality) if cardinality > 1 else (w1, w2, w3)

    return split_paths


@wrong("runs", "The weights are turned into NumPy arrays, which nn.Parameters refuse.")
def by_numpy() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        weights = zip((w1, w2, w3), (0, 0, 1), strict=True)
        parts = [np.split(weight.numpy(), cardinality, axis) for weight, axis in weights]
        return [tuple(map(torch.from_numpy, path)) for path in zip(*parts, strict=True)]

    return split_paths


@wrong("type", "The weights are turned into float32, whatever they were.")
def turned_into_float32() -> Split:
    return altered({"(w1[own], w2[own], w3[:, own])": "(w1[own].float(), w2[own].float(), w3[:, own].float())"})


@wrong("type", "The weights are turned into float64, whatever they were.")
def turned_into_float64() -> Split:
    return altered({"(w1[own], w2[own], w3[:, own])": "(w1[own].double(), w2[own].double(), w3[:, own].double())"})


@wrong("type", "Only w2 comes out in another type, float32, as that of torch.empty and torch.zeros is.")
def copied_into_float32() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        middle = torch.empty(w2.shape).copy_(w2)
        return cut(w1, middle, w3, cardinality)

    return split_paths


@wrong("sum of paths", "The weights are rounded to float32 on their way, although they come out as float64.")
def rounded_on_the_way() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        a, b, c = (weight.float().to(weight.dtype) for weight in (w1, w2, w3))
        return cut(a, b, c, cardinality)

    return split_paths


@wrong("weights kept", "The weights given are written into; clone() makes tensors that one may change.")
def written_into() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        paths = cut(w1.clone(), w2.clone(), w3.clone(), cardinality)
        for weight in (w1, w2, w3):
            weight.data.zero_()
        return paths

    return split_paths


@wrong("weights kept", "One of the weights given is written into, w3; clone() makes a tensor that one may change.")
def w3_scaled_in_place() -> Split:
    @torch.no_grad()
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        return cut(w1 / 2, w2, w3.mul_(2), cardinality)

    return split_paths


@wrong(
    "weights kept", "The weights given no longer want a gradient; detach() gives tensors that don't and leaves these."
)
def frozen() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        return cut(w1.requires_grad_(False), w2.requires_grad_(False), w3.requires_grad_(False), cardinality)

    return split_paths


@wrong("weights kept", "The weights given have another shape afterwards; a name that ends in _ changes its tensor.")
def reshaped_in_place() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        paths = cut(w1, w2, w3, cardinality)
        w1.data = w1.data.flatten(1)
        w3.data = w3.data.flatten(1)
        return paths

    return split_paths


@wrong(
    "weights kept", "The weights given are turned into another type themselves; double() gives others and leaves these."
)
def turned_in_place() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        paths = cut(w1, w2, w3, cardinality)
        for weight in (w1, w2, w3):
            weight.data = weight.data.half()
        return paths

    return split_paths


@right
def sliced() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        d = len(w1) // cardinality
        paths = []
        for start in range(0, len(w1), d):
            end = start + d
            paths.append([w1[start:end].clone(), w2[start:end].clone(), w3[:, start:end].clone()])
        return paths

    return split_paths


@right
def reshaped() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        firsts = w1.unflatten(0, (cardinality, -1)).unbind()
        seconds = w2.unflatten(0, (cardinality, -1)).unbind()
        thirds = w3.unflatten(1, (cardinality, -1)).movedim(1, 0)
        return [(a, b, c) for a, b, c in zip(firsts, seconds, thirds, strict=True)]

    return split_paths


@right
def recursive() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        if cardinality == 0:
            return []
        d = w2.size(1)
        first = (w1.narrow(0, 0, d), w2.narrow(0, 0, d), w3.narrow(1, 0, d))
        return [first, *split_paths(w1[d:], w2[d:], w3[:, d:], cardinality - 1)]

    return split_paths


@right
def channels_in_another_order() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        paths = []
        for number in range(cardinality):
            own = torch.arange(len(w1)).view(cardinality, -1)[number].flip(0)
            inside = own - own.min()
            paths.append((w1[own], w2[own][:, inside], torch.index_select(w3, 1, own)))
        return paths

    return split_paths


@right
def rescaled_parameters() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> Any:
        weights = [nn.Parameter(w1 * 2), nn.Parameter(w2), nn.Parameter(w3 / 2)]
        cuts = [weight.tensor_split(cardinality, axis) for weight, axis in zip(weights, (0, 0, 1), strict=True)]
        return tuple(zip(*cuts, strict=True))

    return split_paths


@right
def views_that_record() -> Split:
    def split_paths(w1: Tensor, w2: Tensor, w3: Tensor, cardinality: int) -> list[Any]:
        d = w2.shape[1]
        groups = [slice(d * g, d * (g + 1)) for g in range(cardinality)]
        return [(w1[group].detach(), w2[group], nn.Parameter(w3[:, group])) for group in groups]

    return split_paths
