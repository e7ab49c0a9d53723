"""Figures that answer the hand. A cell writes what it measured into the page, and the book's own script draws it.

Where that script is not loaded, as in Jupyter, in Colab or with scripts switched off, a table stands in for it.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Any


def show(name: str, data: Any, table: Sequence[Sequence[object]]) -> None:
    """Display the widget called ``name`` (such as "lesion-player"), which reads ``data`` as JSON.

    ``table`` is what is seen without the book's script: rows of equal length, the first of them the header. Needs
    IPython, which every notebook has. Raises TypeError for data that JSON can't hold.
    """
    from IPython.display import HTML, display

    display(HTML(widget(name, data, table)))


def widget(name: str, data: Any, table: Sequence[Sequence[object]]) -> str:
    """The HTML that :func:`show` displays. Raises TypeError for data that JSON can't hold."""
    text = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    header, *rows = (["" if cell is None else escape(str(cell)) for cell in row] for row in table)
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<{name} class="widget" data-widget><script type="application/json">{text}</script>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></{name}>"
    )
