"""Finds in a submission what is to be executed. It reads the notebook as data, and runs nothing.

The answer to an exercise is in the last cell that is marked with it, by its metadata or a comment, or else in the last
cells that bind the required names at top level. With it comes what it needs of the other cells: imports, definitions
and assignments. All else, such as training, stays out.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_CELLS = 2000
FENCE = re.compile(r"^(`{3,}|~{3,})\{code(?:-cell)?\}.*$")
LINE_MAGIC = re.compile(r"^(\s*)(?:[%!].*|\S.*\?{1,2}|\?{1,2}\S.*)$")
HARMLESS_MAGICS = ("%%time", "%%timeit", "%%capture")
MARKER = re.compile(r"^#\s*exercise:\s*([\w-]+)\s*$", re.MULTILINE)


class Unreadable(Exception):
    """The submission can't be read. The message says why, to the student."""


@dataclass(frozen=True)
class Cell:
    """A code cell, and the exercise that it is marked with or ""."""

    source: str
    marked: str = ""


@dataclass
class Piece:
    """What is executed of one cell: statements, in order. ``exercises`` are those it answers."""

    cell: int
    source: str
    exercises: list[str]
    statements: list[ast.stmt] = field(default_factory=list)
    problem: str = ""


def cells_of(content: bytes, kind: str) -> list[Cell]:
    """The code cells of a notebook (``kind`` "ipynb") or of a MyST page ("md"). Raises Unreadable."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8 text.") from None
    cells = list(_of_page(text) if kind == "md" else _of_notebook(text))
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} code cells, which is more than {MOST_CELLS}.")
    return cells


def _of_notebook(text: str) -> Iterator[Cell]:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("The file is no notebook: it is not valid JSON.") from None
    if not isinstance(notebook, dict):
        raise Unreadable("The file is no notebook: its JSON is no object.")
    found = notebook.get("cells")
    if found is None and isinstance(notebook.get("worksheets"), list):  # notebook format 3
        found = [cell for sheet in notebook["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells", ())]
    if not isinstance(found, list):
        raise Unreadable("The file is no notebook: it has no list of cells.")
    for cell in found:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if isinstance(source, str):
            yield Cell(source.replace("\r\n", "\n"), _marked(source, cell.get("metadata")))


def _of_page(text: str) -> Iterator[Cell]:
    fence, lines = "", []
    for line in text.replace("\r\n", "\n").split("\n"):
        if fence and line.startswith(fence) and not line.strip(fence[0] + " "):
            source = "\n".join(_without_options(lines))
            yield Cell(source, _marked(source, None))
            fence, lines = "", []
        elif fence:
            lines.append(line)
        elif match := FENCE.match(line):
            fence = match[1]


def _without_options(lines: list[str]) -> list[str]:
    if lines and lines[0].strip() == "---":
        end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), len(lines))
        return lines[end + 1 :]
    start = next((i for i, line in enumerate(lines) if not re.match(r":[\w-]+:", line)), len(lines))
    return lines[start:]


def _marked(source: str, metadata: Any) -> str:
    ours = metadata.get("labutils") if isinstance(metadata, dict) else None
    named = ours.get("exercise") if isinstance(ours, dict) else None
    match = MARKER.search(source)
    return named if isinstance(named, str) else match[1] if match else ""


def pieces_of(cells: list[Cell], wanted: dict[str, list[str]]) -> tuple[list[Piece], list[str]]:
    """What to execute, in order, and the exercises that have no answer. ``wanted`` has the names each asks for."""
    parsed = [_parsed(cell.source) for cell in cells]
    answers: dict[int, list[str]] = {}
    missing = []
    for exercise, names in wanted.items():
        chosen = _answer(exercise, names, cells, parsed)
        if not chosen:
            missing.append(exercise)
        for index in chosen:
            answers.setdefault(index, []).append(exercise)
    final = {
        name: max(index for index, exercises in answers.items() if exercise in exercises)
        for exercise in wanted
        if exercise not in missing
        for name in wanted[exercise]
    }
    pieces = [
        Piece(number, cells[number].source, answers.get(number, []), [], parse if isinstance(parse, str) else "")
        for number, parse in enumerate(parsed)
    ]
    kept = _slice(parsed, set(answers), final)
    for piece, parse in zip(pieces, parsed, strict=True):
        if not isinstance(parse, str):
            piece.statements = [node for node in parse if id(node) in kept]
    return [piece for piece in pieces if piece.exercises or piece.statements], missing


def _parsed(source: str) -> list[ast.stmt] | str:
    """The cell's statements, or why it has none."""
    if source.startswith("%%"):
        first, _, source = source.partition("\n")
        if not first.startswith(HARMLESS_MAGICS):
            return []
        source = "\n" + source
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    try:
        return ast.parse("\n".join(LINE_MAGIC.sub(r"\1pass", line) for line in source.split("\n"))).body
    except SyntaxError as error:
        where = f" (in line {error.lineno} of the cell)" if error.lineno else ""
        return f"{type(error).__name__}: {error.msg}{where}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"it can't be parsed ({type(error).__name__})"


def _answer(exercise: str, names: list[str], cells: list[Cell], parsed: list[list[ast.stmt] | str]) -> list[int]:
    marked = [index for index, cell in enumerate(cells) if cell.marked == exercise]
    if marked:
        return marked[-1:]
    chosen = set()
    for name in names:
        having = [index for index, parse in enumerate(parsed) if _mentions(name, cells[index].source, parse)]
        if not having:
            return []
        chosen.add(having[-1])
    return sorted(chosen)


def _mentions(name: str, source: str, parse: list[ast.stmt] | str) -> bool:
    if isinstance(parse, str):
        return re.search(rf"^(?:class|def)\s+{name}\b|^{name}\s*=", source, re.MULTILINE) is not None
    return any(name in bound(node) for node in parse)


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement at top level gives a value, those whose attributes or items it sets included."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        return {name for target in node.targets for name in _targets(target)}
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return set(_targets(node.target))
    blocks = [getattr(node, block, []) for block in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(node, "handlers", [])]
    return {name for block in blocks for inner in block for name in bound(inner)}


def _targets(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            yield from _targets(item)
    elif isinstance(target, ast.Starred | ast.Attribute | ast.Subscript):
        yield from _targets(target.value)


def _slice(parsed: list[list[ast.stmt] | str], answers: set[int], final: dict[str, int]) -> set[int]:
    """The ids of the statements to execute: answers up to their last required name, and what these need.

    ``final`` has the cell of each required name's answer. What a later cell binds to the name does not count.
    """
    kept: set[int] = set()
    open_statements: list[tuple[set[str], ast.stmt]] = []
    needed: set[str] = set()
    for index, parse in enumerate(parsed):
        if isinstance(parse, str):
            continue
        binding = [place for place, node in enumerate(parse) if bound(node) & final.keys()]
        last = binding[-1] if index in answers and binding else -1
        for place, node in enumerate(parse):
            if place <= last or _is_star_import(node):
                kept.add(id(node))
                needed |= _loaded(node)
            elif _may_be_needed(node) and all(index <= final.get(name, index) for name in bound(node)):
                open_statements.append((bound(node), node))
    changed = True
    while changed:
        changed = False
        for names, node in open_statements:
            if id(node) not in kept and names & needed:
                kept.add(id(node))
                needed |= _loaded(node)
                changed = True
    return kept


def _is_star_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def _may_be_needed(node: ast.stmt) -> bool:
    if isinstance(node, ast.If | ast.Try | ast.With):
        blocks: Iterable[list[ast.stmt]] = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        handlers = [handler.body for handler in getattr(node, "handlers", [])]
        return all(
            isinstance(inner, ast.Pass) or _may_be_needed(inner) for block in [*blocks, *handlers] for inner in block
        )
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return isinstance(node, (*definitions, ast.Assign, ast.AnnAssign))


def _loaded(node: ast.stmt) -> set[str]:
    """The names that a statement reads, without the local ones of its functions."""
    names: set[str] = set()
    waiting: list[tuple[ast.AST, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        inner, local = waiting.pop()
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and inner.id not in local:
            names.add(inner.id)
        children = list(ast.iter_child_nodes(inner))
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            body = inner.body if isinstance(inner.body, list) else [inner.body]
            inside = local | _locals(inner, body)
            waiting += [(child, local) for child in children if child not in body]
            waiting += [(child, inside) for child in body]
        else:
            waiting += [(child, local) for child in children]
    return names


def _locals(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, body: list[Any]) -> set[str]:
    names = {inner.arg for inner in ast.walk(function.args) if isinstance(inner, ast.arg)}
    for inner in (inner for part in body for inner in ast.walk(part)):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
    return names
