"""What of a submission is executed: the last answer, and what it needs of the other cells."""

import ast
import json

import pytest

from labutils.grading.child.extract import Unreadable, cells_of, pieces_of

WANTED = {"residual-block": ["BasicBlock"], "training-loop": ["train_one_epoch", "evaluate"]}
BLOCK = {"residual-block": ["BasicBlock"]}


def notebook(*sources: str) -> bytes:
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    return json.dumps({"cells": cells}).encode()


def executed(*sources: str, wanted: dict[str, list[str]] = BLOCK) -> list[str]:
    pieces, _ = pieces_of(cells_of(notebook(*sources), "ipynb"), wanted)
    return [ast.unparse(statement) for piece in pieces for statement in piece.statements]


def test_training_stays_out_and_what_the_answer_needs_comes_along() -> None:
    found = executed(
        "import torch\nimport time\nfrom torch import nn",
        "WIDTH = make_width()\nunused = slow()",
        "def make_width():\n    return BASE * 2\nBASE = 3",
        "class BasicBlock(nn.Module):\n    w = WIDTH",
        "model = BasicBlock()\nfor _ in range(100):\n    train(model)",
    )
    assert (
        found
        == [
            "import torch",
            "from torch import nn",
            "WIDTH = make_width()",
            "def make_width():\n    return BASE * 2",
            "BASE = 3",
            "class BasicBlock(nn.Module):\n    w = WIDTH",
        ][1:]
    )


def test_the_last_answer_wins() -> None:
    assert executed("class BasicBlock: first = 1", "class BasicBlock: second = 2") == [
        "class BasicBlock:\n    second = 2"
    ]


def test_a_marked_cell_is_the_answer_whatever_comes_later() -> None:
    sources = ("# exercise: residual-block\nclass BasicBlock: marked = 1", "class BasicBlock: later = 2")
    assert executed(*sources) == ["class BasicBlock:\n    marked = 1"]
    cells = [
        {
            "cell_type": "code",
            "source": "class BasicBlock: a = 1",
            "metadata": {"labutils": {"exercise": "residual-block"}},
        },
        {"cell_type": "code", "source": "class BasicBlock: b = 2", "metadata": {}},
    ]
    pieces, _ = pieces_of(cells_of(json.dumps({"cells": cells}).encode(), "ipynb"), BLOCK)
    assert [piece.cell for piece in pieces] == [0]


def test_what_follows_the_answer_in_its_cell_is_left_out() -> None:
    assert executed("class BasicBlock: pass\nprint(undefined)\nx = train()") == ["class BasicBlock:\n    pass"]


def test_an_exercise_may_be_answered_in_two_cells_or_not_at_all() -> None:
    sources = ("def evaluate(): pass", "def train_one_epoch(): pass")
    pieces, missing = pieces_of(cells_of(notebook(*sources), "ipynb"), WANTED)
    assert [(piece.cell, piece.exercises) for piece in pieces] == [(0, ["training-loop"]), (1, ["training-loop"])]
    assert missing == ["residual-block"]


def test_magics_are_passed_over() -> None:
    found = executed("%matplotlib inline\n!ls\nprint?\nclass BasicBlock: pass", "%%bash\nclass BasicBlock")
    assert found[-1] == "class BasicBlock:\n    pass"
    assert executed("%%time\nclass BasicBlock: pass") == ["class BasicBlock:\n    pass"]


def test_an_answer_that_is_no_python_is_named_as_such() -> None:
    pieces, missing = pieces_of(cells_of(notebook("class BasicBlock(:\n  pass"), "ipynb"), BLOCK)
    assert not missing
    assert pieces[0].problem.startswith("SyntaxError")


@pytest.mark.parametrize("fence", ["```", "````", "~~~"])
def test_cells_of_a_page(fence: str) -> None:
    text = f"# Title\n{fence}{{code-cell}} ipython3\n:tags: [a]\n\nx = 1\n{fence}\n```python\nno = 1\n```\n"
    assert [cell.source.strip() for cell in cells_of(text.encode(), "md")] == ["x = 1"]


def test_notebooks_of_other_formats() -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}]}]}
    assert cells_of(json.dumps(old).encode(), "ipynb")[0].source == "x = 1\ny = 2"
    assert cells_of(b"\xef\xbb\xbf" + notebook("x = 1"), "ipynb")[0].source == "x = 1"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"cells": 1}'])
def test_what_is_no_notebook_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"The file is .*\.$"):
        cells_of(content, "ipynb")
