"""Programs for ``cost``."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from banks import right, wrong

Shape = tuple[int, int, int]
Functions = tuple[Callable[..., Any], Callable[..., Any]]
Layer = nn.Conv2d | nn.Linear


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


@wrong("count_parameters runs", "Two numbers are returned, all parameters and the trained ones; all are asked for.")
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


@wrong("parameters", "state_dict holds buffers as well, and a shared parameter under each of its names.")
def state_dict_counted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return sum(value.numel() for value in model.state_dict().values())

    return count_parameters, good_macs


@wrong("parameters", "The buffers, such as BN's running statistics, are counted too; they are no parameters.")
def buffers_counted() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        return good_parameters(model) + sum(buffer.numel() for buffer in model.buffers())

    return count_parameters, good_macs


@wrong("parameters", "Each layer's parameters are added up, so one that two layers share counts twice.")
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


@wrong("parameters", "children() gives the outermost parts only, so layers inside of others are missing.")
def outermost_only() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        kept = {id(p): p for m in model.children() for p in m.parameters(recurse=False)}
        return sum(p.numel() for p in kept.values())

    return count_parameters, good_macs


@wrong(
    "parameters", "Parameters of equal shape are taken for one and the same; id(p) tells shared ones from equal ones."
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
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        return summed(copy.deepcopy(model).eval(), torch.zeros(input_shape), cost_of)

    return good_parameters, count_macs


@wrong("count_macs runs", "input_shape is read as (H, W, C); it is (C, H, W).")
def channels_last_shape() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        h, w, c = input_shape
        return summed(copy.deepcopy(model).eval(), torch.zeros(1, c, h, w), cost_of)

    return good_parameters, count_macs


@wrong("count_macs runs", "input_shape is read as a whole batch's shape, but it is one image's, with three numbers.")
def four_numbers_expected() -> Functions:
    def count_macs(model: nn.Module, input_shape: Any) -> int:
        n, c, h, w = input_shape
        return summed(copy.deepcopy(model).eval(), torch.zeros(n, c, h, w), cost_of) // n

    return good_parameters, count_macs


@wrong("count_macs runs", "The number is printed, but not returned.")
def macs_not_returned() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> None:
        print(f"{good_macs(model, input_shape):,}")

    return good_parameters, count_macs


@wrong("multiply-adds", "groups is ignored: a group's outputs see in channels / groups inputs only.")
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


@wrong("multiply-adds", "The kernel's size is missing: each output sees k x k pixels of each input channel.")
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


@wrong("multiply-adds", "Linear layers are missing.")
def convolutions_only() -> Functions:
    return with_cost(lambda layer, x, y: cost_of(layer, x, y) if isinstance(layer, nn.Conv2d) else 0)


@wrong("multiply-adds", "A linear layer is counted once, but it works at every pixel where its input is a map.")
def linear_at_one_place() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        return layer.weight.numel() if isinstance(layer, nn.Linear) else cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong("multiply-adds", "The bias is counted, but adding it takes no multiplication.")
def bias_counted() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        has_bias = isinstance(layer, Layer) and layer.bias is not None
        return cost_of(layer, inputs, output) + has_bias * output.numel()

    return with_cost(cost)


@wrong("multiply-adds", "BN is counted, too; only convolutions and linear layers are asked for.")
def norms_counted() -> Functions:
    def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
        return output.numel() if isinstance(layer, nn.BatchNorm2d) else cost_of(layer, inputs, output)

    return with_cost(cost)


@wrong("multiply-adds", "The costs are kept by layer, so one that is called again overwrites its first call.")
def each_layer_once() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        costs = {}

        def cost(layer: nn.Module, inputs: Tensor, output: Tensor) -> int:
            costs[layer] = cost_of(layer, inputs, output)
            return 0

        summed(copy.deepcopy(model).eval(), torch.zeros(1, *input_shape), cost)
        return sum(costs.values())

    return good_parameters, count_macs


@wrong("multiply-adds", "Only the outermost layers have hooks; modules() finds those inside of others as well.")
def outermost_layers_only() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        net = copy.deepcopy(model).eval()
        outermost = set(net.children())
        image = torch.zeros(1, *input_shape)
        return summed(net, image, lambda layer, x, y: cost_of(layer, x, y) if layer in outermost else 0)

    return good_parameters, count_macs


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


@wrong("mode kept", "model.eval() is not taken back, so the model goes on in evaluation mode.")
def evaluation_mode_left() -> Functions:
    return good_parameters, lambda model, shape: summed(model.eval(), torch.zeros(1, *shape), cost_of)


@wrong("mode kept", "model.train() comes at the end whatever the mode was before.")
def training_mode_left() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        total = summed(model.eval(), torch.zeros(1, *input_shape), cost_of)
        model.train()
        return total

    return good_parameters, count_macs


@wrong("buffers kept", "The image goes through in training mode, which moves BN's running statistics.")
def statistics_moved() -> Functions:
    return good_parameters, lambda model, shape: summed(model, torch.zeros(1, *shape), cost_of)


@wrong("buffers kept", "to('meta') changes the model itself, and its values are lost; work on a copy.")
def model_emptied() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        modes = {module: module.training for module in model.modules()}
        total = summed(model.to("meta").eval(), torch.zeros(1, *input_shape, device="meta"), cost_of)
        for module, mode in modes.items():
            module.training = mode
        return total

    return good_parameters, count_macs


@wrong("buffers kept", "The layers' costs are left on the model as new buffers.")
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


@wrong("mode kept", "model.train(was) puts all parts into the model's own mode, though a frozen part had another.")
def one_mode_for_all_parts() -> Functions:
    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        was_training = model.training
        total = summed(model.eval(), torch.zeros(1, *input_shape), cost_of)
        model.train(was_training)
        return total

    return good_parameters, count_macs


@right
def flop_counter_on_meta() -> Functions:
    def count_parameters(model: nn.Module) -> int:
        unique = {id(p): p for _, p in model.named_parameters(remove_duplicate=False)}
        return sum(math.prod(p.shape) for p in unique.values())

    def count_macs(model: nn.Module, input_shape: Shape) -> float:
        with torch.device("meta"):
            image = torch.randn(1, *input_shape)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            copy.deepcopy(model).to("meta").eval()(image)
        return counter.get_total_flops() / 2

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

    def count_macs(model: nn.Module, input_shape: Shape) -> Tensor:
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
        return torch.tensor(costs).sum()

    return count_parameters, count_macs


@right
def traced() -> Functions:
    class Counter(fx.Interpreter):
        macs = 0

        def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
            output = super().call_module(target, args, kwargs)
            self.macs += cost_of(self.fetch_attr(str(target)), args[0], output)
            return output

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        counter = Counter(fx.symbolic_trace(copy.deepcopy(model).eval()))
        counter.run(torch.zeros(1, *input_shape))
        return counter.macs

    return lambda model: sum(p.numel() for p in set(model.parameters())), count_macs


@right
def calls_intercepted_in_training_mode() -> Functions:
    class Counter(TorchFunctionMode):
        macs = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            output = func(*args, **(kwargs or {}))
            if func in (torch.conv2d, nn.functional.linear):
                self.macs += output.numel() * args[1][0].numel()
            return output

    def count_macs(model: nn.Module, input_shape: Shape) -> int:
        before = copy.deepcopy(model.state_dict())
        with Counter() as counter:
            model(torch.zeros(1, *input_shape))
        model.load_state_dict(before)
        return counter.macs

    def sizes(model: nn.Module) -> Iterator[int]:
        for parameter in model.parameters():
            yield parameter.nelement()

    return lambda model: sum(sizes(model)), count_macs
