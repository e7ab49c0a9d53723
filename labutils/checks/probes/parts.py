"""Probes of modules: which parts make what, and what hangs on them."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from .fill import essential, noise
from .prepared import in_float64, output_of, prepared
from .registry import Args, Facts, Objects, Shape, probe


@probe
def touched(objects: Objects, args: Args, input_shape: Shape, salt: int, parts: int = 64) -> Facts:
    """How many parts of the parameters change no output in evaluation mode, of about so many parts in all.

    A change in one direction may be hidden by a ReLU, so each part is changed in both.
    """
    x = noise(input_shape, salt).double()
    idle = 0
    with torch.no_grad(), in_float64(prepared(objects, args, input_shape, salt).eval()) as model:
        before = output_of(model, x.clone()).clone()
        parameters = list(model.parameters())
        for parameter in parameters:
            kept = parameter.clone()
            for part in torch.arange(parameter.numel()).chunk(max(1, parts // len(parameters))):
                for change in (4, -4):
                    changed = kept.flatten().clone()
                    changed[part] += change
                    parameter.copy_(changed.view(kept.shape))
                    if not torch.equal(output_of(model, x.clone()), before):
                        break
                else:
                    idle += 1
            parameter.copy_(kept)
    return {"idle": idle}


class Maps(TorchFunctionMode):
    """Notes output channels, kernel, height and width of every 2-D convolution that is called inside."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def __torch_function__(self, func: Any, types: Any, args: Args = (), kwargs: dict[str, Any] | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.conv2d:
            weight = args[1] if len(args) > 1 else (kwargs or {})["weight"]
            self.seen.append((weight.shape[0], weight.shape[-1], *result.shape[-2:]))
        return result


@probe
def maps(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """What every convolution makes in one pass: output channels, kernel, height and width, sorted."""
    model = prepared(objects, args, input_shape, salt).eval()
    with torch.no_grad(), Maps() as maps:
        output_of(model, noise(input_shape, salt))
    return {"maps": sorted(maps.seen)}


@probe
def cuts(objects: Objects, args: Args, input_shape: Shape, salt: int) -> Facts:
    """The weights at whose zero the input no longer reaches the output, and those that it gets around.

    Given as the shapes of the usual weights, without ones, sorted. A weight that changes no output is in neither list.
    """
    model = prepared(objects, args, input_shape, salt).eval()
    x = noise((2, *input_shape[1:]), salt)
    needed, avoided = [], []
    with torch.no_grad():
        whole = output_of(model, x.clone()).clone()
        for weight in model.parameters():
            size = essential(weight.shape)
            if len(size) < 2:
                continue
            kept = weight.clone()
            weight.zero_()
            y = output_of(model, x.clone())
            weight.copy_(kept)
            if torch.equal(y, whole):
                continue
            reaches = ((y[0] - y[1]).abs() > 1e-4 * y.abs().amax(0)).any()  # a softmax may be saturated
            (avoided if reaches else needed).append("x".join(map(str, size)))
    return {"needed": sorted(needed), "avoided": sorted(avoided)}
