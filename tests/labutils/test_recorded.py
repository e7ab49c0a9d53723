"""Records are written whole, found by name, and say which code made them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labutils import recorded
from tests.conftest import no_file_beyond

MADE = {"git_commit": "a" * 40}


def test_a_record_is_found_by_its_name(tmp_path: Path) -> None:
    file = recorded.save("run", "script.py", {"seed": 1}, [2], folder=tmp_path / "new", made=MADE, resumed=[])
    assert file == tmp_path / "new" / "run.json"
    assert list(recorded.load("run", file.parent).items()) == [
        ("name", "run"),
        ("script", "script.py"),
        ("settings", {"seed": 1}),
        ("git_commit", "a" * 40),
        ("resumed", []),
        ("results", [2]),
    ]
    assert recorded.names(file.parent) == ["run"]


def test_without_a_folder_the_courses_own_records_are_meant() -> None:
    assert recorded.load("depths")["script"] == "experiments/depths.py"
    assert {"degradation-sweep", "depths"} <= set(recorded.names())


def test_an_unknown_record_is_refused_with_those_there_are() -> None:
    with pytest.raises(FileNotFoundError, match=r"no recorded run 'no-such'; there are: .*degradation-sweep"):
        recorded.load("no-such")


def test_an_unknown_record_of_another_folder_is_refused_with_those_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no recorded run 'depths'; there are: none\."):
        recorded.load("depths", tmp_path)
    for name in ("b", "a"):
        recorded.save(name, "script.py", {}, [], folder=tmp_path, made=MADE)
    with pytest.raises(FileNotFoundError, match=r"no recorded run 'depths'; there are: a, b\."):
        recorded.load("depths", tmp_path)


def test_where_the_disk_is_full_the_record_there_is_kept(tmp_path: Path) -> None:
    file = recorded.save("run", "script.py", {}, "before", folder=tmp_path, made=MADE)
    with no_file_beyond(1000), pytest.raises(OSError, match="File too large"):
        recorded.save("run", "script.py", {}, "after" * 1000, folder=tmp_path, made=MADE)
    assert json.loads(file.read_text(encoding="utf-8"))["results"] == "before"
    assert list(tmp_path.iterdir()) == [file]


def training(**settings: object) -> dict[str, Any]:
    """The head of a record of a training."""
    usual = {"model": "cifar-20", "depth": 20, "shortcut": "A", "seed": 0, "epochs": 3, "warmup_steps": 0}
    usual |= {"precision": "bfloat16 autocast", "compiled": True}
    return {"settings": usual | settings}


def test_networks_and_seeds_share_a_protocol_and_all_other_settings_are_part_of_it() -> None:
    protocol = recorded.protocol(training())
    deep = training(model="cifar-110", depth=110, shortcut=None, seed=1, warmup_steps=400)
    assert recorded.protocol(deep) == protocol
    others = [training(epochs=4), training(precision="float32"), training(compiled=False)]
    assert all(recorded.protocol(other) != protocol for other in others)


def test_a_command_says_what_a_training_was_made_with() -> None:
    start = "python experiments/train.py --model cifar-20 --shortcut"
    assert recorded.command(training()) == f"{start} A --seed 0 --epochs 3 --precision bfloat16 --compile"
    plain = training(shortcut=None, seed=2, precision="float32", compiled=False)
    assert recorded.command(plain) == f"{start} none --seed 2 --epochs 3 --precision float32"


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, which records take for their own."""
    for name in ("labutils/models.py", "experiments/train.py", "experiments/runs/old.json", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before", encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    monkeypatch.setattr(recorded, "_IN_REPOSITORY", tmp_path / "experiments" / "runs")
    return tmp_path


def test_committed_code_is_named_by_its_commit(repository: Path) -> None:
    assert recorded.git_commit() == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["labutils/models.py", "labutils/new.py", "experiments/train.py"])
def test_changed_code_is_said_to_differ_from_its_commit(repository: Path, name: str) -> None:
    (repository / name).write_text("after", encoding="utf-8")
    assert recorded.git_commit() == git(repository, "rev-parse", "HEAD") + " with uncommitted changes"


@pytest.mark.parametrize("name", ["README.md", "experiments/runs/old.json", "experiments/runs/new.json"])
def test_a_change_of_something_else_does_not_count(repository: Path, name: str) -> None:
    (repository / name).write_text("after", encoding="utf-8")
    assert recorded.git_commit() == git(repository, "rev-parse", "HEAD")


def test_without_a_repository_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "_IN_REPOSITORY", tmp_path / "experiments" / "runs")
    assert recorded.git_commit() == "unknown"
