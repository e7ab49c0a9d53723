"""Hostile submissions: each succeeds against an unprotected grader, and comes to its stated status here."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from banks.hostile import ATTACKS, RIGHT, Outcome
from labutils.checks import exercises
from labutils.grading import marking
from labutils.grading.marking import Record
from labutils.grading.remote import Limits
from tests.hostile.harness import LITTER, content, folder_of_a_batch, sleepers, unprotected

pytestmark = pytest.mark.slow
SHEET = "01-residual-block"
NAMES = list(ATTACKS)
AT_A_TIME = 2


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server on this machine that gives the answer away."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(RIGHT.encode())

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def achieved(tmp_path_factory: pytest.TempPathFactory, port: int) -> dict[str, set[Outcome]]:
    """Per attack what it achieves against an unprotected grader."""
    home = tmp_path_factory.mktemp("unprotected")

    def attempt(name: str) -> set[Outcome]:
        with folder_of_a_batch(home / name) as folder:
            return unprotected(ATTACKS[name], folder, port)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(NAMES, pool.map(attempt, NAMES), strict=True))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, port: int) -> dict[str, tuple[Record, list[Path]]]:
    """Per attack its record, and the files it left."""
    home = tmp_path_factory.mktemp("graded")

    def attempt(name: str) -> tuple[Record, list[Path]]:
        attack = ATTACKS[name]
        with folder_of_a_batch(home / name) as folder:
            limits = Limits(time=attack.time)
            data = content(attack, folder, port)
            record = marking.mark(name, f"{name}.ipynb", data, SHEET, [exercises.load("residual-block")], limits)
            return record, [*(folder / "out").iterdir(), *(place for place in LITTER if place.exists())]

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(NAMES, pool.map(attempt, NAMES), strict=True))


def test_the_bank_is_large_enough() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_the_attack_succeeds_against_an_unprotected_grader(name: str, achieved: dict[str, set[Outcome]]) -> None:
    assert ATTACKS[name].unprotected in achieved[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_attack_comes_to_its_stated_status(name: str, graded: dict[str, tuple[Record, list[Path]]]) -> None:
    record, left = graded[name]
    mark = record.marks[0]
    assert record.status == ATTACKS[name].status, mark
    assert not left
    if record.status == "passed":
        assert mark.score == mark.max_score
    elif record.status == "partial":
        assert mark.score < mark.max_score
    else:
        assert mark.score == 0


def test_no_process_is_left(graded: dict[str, tuple[Record, list[Path]]]) -> None:
    assert graded
    assert sleepers() == []
