"""The exercise sheets hold their solutions. Here they are taken out."""

from collections.abc import Iterator

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"


def without_solutions(text: str, file: str) -> str:
    """``text`` with each region between the markers replaced by ``raise NotImplementedError``.

    Raises ValueError, naming ``file`` and line, for a marker without its partner and for a region outside a function.
    """
    return "\n".join(_lines(text, file, solved=False))


def with_solutions(text: str, file: str) -> str:
    """``text`` without the markers, the solutions left in. Raises ValueError as :func:`without_solutions` does."""
    return "\n".join(_lines(text, file, solved=True))


def _lines(text: str, file: str, solved: bool) -> Iterator[str]:
    begun = 0  # the line of the marker that waits for its end
    for number, line in enumerate(text.split("\n"), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if line.strip() == BEGIN:
            if begun:
                raise ValueError(f"{file}:{number}: a second {BEGIN!r} before the {END!r} of line {begun}.")
            if not indent:
                raise ValueError(f"{file}:{number}: a solution must stand inside a function, so that the cell runs.")
            begun = number
            if not solved:
                yield f"{indent}raise NotImplementedError"
        elif line.strip() == END:
            if not begun:
                raise ValueError(f"{file}:{number}: {END!r} without a {BEGIN!r} before it.")
            begun = 0
        elif line.lstrip().startswith(("# BEGIN SOL", "# END SOL")):
            raise ValueError(f"{file}:{number}: write {BEGIN!r} or {END!r} exactly so, not {line.strip()!r}.")
        elif solved or not begun:
            yield line
    if begun:
        raise ValueError(f"{file}:{begun}: {BEGIN!r} without an {END!r}.")
