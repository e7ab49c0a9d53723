"""A rehearsal of Colab: every notebook runs where only Colab's packages are, and installs what is missing."""

import os
import re
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from packaging.requirements import Requirement

import notebooks
from tests.conftest import ROOT

IN_COLAB = ("torch", "torchvision", "numpy", "matplotlib", "scikit-learn", "tqdm", "ipykernel")
TO_BUILD = ("hatchling",)  # what pip would fetch to build labutils
Run = Callable[[NotebookNode], NotebookNode]

pytestmark = pytest.mark.builds


def with_requirements(names: tuple[str, ...]) -> set[str]:
    """The packages and all that they need."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower()
        if name in found:
            continue
        found.add(name)
        needed = (Requirement(text) for text in distribution(name).requires or [])
        waiting += [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def link_packages(names: set[str], target: Path) -> None:
    """Make packages that are installed here importable, and visible to pip, in another environment."""
    here = Path(sysconfig.get_paths()["purelib"])
    for name in names:
        files = distribution(name).files
        assert files is not None
        for part in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not (target / part).exists():
                (target / part).symlink_to(here / part)


def clone_of_working_tree(folder: Path) -> Path:
    """A repository that holds what is here, committed or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def run_in_colab(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a notebook in an empty folder, in an environment without labutils, myst-nb and Jupyter Book."""
    home = tmp_path_factory.mktemp("colab")
    venv.create(home / "env", with_pip=True)
    python = home / "env" / "bin" / "python"
    (packages,) = (home / "env" / "lib").glob("python*/site-packages")
    link_packages(with_requirements(IN_COLAB) | with_requirements(TO_BUILD), packages)
    empty = home / "content"
    empty.mkdir()
    for missing in ("labutils", "myst_nb", "jupyter_book"):
        found = subprocess.run([python, "-c", f"import {missing}"], cwd=empty, capture_output=True)
        assert found.returncode != 0, f"{missing} is there already"

    kernel = home / "kernels" / "colab"
    kernel.mkdir(parents=True)
    arguments = f'["{python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (kernel / "kernel.json").write_text(
        f'{{"argv": {arguments}, "display_name": "Colab", "language": "python"}}', encoding="utf-8"
    )
    address, _ = notebooks.repository()
    clone = clone_of_working_tree(home / "clone")
    environment = os.environ | {
        "JUPYTER_PATH": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "TQDM_DISABLE": "1",
        "MPLBACKEND": "agg",
    }
    environment.pop("PYTHONPATH", None)

    def run(notebook: NotebookNode) -> NotebookNode:
        notebook.cells[0].source = notebook.cells[0].source.replace(address, clone.as_uri())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_PATH", str(home))
            client = NotebookClient(
                notebook, kernel_name="colab", timeout=600, resources={"metadata": {"path": str(empty)}}
            )
            client.execute(env=environment)
        assert list(empty.iterdir()) == []
        return notebook

    first = notebooks.notebook(notebooks.pages()[0])
    first.cells = first.cells[:1]
    run(first)
    place = [python, "-c", "import labutils; print(labutils.__file__)"]
    installed = subprocess.run(place, cwd=empty, capture_output=True, encoding="utf-8")
    assert installed.stdout.startswith(str(packages)), "the first cell did not install labutils"
    shutil.rmtree(clone)  # what is installed now must be left alone
    return run


def counts(notebook: NotebookNode) -> list[int | None]:
    """The execution counts of the code cells."""
    return [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]


def points(notebook: NotebookNode) -> list[str]:
    """What the checks gave, in order."""
    shown = [
        output.data["text/plain"]
        for cell in notebook.cells
        if cell.source.startswith("check(")
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    return [found[1] for text in shown if (found := re.search(r"(\d+ of \d+) points", text))]


@pytest.mark.parametrize("page", [page for page in notebooks.pages() if page.startswith("chapters/")])
def test_a_chapters_notebook_runs_as_it_is(page: str, run_in_colab: Run) -> None:
    done = run_in_colab(nbformat.read(ROOT / "notebooks" / f"{page}.ipynb", as_version=4))
    assert counts(done) == list(range(1, len(counts(done)) + 1))


@pytest.mark.parametrize("page", [page for page in notebooks.pages() if page.startswith("exercises/")])
def test_a_solved_sheet_gets_all_points_and_an_untouched_one_none(page: str, run_in_colab: Run) -> None:
    solved = notebooks.notebook(page, solved=True)
    exercises = len([cell for cell in solved.cells if cell.source.startswith("check(")])
    done = run_in_colab(solved)
    assert counts(done) == list(range(1, len(counts(done)) + 1))
    assert points(done) == ["10 of 10"] * exercises
    starter = nbformat.read(ROOT / "notebooks" / f"{page}.ipynb", as_version=4)
    for cell in starter.cells:
        cell.metadata["tags"] = ["raises-exception"]
    untouched = run_in_colab(starter)
    assert points(untouched) == ["0 of 10"] * exercises
    errors = [o.ename for cell in untouched.cells for o in cell.get("outputs", []) if o.output_type == "error"]
    assert set(errors) == {"NotImplementedError"}
