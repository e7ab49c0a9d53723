"""Programs for ``cost``."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from banks import originals, right, wrong

Shape = tuple[int, int, int]
Functions = tuple[Callable[..., Any], Callable[..., Any]]
Layer = nn.Conv2d | nn.Linear


def altered(changes: dict[str, str]) -> Functions:
    """What :func:`banks.originals.altered` gives for this exercise."""
    count_parameters, count_macs = originals.altered("cost", changes)
    return count_parameters, count_macs


def good_parameters(model: nn.Module) -> int:
    """Stands beside each wrong ``count_macs``."""
    return sum(parameter.numel() for parameter in model.parameters())


def cost_of(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
    """Multiply-adds of one call."""
    if isinstance(layer, nn.Conv2d):
        return output.numel() * layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    if isinstance(layer, nn.Linear):
        return output.numel() * layer.in_features
    return 0


def summed(model: nn.Module, image: Tensor, cost: Callable[[nn.Module, Tensor, Tensor], int]) -> int:
    """The costs of all calls of all leaves, with the model as it is."""
    total = 0

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += cost(layer, inputs[0], output)

    handles = [m.register_forward_hook(note) for m in model.modules() if not list(m.children())]
    with torch.no_grad():
        model(image)
    for handle in handles:
        handle.remove()
    return total


def with_cost(cost: Callable[[nn.Module, Tensor, Tensor], int]) -> Functions:
    """Right but for the cost of a call."""

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        return summed(copy.deepcopy(model).eval(), torch.zeros(1, *input_shape), cost)

    return good_parameters, count_macs


def good_macs(model: nn.Module, input_shape: Shape) -> int:
    """Stands beside each wrong ``count_parameters``."""
    return summed(copy.deepcopy(model).eval(), torch.zeros(1, *input_shape), cost_of)


@wrong("count_parameters runs", "The functions are not written yet.")
def unwritten() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        raise NotImplementedError

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        raise NotImplementedError

    return count_parameters, count_macs


@wrong("count_parameters runs", "A tuple is returned where one number is asked for, that of all parameters.")
def two_numbers() -> Functions:
    def count_parameters(model: nn.Module) -> tuple[int, int]:
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        return good_parameters(model), trained

    return count_parameters, good_macs


@wrong("count_parameters runs", "Every parameter is taken to have two axes or more; a bias has one, so use numel().")
def two_axes_taken_for_granted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(p.shape[0] * p.shape[1] for p in model.parameters())

    return count_parameters, good_macs


@wrong("parameters", "Frozen parameters are left out, but they are parameters, too.")
def trained_only() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(p.numel() for p in model.parameters() if p.requires_grad)

    return count_parameters, good_macs


@wrong(
    "parameters",
    "Buffers are counted too, and a shared parameter under each of its names: that is what state_dict holds.",
)
def state_dict_counted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(value.numel() for value in model.state_dict().values())

    return count_parameters, good_macs


@wrong("parameters", "The buffers, such as BN's running statistics, are counted too; they are no parameters.")
def buffers_counted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return good_parameters(model) + sum(buffer.numel() for buffer in model.buffers())

    return count_parameters, good_macs


@wrong("parameters", "A parameter that two layers share is counted once for each of them.")
def shared_twice() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(p.numel() for module in model.modules() for p in module.parameters(recurse=False))

    return count_parameters, good_macs


@wrong("parameters", "The parameter tensors are counted, not the numbers in them.")
def tensors_counted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return len(list(model.parameters()))

    return count_parameters, good_macs


@wrong("parameters", "Only what is called weight is counted; biases and free parameters are missing.")
def weights_only() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(p.numel() for name, p in model.named_parameters() if name.endswith("weight"))

    return count_parameters, good_macs


@wrong("parameters", "Only convolutions and linear layers are counted; BN has a scale and a shift as well.")
def layers_only() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        kept = {id(p): p for m in model.modules() if isinstance(m, Layer) for p in m.parameters()}
        return sum(p.numel() for p in kept.values())

    return count_parameters, good_macs


@wrong(
    "parameters",
    "Only the outermost layers are counted, those that children() gives; layers inside of others are missing.",
)
def outermost_only() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        kept = {id(p): p for m in model.children() for p in m.parameters(recurse=False)}
        return sum(p.numel() for p in kept.values())

    return count_parameters, good_macs


@wrong(
    "parameters",
    "Of several parameters of equal shape only one is counted; `is` and id(p) tell shared ones from equal ones.",
)
def equal_shapes_once() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(math.prod(shape) for shape in {tuple(p.shape) for p in model.parameters()})

    return count_parameters, good_macs


@wrong("parameters", "The parameters outside all layers are missing: a module can hold an nn.Parameter of its own.")
def leaves_only() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        leaves = [m for m in model.modules() if not list(m.children())]
        return sum(p.numel() for p in {p for leaf in leaves for p in leaf.parameters()})

    return count_parameters, good_macs


@wrong("count_macs runs", "The image has no batch axis, but BN wants (N, C, H, W).")
def no_batch_axis() -> Functions:
    return altered({"torch.zeros(1, *input_shape)": "torch.zeros(input_shape)"})


@wrong("count_macs runs", "input_shape is read as (H, W, C); it is (C, H, W).")
def channels_last_shape() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        h, w, c = input_shape
        return summed(copy.deepcopy(model).eval(), torch.zeros(1, c, h, w), cost_of)

    return good_parameters, count_macs


@wrong(
    "count_macs runs",
    "Four numbers are read where there are three: input_shape is the shape of an image, without a batch.",
)
def four_numbers_expected() -> Functions:
    def count_macs(model: nn.Module, input_shape: Any) -> int:
        n, c, h, w = input_shape
        return summed(copy.deepcopy(model).eval(), torch.zeros(n, c, h, w), cost_of) // n

    return good_parameters, count_macs


@wrong("count_macs runs", "Nothing is returned; what is printed can't be used any further.")
def macs_not_returned() -> Functions:
    return altered({"return total": "print(total)"})


@wrong(
    "multiply-adds",
    "Convolutions are counted as if they had one group; a group's outputs see in channels / groups inputs only.",
)
def groups_ignored() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        if isinstance(layer, nn.Conv2d):
            return output.numel() * layer.in_channels * math.prod(layer.kernel_size)
        return cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong("multiply-adds", "Both the inputs and the outputs are divided by groups, but only the inputs are fewer.")
def groups_divided_twice() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        return cost_of(layer, inputs, output) // (layer.groups if isinstance(layer, nn.Conv2d) else 1)

    return with_cost(cost)


@wrong("multiply-adds", "Kernels are taken to be square: kernel_size[0] squared instead of height x width.")
def square_kernels() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        if isinstance(layer, nn.Conv2d):
            return output.numel() * layer.in_channels // layer.groups * layer.kernel_size[0] ** 2
        return cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong("multiply-adds", "Maps are taken to be square: height squared instead of height x width.")
def square_maps() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        if isinstance(layer, nn.Conv2d):
            return layer.weight.numel() * output.shape[2] ** 2
        return cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong("multiply-adds", "The input's size is used; with a stride, the filter stands at the output's places only.")
def size_of_input() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        if isinstance(layer, nn.Conv2d):
            return layer.weight.numel() * inputs.shape[2] * inputs.shape[3]
        return cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong(
    "multiply-adds",
    "The kernel's size is missing: an output sees height x width pixels of each input channel that it sees at all.",
)
def kernel_forgotten() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        if isinstance(layer, nn.Conv2d):
            return output.numel() * layer.in_channels // layer.groups
        return cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong(
    "multiply-adds",
    "This is twice one image's multiply-adds: multiplications and additions are both counted, or two images are.",
)
def flops() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        with FlopCounterMode(display=False) as counter:
            copy.deepcopy(model).eval()(torch.zeros(1, *input_shape))
        return counter.get_total_flops()

    return good_parameters, count_macs


@wrong("multiply-adds", "Linear layers are missing; only the convolutions are counted.")
def convolutions_only() -> Functions:
    return altered({"(nn.Conv2d, nn.Linear)": "nn.Conv2d"})


@wrong("multiply-adds", "A linear layer is counted once, but it works at every pixel where its input is a map.")
def linear_at_one_place() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        return layer.weight.numel() if isinstance(layer, nn.Linear) else cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong("multiply-adds", "The bias is counted, but adding it takes no multiplication.")
def bias_counted() -> Functions:
    return altered({"layer.weight[0].numel()": "(layer.weight[0].numel() + (layer.bias is not None))"})


@wrong("multiply-adds", "BN is counted, too; only convolutions and linear layers are asked for.")
def norms_counted() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        return output.numel() if isinstance(layer, nn.BatchNorm2d) else cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong(
    "multiply-adds", "A layer counts once, however often it is called; a dictionary by layers keeps its last call only."
)
def each_layer_once() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        costs = {}

        def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
            costs[layer] = cost_of(layer, inputs, output)
            return 0

        summed(copy.deepcopy(model).eval(), torch.zeros(1, *input_shape), cost)
        return sum(costs.values())

    return good_parameters, count_macs


@wrong("multiply-adds", "Only the outermost layers are counted; modules() finds those inside of others as well.")
def outermost_layers_only() -> Functions:
    return altered({"model.modules()": "model.children()"})


@wrong("multiply-adds", "Every layer is taken to work on the whole image, whatever the size of the map it gets.")
def whole_image_everywhere() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        convs = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Conv2d))
        linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))
        return convs * input_shape[1] * input_shape[2] + linear

    return good_parameters, count_macs


@wrong("multiply-adds", "The hooks stay on the model and go on adding, so the second count is too high.")
def hooks_stay() -> Functions:
    def note(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        layer.macs += cost_of(layer, inputs[0], output)

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        layers: list[Any] = list(model.modules())
        modes = [layer.training for layer in layers]
        for layer in layers:
            layer.macs = 0
            layer.register_forward_hook(note)
        model.eval()(torch.zeros(1, *input_shape))
        for layer, mode in zip(layers, modes, strict=True):
            layer.training = mode
        return sum(layer.macs for layer in layers)

    return good_parameters, count_macs


@wrong("mode kept", "The model is left in evaluation mode: model.eval() is not taken back.")
def evaluation_mode_left() -> Functions:
    return good_parameters, lambda model, shape: summed(model.eval(), torch.zeros(1, *shape), cost_of)


@wrong("mode kept", "The model is left in training mode, whatever its mode was before.")
def training_mode_left() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        total = summed(model.eval(), torch.zeros(1, *input_shape), cost_of)
        model.train()
        return total

    return good_parameters, count_macs


@wrong(
    "count_macs runs",
    "The image goes through the model itself in training mode: BN refuses a map of one pixel, and its running "
    "statistics move.",
)
def statistics_moved() -> Functions:
    return good_parameters, lambda model, shape: summed(model, torch.zeros(1, *shape), cost_of)


@wrong("buffers kept", "The model's values are lost, as to('meta') changes the model itself; work on a copy.")
def model_emptied() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        modes = {module: module.training for module in model.modules()}
        total = summed(model.to("meta").eval(), torch.zeros(1, *input_shape, device="meta"), cost_of)
        for module, mode in modes.items():
            module.training = mode
        return total

    return good_parameters, count_macs


@wrong("buffers kept", "The model has buffers afterwards that it did not have; numbers about it can be kept elsewhere.")
def costs_left_as_buffers() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        modes = {module: module.training for module in model.modules()}

        def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
            layer.register_buffer("macs", torch.tensor(cost_of(layer, inputs, output)))
            return cost_of(layer, inputs, output)

        total = summed(model.eval(), torch.zeros(1, *input_shape), cost)
        for module, mode in modes.items():
            module.training = mode
        return total

    return good_parameters, count_macs


@wrong("multiply-adds", "The weights are counted, but each is used once at every place of its layer's output.")
def weights_counted() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        return sum(m.weight.numel() for m in model.modules() if isinstance(m, Layer))

    return good_parameters, count_macs


@wrong(
    "mode kept",
    "All parts are left in the mode that the model itself had, as by model.train(was), though a part had another.",
)
def one_mode_for_all_parts() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        was_training = model.training
        total = summed(model.eval(), torch.zeros(1, *input_shape), cost_of)
        model.train(was_training)
        return total

    return good_parameters, count_macs


@wrong("parameters", "What the model holds in two places, a layer or a weight, is counted in both.")
def places_counted() -> Functions:
    def count_parameters(module: nn.Module) -> int:
        own = sum(p.numel() for p in module.parameters(recurse=False))
        return own + sum(map(count_parameters, module.children()))

    return count_parameters, good_macs


@wrong(
    "count_macs runs", "The image goes through in training mode, in which BN refuses a map of one pixel: call eval()."
)
def copy_in_training_mode() -> Functions:
    return good_parameters, lambda model, shape: summed(copy.deepcopy(model), torch.zeros(1, *shape), cost_of)


@wrong("multiply-adds", "Height and width of the image are swapped: input_shape is (C, H, W).")
def height_and_width_swapped() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        channels, width, height = input_shape
        return good_macs(model, (channels, height, width))

    return good_parameters, count_macs


def with_sizes(size: Callable[[nn.Conv2d, int, int], float]) -> Functions:
    """Right but for the size of a convolution's output along an axis (0 or 1), given that of its input."""

    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        if not isinstance(layer, nn.Conv2d):
            return cost_of(layer, inputs, output)
        places = math.prod(int(size(layer, axis, inputs.shape[2 + axis])) for axis in (0, 1))
        return layer.weight.numel() * places

    return with_cost(cost)


@wrong("multiply-adds", "The outputs' sizes are computed from the inputs' without the dilation.")
def dilation_forgotten() -> Functions:
    def size(layer: nn.Conv2d, axis: int, before: int) -> float:
        return (before + 2 * int(layer.padding[axis]) - layer.kernel_size[axis]) // layer.stride[axis] + 1

    return with_sizes(size)


@wrong("multiply-adds", "The outputs' widths are computed with the kernel, the stride and the padding of the height.")
def first_setting_for_both_axes() -> Functions:
    def size(layer: nn.Conv2d, axis: int, before: int) -> float:
        reach = layer.dilation[0] * (layer.kernel_size[0] - 1)
        return (before + 2 * int(layer.padding[0]) - reach - 1) // layer.stride[0] + 1

    return with_sizes(size)


@wrong("multiply-adds", "An output is taken to be as large as the input divided by the stride, rounded down.")
def size_over_stride() -> Functions:
    return with_sizes(lambda layer, axis, before: before // layer.stride[axis])


@wrong("multiply-adds", "Subclasses of nn.Conv2d and nn.Linear are left out; isinstance() finds them, type() doesn't.")
def subclasses_left_out() -> Functions:
    return altered({"isinstance(module, (nn.Conv2d, nn.Linear))": "type(module) in (nn.Conv2d, nn.Linear)"})


@wrong("multiply-adds", "A layer that the model holds in two places is counted twice for each of its calls.")
def two_hooks_on_one_layer() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        counts = []

        def walk(module: nn.Module) -> None:
            if isinstance(module, Layer):
                module.register_forward_hook(lambda layer, x, y: counts.append(cost_of(layer, x[0], y)))
            for child in module.children():
                walk(child)

        net = copy.deepcopy(model).eval()
        walk(net)
        net(torch.zeros(1, *input_shape))
        return sum(counts)

    return good_parameters, count_macs


@wrong("multiply-adds", "The number depends on chance: under other random numbers it is another one.")
def layers_left_out_by_chance() -> Functions:
    return with_cost(lambda layer, x, y: cost_of(layer, x, y) if torch.rand(()) > 0.5 else 0)


@wrong("multiply-adds", "Layers that are never called are counted too, as if they had been called once on one pixel.")
def uncalled_counted() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        net, called = copy.deepcopy(model).eval(), set()

        def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
            called.add(layer)
            return cost_of(layer, inputs, output)

        total = summed(net, torch.zeros(1, *input_shape), cost)
        return total + sum(m.weight.numel() for m in net.modules() if isinstance(m, Layer) and m not in called)

    return good_parameters, count_macs


@wrong("whole numbers", "count_parameters returns a NumPy number, as np.prod gives it; int() makes an int of it.")
def parameters_by_numpy() -> Functions:
    return lambda model: sum(np.prod(p.shape) for p in model.parameters()), good_macs


@wrong("whole numbers", "count_parameters returns a float; the number is whole, so int() or numel() gives an int.")
def parameters_as_float() -> Functions:
    return lambda model: float(good_parameters(model)), good_macs


@wrong("whole numbers", "count_parameters returns a tensor; its item() is a number.")
def parameters_as_tensor() -> Functions:
    return lambda model: torch.tensor([p.numel() for p in model.parameters()]).sum(), good_macs


@wrong("whole numbers", "count_macs returns a float, as `/` gives it; `//` gives an int.")
def half_the_flops() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> float:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            copy.deepcopy(model).eval()(torch.zeros(1, *input_shape))
        return counter.get_total_flops() / 2

    return good_parameters, count_macs


@wrong("whole numbers", "count_macs returns a NumPy number, as np.prod and np.sum give it; int() makes an int of it.")
def macs_by_numpy() -> Functions:
    return good_parameters, lambda model, shape: np.int64(good_macs(model, shape))


@wrong("whole numbers", "count_macs returns a tensor; its item() is a number.")
def macs_as_tensor() -> Functions:
    return good_parameters, lambda model, shape: torch.tensor(good_macs(model, shape))


@wrong("whole numbers", "Both functions return floats, but what they count is whole; int() makes an int of a float.")
def both_as_floats() -> Functions:
    return lambda model: float(good_parameters(model)), lambda model, shape: float(good_macs(model, shape))


def kept_modes(model: nn.Module) -> Callable[[], None]:
    """Put the model into evaluation mode. The function that is returned puts its parts back into their modes."""
    modes = {module: module.training for module in model.modules()}
    model.eval()

    def back() -> None:
        for module, mode in modes.items():
            module.training = mode

    return back


def on_the_model(change: Callable[[nn.Module], Any]) -> Functions:
    """Right, but changes the given model as well."""

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        total = good_macs(model, input_shape)
        change(model)
        return total

    return good_parameters, count_macs


@wrong(
    "nothing left behind", "Hooks stay on the model: register_forward_hook returns a handle, whose remove() ends it."
)
def harmless_hooks_stay() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        counts: list[int] = []
        back = kept_modes(model)
        for module in model.modules():
            module.register_forward_hook(lambda layer, x, y: counts.append(cost_of(layer, x[0], y)))
        with torch.no_grad():
            model(torch.zeros(1, *input_shape))
        back()
        return sum(counts)

    return good_parameters, count_macs


@wrong("nothing left behind", "All hooks of the model are taken away, those that were there before, too.")
def all_hooks_removed() -> Functions:
    return on_the_model(lambda model: [module._forward_hooks.clear() for module in model.modules()])


@wrong("nothing left behind", "The model's layers keep a forward method that was put in for counting.")
def forward_replaced() -> Functions:
    def wrap(layer: nn.Module) -> None:
        forward = layer.forward
        layer.forward = lambda *args, **kwargs: forward(*args, **kwargs)

    return on_the_model(lambda model: [wrap(layer) for layer in model.modules() if isinstance(layer, Layer)])


@wrong("nothing left behind", "PyTorch's own classes keep a method that was put in for counting, for all models.")
def class_replaced() -> Functions:
    def replace(_model: nn.Module) -> None:
        forward = nn.Conv2d.forward
        nn.Conv2d.forward = lambda self, input: forward(self, input)

    return on_the_model(replace)


@wrong(
    "nothing left behind", "PyTorch's own functions keep a replacement that was put in for counting, for all models."
)
def function_replaced() -> Functions:
    def replace(_model: nn.Module) -> None:
        convolve = nn.functional.conv2d
        nn.functional.conv2d = lambda *args, **kwargs: convolve(*args, **kwargs)

    return on_the_model(replace)


@wrong("nothing left behind", "The model's parameters stay frozen; no_grad() stops the recording without that.")
def frozen() -> Functions:
    return on_the_model(lambda model: model.requires_grad_(False))


@wrong("nothing left behind", "The model's parameters get other values; work on a copy.")
def weights_overwritten() -> Functions:
    def ones(model: nn.Module) -> None:
        for parameter in model.parameters():
            nn.init.ones_(parameter)

    return on_the_model(ones)


@wrong("nothing left behind", "The recording of gradients stays switched off; `with torch.no_grad():` takes it back.")
def recording_switched_off() -> Functions:
    return on_the_model(lambda _model: torch.set_grad_enabled(False))


@wrong("nothing left behind", "New tensors are made on another device or in another type afterwards, for all programs.")
def default_device_left() -> Functions:
    return on_the_model(lambda _model: torch.set_default_device("meta"))


@wrong("nothing left behind", "Layers of the model are replaced by others; work on a copy.")
def layers_replaced() -> Functions:
    def replace(model: nn.Module) -> None:
        for name, child in list(model.named_children()):
            setattr(model, name, copy.deepcopy(child))

    return on_the_model(replace)


@wrong(
    "nothing left behind",
    "count_parameters leaves frozen parameters trained, or layers in other modes; it only counts.",
)
def thawed_to_be_counted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        model.requires_grad_(True)
        return sum(p.numel() for p in model.parameters() if p.requires_grad)

    return count_parameters, good_macs


@wrong(
    "count_macs runs",
    "The image is float32, but the model that it goes through has been put into float64; work on a copy, and leave "
    "its type alone.",
)
def type_changed() -> Functions:
    return on_the_model(lambda model: model.double())


@right
def flop_counter_on_meta() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        unique = {id(p): p for _, p in model.named_parameters(remove_duplicate=False)}
        return sum(math.prod(p.shape) for p in unique.values())

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        with torch.device("meta"):
            image = torch.randn(1, *input_shape)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            copy.deepcopy(model).to("meta").eval()(image)
        return counter.get_total_flops() // 2

    return count_parameters, count_macs


@right
def hooks_on_the_model_itself() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        seen: set[nn.Parameter] = set()

        def walk(module: nn.Module) -> None:
            seen.update(p for p in vars(module)["_parameters"].values() if p is not None)
            for child in module.children():
                walk(child)

        walk(model)
        return torch.cat([p.detach().flatten() for p in seen]).numel()

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        modes = {module: module.training for module in model.modules()}
        costs = []

        def conv(layer: nn.Conv2d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            _, out, height, width = output.shape
            costs.append(height * width * out * (layer.in_channels / layer.groups) * math.prod(layer.kernel_size))

        def linear(layer: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            costs.append(inputs[0][..., 0].numel() * layer.in_features * layer.out_features)

        handles: list[Any] = []
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                handles.append(module.register_forward_hook(conv))
            elif isinstance(module, nn.Linear):
                handles.append(module.register_forward_hook(linear))
        model.eval()
        with torch.inference_mode():
            model(torch.ones(input_shape)[None])
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
        return int(torch.tensor(costs).sum())

    return count_parameters, count_macs


@right
def traced() -> Functions:
    class Counter(fx.Interpreter):
        macs = 0

        def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
            output = super().call_module(target, args, kwargs)
            self.macs += cost_of(self.fetch_attr(str(target)), args[0], output)
            return output

    class WholeLayers(fx.Tracer):
        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            return isinstance(m, Layer) or super().is_leaf_module(m, module_qualified_name)

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        net = copy.deepcopy(model).eval()
        counter = Counter(fx.GraphModule(net, WholeLayers().trace(net)))
        counter.run(torch.zeros(1, *input_shape))
        return counter.macs

    return lambda model: sum(p.numel() for p in set(model.parameters())), count_macs


@right
def calls_intercepted() -> Functions:
    class Counter(TorchFunctionMode):
        macs = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            output = func(*args, **(kwargs or {}))
            if func in (torch.conv2d, nn.functional.linear):
                self.macs += output.numel() * args[1][0].numel()
            return output

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        back = kept_modes(model)
        with Counter() as counter:
            model(torch.zeros(1, *input_shape))
        back()
        return counter.macs

    def sizes(model: nn.Module) -> Iterator[int]:
        for parameter in model.parameters():
            yield parameter.nelement()

    return lambda model: sum(sizes(model)), count_macs


@right
def two_random_images() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        return summed(copy.deepcopy(model), torch.randn(2, *input_shape), cost_of) // 2

    return good_parameters, count_macs


@right
def sizes_by_formula() -> Functions:
    def size(layer: nn.Conv2d, axis: int, before: int) -> float:
        reach = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
        return (before + 2 * int(layer.padding[axis]) - reach - 1) / layer.stride[axis] + 1

    return with_sizes(size)


@right
def hook_for_all_modules() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        counts = [0]
        handle = register_module_forward_hook(lambda layer, x, y: counts.append(cost_of(layer, x[0], y)))
        back = kept_modes(model)
        try:
            with torch.no_grad():
                model(torch.rand(1, *input_shape))
        finally:
            back()
            handle.remove()
        return sum(counts)

    return good_parameters, count_macs


@right
def operators_counted() -> Functions:
    class Counter(TorchDispatchMode):
        macs = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            output = func(*args, **(kwargs or {}))
            if func is torch.ops.aten.convolution.default:
                self.macs += output.numel() * args[1][0].numel()
            elif func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
                self.macs += output.numel() * len(args[-1])
            return output

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        net = copy.deepcopy(model).eval()
        with torch.no_grad(), Counter() as counter:
            net(torch.zeros(1, *input_shape))
        return counter.macs

    return good_parameters, count_macs


@right
def class_replaced_for_a_while() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        counts: list[int] = []
        called = nn.Module.__call__

        def noting(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            output = called(self, *args, **kwargs)
            counts.append(cost_of(self, args[0], output))
            return output

        net = copy.deepcopy(model).eval()
        nn.Module.__call__ = noting
        try:
            net(torch.ones(1, *input_shape))
        finally:
            nn.Module.__call__ = called
        return sum(counts)

    return good_parameters, count_macs
