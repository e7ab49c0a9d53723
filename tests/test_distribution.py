"""How the tests are dealt out to the workers."""

from pathlib import Path

from tests.conftest import LONGEST_FIRST, ROOT, WHOLE, ByFixtures, pytest_collection_modifyitems


def scope(nodeid: str) -> str:
    return ByFixtures._split_scope(object.__new__(ByFixtures), nodeid)


def test_a_file_with_a_costly_fixture_goes_to_one_worker_and_any_other_test_to_whoever_is_free() -> None:
    assert scope("tests/book/test_pages.py::test_a[b::c-1]") == scope("tests/book/test_pages.py::test_b")
    assert scope("tests/test_makefile.py::test_a") != scope("tests/test_makefile.py::test_b")


def test_the_longest_files_are_there_and_come_first() -> None:
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(WHOLE) < set(LONGEST_FIRST) <= there

    class Item:
        def __init__(self, stem: str) -> None:
            self.path = Path(f"{stem}.py")

    items = [Item(stem) for stem in ("test_plots", *reversed(LONGEST_FIRST))]
    pytest_collection_modifyitems(items)  # pyright: ignore[reportArgumentType]
    assert [item.path.stem for item in items] == [*LONGEST_FIRST, "test_plots"]
