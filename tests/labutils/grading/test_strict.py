"""The strict form, for courses whose tool executes notebooks: a cell that asserts ``check``."""

from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from banks.hostile import NO_SKIP, RIGHT
from tests.labutils.grading.conftest import UNDECIDED

pytestmark = pytest.mark.slow
IMPORTS = "import torch.nn.functional as F\nfrom torch import nn\nfrom labutils import check\n"


def execute(cell: str, block: str, folder: Path) -> None:
    cells = [new_code_cell(f"import os\nos.environ['XDG_DATA_HOME'] = {str(folder)!r}")]
    cells += [new_code_cell(IMPORTS + block), new_code_cell(cell)]
    NotebookClient(new_notebook(cells=cells), timeout=120, kernel_name="python3").execute()


STRICT = "os.environ['LABUTILS_STRICT'] = '1'\ncheck('residual-block', BasicBlock)"
ASSERT = "assert check('residual-block', BasicBlock)"


@pytest.mark.parametrize("cell", [ASSERT, STRICT])
def test_a_right_block_passes(cell: str, tmp_path: Path) -> None:
    execute(cell, RIGHT, tmp_path)


@pytest.mark.parametrize("cell", [ASSERT, STRICT])
def test_a_wrong_block_fails_the_cell(cell: str, tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match="AssertionError"):
        execute(cell, NO_SKIP, tmp_path)


def test_the_strict_form_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match="should be relu"):
        execute(STRICT, NO_SKIP, tmp_path)


@pytest.mark.parametrize("cell", [ASSERT, STRICT])
def test_a_block_that_can_not_be_decided_fails_the_cell(cell: str, tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match="not decided" if cell == STRICT else "AssertionError"):
        execute(cell, UNDECIDED, tmp_path)
