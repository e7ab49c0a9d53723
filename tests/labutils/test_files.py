"""Files are there whole or not at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from labutils.files import write_whole


@pytest.fixture(params=[0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_text_and_bytes_are_written_as_they_are_into_a_folder_that_is_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "a.txt"
    write_whole(file, "η\r\n")
    assert file.read_bytes() == "η\r\n".encode()
    write_whole(file, b"\x00")
    assert file.read_bytes() == b"\x00"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_is_as_private_as_its_owner_wants(tmp_path: Path, umask: int) -> None:
    write_whole(tmp_path / "a.txt", "a")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_was_there_stays_whole_until_the_new_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    write_whole(file, "old")

    def fail(_number: int) -> None:
        assert file.read_text(encoding="utf-8") == "old"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "new")
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]
