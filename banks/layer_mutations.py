"""Mutations of what networks are made of: layers, their arguments, their order, and what stands between them."""

import ast
from collections.abc import Callable, Iterator
from itertools import permutations

from banks.syntax import Change, Tree, expression, quoted, text

Mutation = Callable[[Tree], Iterator[Change]]

PARAMETERS = {
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"),
    "BatchNorm2d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "Linear": ("in_features", "out_features", "bias"),
    "MaxPool2d": ("kernel_size", "stride", "padding"),
    "conv3x3": ("in_channels", "out_channels", "stride"),
    "conv1x1": ("in_channels", "out_channels", "stride"),
}
DEFAULTS = {
    **{"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True"},
    **{"eps": "1e-05", "momentum": "0.1", "affine": "True", "track_running_stats": "True"},
    **{"padding_mode": "'zeros'", "ceil_mode": "False"},
}
NORMALISATION = {"eps": ("0.001", "1e-06"), "momentum": ("0.01", "0.9", "None"), "affine": ("False",)}
NORMALISATION["track_running_stats"] = ("False",)
ACTIVATIONS = {
    "Identity()": "{}",
    "ReLU6()": "nn.functional.relu6({})",
    "LeakyReLU(0.01)": "nn.functional.leaky_relu({}, 0.01)",
    "LeakyReLU(0.001)": "nn.functional.leaky_relu({}, 0.001)",
    "GELU()": "nn.functional.gelu({})",
    "SiLU()": "nn.functional.silu({})",
    "Sigmoid()": "nn.functional.sigmoid({})",
    "Softplus()": "nn.functional.softplus({})",
    "Hardtanh(0, 20)": "({}).clamp(0, 20)",
    "Tanh()": "nn.functional.tanh({})",
}


def called(call: ast.Call) -> str:
    """The last part of the name of what is called: ``Conv2d`` for ``nn.Conv2d(…)``."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def layers(tree: Tree, *names: str) -> Iterator[ast.Call]:
    """The calls that make a layer of one of these classes, or of any whose parameters are known."""
    return (call for call in tree.nodes(ast.Call) if called(call) in (names or PARAMETERS))


def argument(call: ast.Call, name: str) -> ast.expr | None:
    """The argument that the call passes for a parameter, if it does."""
    place = PARAMETERS[called(call)].index(name) if name in PARAMETERS[called(call)] else len(call.args)
    if place < len(call.args):
        return call.args[place]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def with_argument(call: ast.Call, name: str, value: str) -> ast.Call:
    """The call with another value for one parameter, by position if it was given so."""
    old, new = argument(call, name), expression(value)
    args = [new if arg is old else arg for arg in call.args]
    keywords = [keyword for keyword in call.keywords if keyword.arg != name]
    if not any(arg is new for arg in args):
        keywords.append(ast.keyword(name, new))
    return ast.Call(call.func, args, keywords)


def subject(tree: Tree, call: ast.Call) -> str:
    """A layer's name where it has one, or else its code."""
    parent = tree.parent(call)
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Attribute):
        return parent.targets[0].attr
    return quoted(call) + tree.number(call)


def set_arguments(tree: Tree, call: ast.Call, **values: str) -> Iterator[Change]:
    """The change of a layer's arguments, if it is one."""
    new, changes = call, []
    for name, value in values.items():
        old = argument(call, name)
        before = DEFAULTS.get(name, "") if old is None else text(old)
        if before != value:
            new = with_argument(new, name, value)
            changes.append(f"{name} is {value} instead of {before}")
    if changes:
        what = f"{tree.place(call)}: in {subject(tree, call)}, {' and '.join(changes)}"
        yield Change(what, ((call, new),))


def is_literal(call: ast.Call, name: str, *values: str) -> bool:
    """Whether the layer is given one of these values for a parameter."""
    found = argument(call, name)
    return found is not None and text(found) in values


def kernel(tree: Tree) -> Iterator[Change]:
    """Another size of the kernel, with the padding left or made to fit."""
    for call in layers(tree, "Conv2d"):
        for size, fitting in (("1", "0"), ("3", "1"), ("5", "2")):
            yield from set_arguments(tree, call, kernel_size=size)
            yield from set_arguments(tree, call, kernel_size=size, padding=fitting)
        if is_literal(call, "kernel_size", "3"):
            yield from set_arguments(tree, call, kernel_size="(1, 9)", padding="(0, 4)")
            yield from set_arguments(tree, call, dilation="2", padding="2")


def padding(tree: Tree) -> Iterator[Change]:
    """More, less or other padding."""
    for call in layers(tree, "Conv2d", "MaxPool2d"):
        for size in ("0", "1", "2"):
            yield from set_arguments(tree, call, padding=size)
        if called(call) == "Conv2d" and argument(call, "padding") is not None:
            for mode in ("'reflect'", "'replicate'", "'circular'"):
                yield from set_arguments(tree, call, padding_mode=mode)


def stride(tree: Tree) -> Iterator[Change]:
    """A stride that is ignored, fixed, clipped or added."""
    for call in layers(tree, "Conv2d", "MaxPool2d", "conv3x3", "conv1x1"):
        for value in ("1", "2"):
            yield from set_arguments(tree, call, stride=value)
        function = tree.above(call, ast.FunctionDef)
        if function is not None and "stride" in [parameter.arg for parameter in function.args.args]:
            for value in ("stride", "min(stride, 2)", "(stride, 1)"):
                yield from set_arguments(tree, call, stride=value)


def stride_moved(tree: Tree) -> Iterator[Change]:
    """The stride on another layer of the same function."""
    for one, other in permutations(layers(tree, "Conv2d", "conv3x3", "conv1x1"), 2):
        value = argument(one, "stride")
        if value is None or text(value) == "1" or tree.above_scope(one) is not tree.above_scope(other):
            continue
        if argument(other, "stride") is not None and not is_literal(other, "stride", "1"):
            continue
        what = f"{tree.place(one)}: the stride is on {subject(tree, other)} instead of {subject(tree, one)}"
        edits = (one, with_argument(one, "stride", "1")), (other, with_argument(other, "stride", text(value)))
        yield Change(what, edits)


def groups(tree: Tree) -> Iterator[Change]:
    """Other groups than there should be."""
    for call in layers(tree, "Conv2d"):
        yield from set_arguments(tree, call, groups="1" if argument(call, "groups") is not None else "2")
        ends = [argument(call, name) for name in ("in_channels", "out_channels")]
        if argument(call, "groups") is not None and ends[0] is not None:
            yield from set_arguments(tree, call, groups=text(ends[0]))
            groups = argument(call, "groups")
            assert groups is not None
            yield from set_arguments(tree, call, groups=f"{text(ends[0])} // {text(groups)}")


def bias(tree: Tree) -> Iterator[Change]:
    """A bias where there should be none, or none where there should be one."""
    for call in layers(tree, "Conv2d", "Linear"):
        value = "False" if called(call) == "Linear" else "True"
        yield from set_arguments(tree, call, bias=value)


def normalisation(tree: Tree) -> Iterator[Change]:
    """A BN with other settings than PyTorch's, or another layer in its place."""
    for call in layers(tree, "BatchNorm2d"):
        channels = text(call.args[0])
        others = f"nn.InstanceNorm2d({channels}, affine=True)", f"nn.GroupNorm(1, {channels})", "nn.Identity()"
        for other in others:
            yield tree.replaced(call, other)
        for name, values in NORMALISATION.items():
            for value in values:
                yield from set_arguments(tree, call, **{name: value})


def pooling(tree: Tree) -> Iterator[Change]:
    """Another pooling."""
    for call in layers(tree, "MaxPool2d"):
        yield from set_arguments(tree, call, kernel_size="2")
        yield from set_arguments(tree, call, ceil_mode="True")
        yield tree.replaced(call, text(call).replace("Max", "Avg"))
        yield tree.replaced(call, "nn.Identity()")
    for call in layers(tree, "AdaptiveAvgPool2d"):
        yield tree.replaced(call, text(call).replace("Avg", "Max"))
        yield tree.replaced(call, "nn.Identity()")
        yield tree.replaced(call, "nn.AdaptiveAvgPool2d(2)")


def _activated(call: ast.Call) -> str:
    """The code of what a ReLU, written as a function or as a method, is taken of. "" for another call."""
    if called(call) != "relu" or not isinstance(call.func, ast.Attribute):
        return ""
    owner = text(call.func.value)
    if owner == "self":
        return ""
    return text(call.args[0]) if owner in ("F", "nn.functional", "torch") else owner


def activation(tree: Tree) -> Iterator[Change]:
    """A ReLU that is missing, or another function in its place."""
    for call in tree.nodes(ast.Call):
        inner = _activated(call)
        for layer, function in ACTIVATIONS.items():
            if inner:
                yield tree.replaced(call, function.format(inner))
            elif called(call) == "ReLU":
                yield tree.replaced(call, f"nn.{layer}")


def activation_moved(tree: Tree) -> Iterator[Change]:
    """A ReLU before the addition instead of behind it, or of one summand alone."""
    for call in tree.nodes(ast.Call):
        inner = expression(_activated(call) or "None")
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add):
            left, right = text(inner.left), text(inner.right)
            for new in (f"{left}.relu() + {right}", f"{left} + {right}.relu()", f"{left}.relu() + {right}.relu()"):
                yield tree.replaced(call, new)


def on_the_shortcut(tree: Tree) -> Iterator[Change]:
    """A ReLU or a BN on the shortcut, or on a summand without one."""
    for sum_ in tree.nodes(ast.BinOp):
        if not (tree.in_forward(sum_) and isinstance(sum_.op, ast.Add)):
            continue
        for side in (sum_.left, sum_.right):
            for function in ("({}).relu()", "2 * ({})", "({}).detach()", "0 * ({})", "nn.functional.dropout({}, 0.1)"):
                yield tree.replaced(side, function.format(text(side)))
    for call in tree.nodes(ast.Call):
        if called(call) == "Identity" or text(call) == "nn.Sequential()":
            yield tree.replaced(call, "nn.ReLU()")
            yield tree.replaced(call, "nn.Dropout(0.1)")


def in_place(tree: Tree) -> Iterator[Change]:
    """What could change the input."""
    for call in tree.nodes(ast.Call):
        if called(call) == "ReLU" and not call.keywords:
            yield tree.replaced(call, "nn.ReLU(inplace=True)")
        elif (inner := _activated(call)).isidentifier():
            yield tree.replaced(call, f"{inner}.relu_()")
    for sum_ in tree.nodes(ast.BinOp):
        if not (tree.in_forward(sum_) and isinstance(sum_.op, ast.Add)):
            continue
        for one, other in permutations((sum_.left, sum_.right)):
            if isinstance(one, ast.Name):
                yield tree.replaced(sum_, f"{text(one)}.add_({text(other)})")


def _uses(tree: Tree) -> Iterator[tuple[ast.Call, str]]:
    """The calls of a module's own layers, with what each is called on."""
    for call in tree.nodes(ast.Call):
        owned = isinstance(call.func, ast.Attribute) and text(call.func.value) == "self"
        if owned and len(call.args) == 1 and tree.in_forward(call):
            yield call, text(call.args[0])


def _made(tree: Tree, node: ast.AST) -> dict[str, str]:
    """The layers that a class makes, by name, with the name of their class."""
    owner = tree.above(node, ast.ClassDef)
    assignments = [found for found in tree.nodes(ast.Assign) if tree.above(found, ast.ClassDef) is owner]
    return {
        target.attr: called(assignment.value)
        for assignment in assignments
        if isinstance(target := assignment.targets[0], ast.Attribute) and isinstance(assignment.value, ast.Call)
    }


def other_layer(tree: Tree) -> Iterator[Change]:
    """Another layer of the same kind used in a layer's place, or made to be the same one."""
    for call, inner in _uses(tree):
        assert isinstance(call.func, ast.Attribute)
        made = _made(tree, call)
        for other, kind in made.items():
            if other != call.func.attr and kind == made.get(call.func.attr):
                yield tree.replaced(call, f"self.{other}({inner})")
    for assignment in tree.nodes(ast.Assign):
        target, value = assignment.targets[0], assignment.value
        if isinstance(target, ast.Attribute) and isinstance(value, ast.Call) and called(value) in PARAMETERS:
            for other, kind in _made(tree, assignment).items():
                if other < target.attr and kind == called(value):
                    yield tree.replaced(value, f"self.{other}", f"{target.attr} is {other} once more")


def layer_skipped(tree: Tree) -> Iterator[Change]:
    """A layer that is made, but not used."""
    for call, inner in _uses(tree):
        yield tree.replaced(call, inner, f"{quoted(call.func)} is not used")


def layer_twice(tree: Tree) -> Iterator[Change]:
    """A layer that is run twice."""
    for call, inner in _uses(tree):
        name = text(call.func)
        yield tree.replaced(call, f"{name}({name}({inner}))", f"`{name}` is run twice")


def order_of_layers(tree: Tree) -> Iterator[Change]:
    """Two layers, one after the other, exchanged."""
    for call in tree.nodes(ast.Call):
        inner = call.args[0] if len(call.args) == 1 and not call.keywords else None
        if isinstance(inner, ast.Call) and len(inner.args) == 1 and tree.in_forward(call):
            first, second = text(inner.func), text(call.func)
            if first != second:
                yield tree.replaced(call, f"{first}({second}({text(inner.args[0])}))")


def gradient_cut(tree: Tree) -> Iterator[Change]:
    """A detach on the way."""
    for call, inner in _uses(tree):
        yield tree.replaced(call.args[0], f"({inner}).detach()")
        yield tree.replaced(call, f"{text(call)}.detach()")


def batch_statistics(tree: Tree) -> Iterator[Change]:
    """A layer that is always in one of its two modes."""
    for call, inner in _uses(tree):
        assert isinstance(call.func, ast.Attribute)
        if _made(tree, call).get(call.func.attr) == "BatchNorm2d":
            for mode in ("train", "eval"):
                yield tree.replaced(call, f"{text(call.func)}.{mode}()({inner})")


def result(tree: Tree) -> Iterator[Change]:
    """Something done to a module's result: another type, cut off from the gradient, dropout, a lost axis."""
    for statement in tree.nodes(ast.Return):
        if statement.value is None or not tree.in_forward(statement):
            continue
        value = text(statement.value)
        for function in (
            *("({}).float()", "({}).half().to(x.dtype)", "({}).double()", "({}).detach()", "({}).squeeze()"),
            *("nn.functional.dropout({}, 0.1, self.training)", "({}).clamp(-50, 50)", "1.01 * ({})", "({}) + 0.001"),
            "({}).softmax(1)",
        ):
            yield tree.replaced(statement.value, function.format(value))


MUTATIONS: dict[str, Mutation] = {
    "kernel": kernel,
    "padding": padding,
    "stride": stride,
    "stride moved": stride_moved,
    "groups": groups,
    "bias": bias,
    "normalisation": normalisation,
    "pooling": pooling,
    "activation": activation,
    "activation moved": activation_moved,
    "shortcut": on_the_shortcut,
    "in place": in_place,
    "other layer": other_layer,
    "layer skipped": layer_skipped,
    "layer twice": layer_twice,
    "order of layers": order_of_layers,
    "gradient cut": gradient_cut,
    "BN's mode": batch_statistics,
    "result": result,
}
