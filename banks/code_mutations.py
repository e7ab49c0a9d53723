"""Mutations of any program: operators, conditions, numbers, names, statements, loops and what is called."""

import ast
from collections.abc import Iterator
from itertools import pairwise

from banks.layer_mutations import Mutation, called
from banks.syntax import Change, Tree, expression, quoted, text

OPERATORS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: ("-", "*"),
    ast.Sub: ("+",),
    ast.Mult: ("+", "//"),
    ast.Div: ("*", "//"),
    ast.FloorDiv: ("*",),
    ast.Pow: ("*",),
}
COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.NotEq: ("==", "<", ">"),
    ast.Eq: ("!=", "<=", ">="),
    ast.Lt: ("<=", ">", "!="),
    ast.Gt: (">=", "<", "!="),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
CALLS: dict[str, tuple[str, ...]] = {
    "mean": ("sum", "amax", "std"),
    "sum": ("max",),
    "train": ("eval",),
    "eval": ("train",),
    "argmax": ("argmin",),
    "numel": ("dim",),
    "no_grad": ("enable_grad",),
    "append": ("extend",),
    "Flatten": ("Identity",),
    "ValueError": ("AssertionError", "TypeError"),
    "modules": ("children",),
    "register_forward_hook": ("register_forward_pre_hook",),
}
CLAMP = "x.clamp_(-100, 100)"
UNWRAPPED = ("item", "eval", "flatten")  # methods that may be left out
OPENED = ("int", "deepcopy", "len")  # functions that may be left out


def operator(tree: Tree) -> Iterator[Change]:
    """Another arithmetic operator."""
    for node in tree.nodes(ast.BinOp):
        for symbol in OPERATORS.get(type(node.op), ()):
            yield tree.replaced(node, f"({text(node.left)}) {symbol} ({text(node.right)})")
    for node in tree.nodes(ast.AugAssign):
        target, value = text(node.target), text(node.value)
        for new in (f"{target} = {value}", f"{target} -= {value}"):
            yield Change(tree.said(node, f"`{new}` instead of {quoted(node)}"), ((node, ast.parse(new).body[0]),))


def condition(tree: Tree) -> Iterator[Change]:
    """Another condition: a part dropped, ``and`` for ``or``, another comparison, always or never."""
    for node in tree.nodes(ast.BoolOp):
        joined = " and " if isinstance(node.op, ast.Or) else " or "
        yield tree.replaced(node, joined.join(f"({text(value)})" for value in node.values))
        for value in node.values:
            yield tree.replaced(node, value)
    for node in tree.nodes(ast.Compare):
        for symbol in COMPARISONS.get(type(node.ops[0]), ()):
            yield tree.replaced(node, f"{text(node.left)} {symbol} {text(node.comparators[0])}")
        if isinstance(node.ops[0], ast.NotEq) and text(node.comparators[0]) == "1":
            for new in ("{} == 2", "{} > 2", "{} == 3"):
                yield tree.replaced(node, new.format(text(node.left)))
        if isinstance(node.ops[0], ast.NotEq) and text(node.comparators[0]) == "out_channels":
            for new in ("2 * in_channels == out_channels", "in_channels % out_channels", "out_channels % in_channels"):
                yield tree.replaced(node, new)
    for node in [*tree.nodes(ast.If), *tree.nodes(ast.IfExp)]:
        for value in ("True", "False"):
            yield tree.replaced(node.test, value, f"{quoted(node.test)} is taken to be {value}")
        yield tree.replaced(node.test, f"not ({text(node.test)})")


def number(tree: Tree) -> Iterator[Change]:
    """Another number, or True for False."""
    for node in tree.nodes(ast.Constant):
        if isinstance(node.value, bool):
            yield tree.replaced(node, str(not node.value))
        elif isinstance(node.value, int):
            for value in (node.value + 1, node.value - 1, 2 * node.value):
                yield tree.replaced(node, str(value))
        elif isinstance(node.value, float):
            yield tree.replaced(node, str(node.value + 1))


def variable(tree: Tree) -> Iterator[Change]:
    """Another of a function's variables in the place of one."""
    for function in tree.functions():
        stored = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and _is_stored(node)]
        names = list(dict.fromkeys([*(parameter.arg for parameter in function.args.args), *stored]))
        names = [name for name in names if name not in ("self", "_")]
        for node in tree.nodes(ast.Name):
            if tree.above(node, ast.FunctionDef) is not function or _is_stored(node) or node.id not in names:
                continue
            for name in names:
                if name != node.id:
                    yield tree.replaced(node, name)


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def default(tree: Tree) -> Iterator[Change]:
    """Another default value, or none."""
    for function in tree.functions():
        values, names = function.args.defaults, [parameter.arg for parameter in function.args.args]
        for place, (value, name) in enumerate(zip(values, names[len(names) - len(values) :], strict=True)):
            for new in (f"{text(value)} + 1", f"2 * {text(value)}", "None"):
                yield tree.replaced(value, new, f"the default of {name} is `{new}` instead of {quoted(value)}")
            if place == 0:
                what = tree.said(function, f"{name} has no default")
                yield Change(what, ((values, values[1:]),))


def order_of_arguments(tree: Tree) -> Iterator[Change]:
    """Two arguments, or two parameters, exchanged."""
    for call in tree.nodes(ast.Call):
        for place, (one, other) in enumerate(pairwise(call.args)):
            if text(one) != text(other) and not isinstance(other, ast.Starred) and called(call) != "Sequential":
                args = [*call.args[:place], other, one, *call.args[place + 2 :]]
                yield tree.replaced(call, ast.Call(call.func, args, call.keywords))
    for function in tree.functions():
        parameters = function.args.args
        for place, (one, other) in enumerate(pairwise(parameters)):
            if one.arg != "self":
                what = tree.said(function, f"the parameters {one.arg} and {other.arg} are exchanged")
                parts = [*parameters[:place], other, one, *parameters[place + 2 :]]
                yield Change(what, ((parameters, parts),))  # pyright: ignore[reportArgumentType]


def argument_dropped(tree: Tree) -> Iterator[Change]:
    """An argument that is not passed."""
    for call in tree.nodes(ast.Call):
        if called(call) in ("Sequential", "ValueError"):
            continue
        for keyword in call.keywords:
            keywords = [other for other in call.keywords if other is not keyword]
            what = f"{keyword.arg} is not passed to {quoted(call.func)}"
            yield tree.replaced(call, ast.Call(call.func, call.args, keywords), what)
        if call.args:
            what = f"{quoted(call.args[-1])} is not passed to {quoted(call.func)}"
            yield tree.replaced(call, ast.Call(call.func, call.args[:-1], call.keywords), what)


def element(tree: Tree) -> Iterator[Change]:
    """An element of a list, a tuple or a chain of layers dropped, doubled, or exchanged with the next one."""
    chains = [call.args for call in tree.nodes(ast.Call) if called(call) == "Sequential"]
    lists = [node.elts for kind in (ast.List, ast.Tuple) for node in tree.nodes(kind) if isinstance(node.ctx, ast.Load)]
    for parts in chains + lists:
        if len(parts) < 2:
            continue
        for place, part in enumerate(parts):
            before, after = parts[:place], parts[place + 1 :]
            yield Change(tree.said(part, f"{quoted(part)} is missing"), ((parts, before + after),))
            yield Change(tree.said(part, f"{quoted(part)} is there twice"), ((parts, [*before, part, part, *after]),))
            if after and text(after[0]) != text(part):
                what = tree.said(part, f"{quoted(part)} and {quoted(after[0])} are exchanged")
                yield Change(what, ((parts, [*before, after[0], part, *after[1:]]),))


def statement(tree: Tree) -> Iterator[Change]:
    """A statement dropped, doubled, or exchanged with the next one."""
    for body in tree.bodies():
        for place, part in enumerate(body):
            before, after = body[:place], body[place + 1 :]
            shown = f"`{text(part).partition(':')[0]}: …`" if hasattr(part, "body") else quoted(part)
            less = before + after or [ast.Pass()]
            yield Change(tree.said(part, f"{shown} is missing"), ((body, less),))
            if _read(part) & _written(part) or _acts(part):
                yield Change(tree.said(part, f"{shown} is there twice"), ((body, [*before, part, part, *after]),))
            if after and _depend(part, after[0]):
                what = tree.said(part, f"{shown} comes after the statement that should follow it")
                yield Change(what, ((body, [*before, after[0], part, *after[1:]]),))


def _depend(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether it can matter which of two statements comes first."""
    if isinstance(one, ast.Nonlocal):
        return False
    touched = [_read(part) | _written(part) for part in (one, other)]
    shared = _written(one) & touched[1] or _written(other) & touched[0]
    return bool(shared) or _acts(one) or _acts(other) or isinstance(other, ast.Return)


def _acts(part: ast.stmt) -> bool:
    """Whether a statement is there for what it does to other things."""
    return isinstance(part, ast.Expr | ast.AugAssign | ast.For) and "super()" not in text(part)


def _read(part: ast.stmt) -> set[str]:
    return {text(node) for node in ast.walk(part) if isinstance(getattr(node, "ctx", None), ast.Load)}


def _written(part: ast.stmt) -> set[str]:
    return {text(node) for node in ast.walk(part) if isinstance(getattr(node, "ctx", None), ast.Store)}


def loop(tree: Tree) -> Iterator[Change]:
    """A loop that runs once, or once more or less, and a thing made once where there should be several."""
    for node in tree.nodes(ast.For):
        what = tree.said(node, f"the loop over {quoted(node.iter)} ends after its first pass")
        yield Change(what, ((node.body, [*node.body, ast.Break()]),))
        last, less = node.body[-1], node.body[:-1] or [ast.Pass()]
        shorter = ast.For(node.target, node.iter, less, node.orelse, lineno=node.lineno)
        yield _instead(tree, node, [shorter, last], f"{quoted(last)} is behind the loop instead of in it")
    for call in tree.nodes(ast.Call):
        if called(call) == "range":
            for new in ("{} + 1", "{} - 1"):
                yield tree.replaced(call.args[0], new.format(text(call.args[0])))
    for node in tree.nodes(ast.ListComp):
        times = node.generators[0].iter
        if isinstance(times, ast.Call) and called(times) == "range":
            yield tree.replaced(node, f"[{text(node.elt)}] * ({text(times.args[0])})")


def _instead(tree: Tree, node: ast.stmt, new: list[ast.stmt], what: str) -> Change:
    """The change of one statement into several."""
    body = next(body for body in tree.bodies() if any(part is node for part in body))
    place = next(place for place, part in enumerate(body) if part is node)
    return Change(tree.said(node, what), ((body, [*body[:place], *new, *body[place + 1 :]]),))


def other_call(tree: Tree) -> Iterator[Change]:
    """Another function or method called, or one left out."""
    for call in tree.nodes(ast.Call):
        for name in CALLS.get(called(call), ()):
            new = f"{text(call.func.value)}.{name}" if isinstance(call.func, ast.Attribute) else name
            yield tree.replaced(call, ast.Call(expression(new), call.args, call.keywords))
        if isinstance(call.func, ast.Attribute) and called(call) in UNWRAPPED:
            yield tree.replaced(call, call.func.value)
        if called(call) in OPENED and len(call.args) == 1:
            yield tree.replaced(call, call.args[0])
        if called(call) == "len":
            yield tree.replaced(call, "1")
        if called(call) == "isinstance":
            kinds = text(call.args[1])
            yield tree.replaced(call, f"type({text(call.args[0])}) in {kinds}")
        if called(call) == "argmax":
            for axis in ("0", "-1", ""):
                assert isinstance(call.func, ast.Attribute)
                yield tree.replaced(call, f"{text(call.func)}({axis})")
        if called(call) == "flatten":
            assert isinstance(call.func, ast.Attribute)
            yield tree.replaced(call, f"{text(call.func.value)}.squeeze()")
        if called(call) == "mean" and tree.in_forward(call):
            for axes in ("2", "3", "(1, 2, 3)", "(2, 3), keepdim=True"):
                yield tree.replaced(call, f"{text(call.func)}({axes})")


def context(tree: Tree) -> Iterator[Change]:
    """What is done under a ``with``, done without it; a ``forward`` without gradients; a mode that is set."""
    for node in tree.nodes(ast.With):
        what = f"what stands under `with {text(node.items[0])}` stands there without it"
        yield _instead(tree, node, node.body, what)
    for function in tree.functions():
        if function.name == "forward":
            for line in ("x = x.detach()", "self.eval()", "self.train()", "x = x.float()", "x = x * 1.001", CLAMP):
                what = tree.said(function, f"`{line}` is done first")
                yield Change(what, ((function.body, [*ast.parse(line).body, *function.body]),))


MUTATIONS: dict[str, Mutation] = {
    "condition": condition,
    "operator": operator,
    "number": number,
    "default": default,
    "order of arguments": order_of_arguments,
    "argument dropped": argument_dropped,
    "element": element,
    "statement": statement,
    "loop": loop,
    "other call": other_call,
    "context": context,
    "variable": variable,
}
