"""A program's syntax tree, and the program with a few of its parts replaced."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
Spot = tuple[ast.AST, str, int | None]  # the node that holds a part, the field, and the place where that is a list
Part = ast.AST | list[ast.stmt] | list[ast.expr]


@dataclass(frozen=True)
class Change:
    """What is changed, in words, and each part of the tree that changes with what replaces it."""

    what: str
    edits: tuple[tuple[Part, Part], ...]


def expression(text: str) -> ast.expr:
    """The expression that the text is."""
    return ast.parse(text, mode="eval").body


def text(part: ast.AST) -> str:
    """The code of a node, in one line."""
    return " ".join(ast.unparse(part).split())


def quoted(part: ast.AST) -> str:
    """The code of a node for a sentence."""
    return f"`{text(part)}`"


@dataclass
class Tree:
    """The syntax tree of a module, without its docstrings.

    Only what runs when a function is called can be found in it, and the functions' default values: neither annotations
    nor imports.
    """

    source: str
    root: ast.Module = field(init=False)
    _parents: dict[ast.AST, ast.AST] = field(init=False)
    _spots: dict[int, Spot] = field(init=False)
    _running: list[ast.AST] = field(init=False)

    def __post_init__(self) -> None:
        self.root = ast.parse(self.source)
        del self.root.body[0]  # the docstring
        self._parents = {child: node for node in ast.walk(self.root) for child in ast.iter_child_nodes(node)}
        self._spots = dict(_spots(self.root))
        self._running = [node for statement in self.root.body for node in _walk(statement)]

    def changed(self, change: Change) -> str:
        """The source with the change."""
        for old, new in change.edits:
            self._put(old, new)
        try:
            return self.unchanged()
        finally:
            for old, _ in change.edits:
                self._put(old, old)

    def _put(self, old: Part, new: Part) -> None:
        holder, name, place = self._spots[id(old)]
        if place is None:
            setattr(holder, name, new)
        else:
            getattr(holder, name)[place] = new

    def unchanged(self) -> str:
        """The source as it is, laid out as that of a changed one."""
        return ast.unparse(self.root) + "\n"

    def functions(self) -> list[ast.FunctionDef]:
        """All functions and methods, one in another one after it."""
        return [node for node in ast.walk(self.root) if isinstance(node, ast.FunctionDef)]

    def nodes(self, kind: type[Node]) -> Iterator[Node]:
        """The nodes of one kind in the functions' bodies and in other statements of classes, in the source's order."""
        return (node for node in self._running if isinstance(node, kind))

    def bodies(self) -> Iterator[list[ast.stmt]]:
        """All lists of statements that are run one after the other, those of functions, loops and branches."""
        for statement in self.nodes(ast.stmt):
            if not isinstance(statement, ast.ClassDef):
                yield from (body for body in (getattr(statement, "body", []), getattr(statement, "orelse", [])) if body)

    def parent(self, node: ast.AST) -> ast.AST:
        """What the node stands in."""
        return self._parents[node]

    def above(self, node: ast.AST, kind: type[Node]) -> Node | None:
        """The nearest node of this kind in which the node stands."""
        found: ast.AST | None = self._parents.get(node)
        while found is not None and not isinstance(found, kind):
            found = self._parents.get(found)
        return found

    def place(self, node: ast.AST) -> str:
        """The name of the function that the node stands in, with its class, such as ``Block.forward``."""
        names: list[str] = []
        scope = node if isinstance(node, ast.FunctionDef | ast.ClassDef) else self.above_scope(node)
        while scope is not None:
            names.append(scope.name)
            scope = self.above_scope(scope)
        return ".".join(reversed(names))

    def above_scope(self, node: ast.AST) -> ast.FunctionDef | ast.ClassDef | None:
        """The nearest function or class in which the node stands."""
        found: ast.AST | None = self._parents.get(node)
        while found is not None and not isinstance(found, ast.FunctionDef | ast.ClassDef):
            found = self._parents.get(found)
        return found

    def in_forward(self, node: ast.AST) -> bool:
        """Whether the node stands in a module's ``forward``."""
        function = self.above(node, ast.FunctionDef)
        return function is not None and function.name == "forward"

    def said(self, node: ast.AST, change: str) -> str:
        """A sentence on a change: the place and, where the node is but a part of a line, the line."""
        statement = node if isinstance(node, ast.stmt) else self.above(node, ast.stmt)
        line = ""
        if statement is not node and isinstance(statement, ast.stmt):
            code = ast.unparse(statement).splitlines()[0]
            line = f", in `{code if len(code) <= 60 else code[:57] + '…'}`"
        return f"{self.place(node)}{line}{self.number(node)}: {change}"

    def number(self, node: ast.AST) -> str:
        """Which of the arguments or elements around it a node is, where it is a layer in a chain of several."""
        parent = self._parents[node]
        chain = parent.args if isinstance(parent, ast.Call) else parent.elts if isinstance(parent, ast.List) else []
        if not isinstance(node, ast.Call) or len(chain) < 2 or node not in chain:
            return ""
        return f", number {chain.index(node) + 1} of {len(chain)}"

    def replaced(self, old: ast.expr | ast.stmt, new: str | ast.expr, note: str = "") -> Change:
        """The change of an expression into another one, given as code or as a node."""
        new = expression(new) if isinstance(new, str) else new
        return Change(self.said(old, note or f"{quoted(new)} instead of {quoted(old)}{self.which(old)}"), ((old, new),))

    def which(self, node: ast.AST) -> str:
        """Which one a name or a number is, of several that are equal in a statement of one line or in a condition."""
        statement = self.above(node, ast.stmt)
        if statement is None or not isinstance(node, ast.Name | ast.Constant | ast.BinOp):
            return ""
        within = {id(part) for part in ast.walk(statement)}
        equal = [part for part in self._running if id(part) in within and ast.dump(part) == ast.dump(node)]
        return f" (number {equal.index(node) + 1} of {len(equal)})" if len(equal) > 1 else ""


def _spots(root: ast.AST) -> Iterator[tuple[int, Spot]]:
    """Where each node, and each list of nodes, stands."""
    for node in ast.walk(root):
        for name, value in ast.iter_fields(node):
            yield id(value), (node, name, None)
            if isinstance(value, list):
                yield from ((id(item), (node, name, place)) for place, item in enumerate(value))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.FunctionDef):
        children: list[ast.AST] = [*node.args.defaults, *node.body]
    elif isinstance(node, ast.ClassDef):
        children = list(node.body)
    elif isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
        children = []
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _walk(child)
