"""What is found in files, folders and platforms' zips, whose it is, and what is not read."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from labutils.grading import submissions
from labutils.grading.records import Refused
from labutils.grading.submissions import LARGEST_SUBMISSION, Submission, Unreadable, collect, student

ENCRYPTED = 0x1
PATCHED = 0x20  # a kind of entry that zipfile does not know
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def write(folder: Path, *names: str) -> Path:
    """The folder with a file for each name, whose content is its name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.fsencode(name))
    return folder


def write_zip(file: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def change(file: Path, header: bytes, offset: int, value: int) -> None:
    """Set two bytes in the first header of this kind."""
    content = bytearray(file.read_bytes())
    struct.pack_into("<H", content, content.index(header) + offset, value)
    file.write_bytes(content)


def ids(found: list[Submission]) -> dict[str, str]:
    """The ids by file."""
    return {submission.file: submission.id for submission in found}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("amy.ipynb", "amy"),
        ("sheets/amy.smith.ipynb", "amy.smith"),
        ("Amy Smith_1234567_assignsubmission_file_/01.ipynb", "Amy Smith"),
        ("Amy Smith_1234567_assignsubmission_file_/deep/er/01.ipynb", "Amy Smith"),
        ("Amy_Smith_1234567_assignsubmission_file_01.ipynb", "Amy_Smith"),
        ("smithamy_12345_67890_01-residual-block-2.ipynb", "smithamy"),
        ("smithamy_LATE_12345_67890_01-residual-block.ipynb", "smithamy"),
        ("amy_2.ipynb", "amy_2"),
    ],
)
def test_the_student_is_read_from_the_name_as_platforms_write_it(file: str, expected: str) -> None:
    assert student(file) == expected


def test_a_folder_is_searched_and_what_tools_leave_there_is_not_collected(tmp_path: Path) -> None:
    names = ("bob.ipynb", "deep/er/amy.md")
    left_out = ("notes.txt", ".ipynb_checkpoints/a.ipynb", ".git/a.md", "__MACOSX/a.ipynb", "deep/.a.ipynb")
    found, warnings = collect([write(tmp_path, *names, *left_out)])
    assert ids(found) == {"deep/er/amy.md": "amy", "bob.ipynb": "bob"}
    assert [submission.id for submission in found] == ["amy", "bob"]
    assert [submission.load() for submission in found] == [b"deep/er/amy.md", b"bob.ipynb"]
    assert warnings == []


def test_files_folders_and_zips_can_be_given_together(tmp_path: Path) -> None:
    folder = write(tmp_path, "one.ipynb", "more/two.md").joinpath("more")
    archive = write_zip(tmp_path / "three.zip", {"three.ipynb": b"3"})
    found, _ = collect([tmp_path / "one.ipynb", folder, archive])
    assert ids(found) == {"one.ipynb": "one", "two.md": "two", "three.ipynb": "three"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "class", "amy.md")
    write(tmp_path, "secret/solution.md")
    (folder / "bob.md").symlink_to(tmp_path / "secret/solution.md")
    (folder / "cem").symlink_to(tmp_path / "secret")
    found, _ = collect([folder])
    assert ids(found) == {"amy.md": "amy", "bob.md": "bob"}
    with pytest.raises(Unreadable, match=r"^The file is a link to another one, and was not followed\.$"):
        found[1].load()


def test_no_more_of_a_file_is_read_than_shows_that_it_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "amy.md").open("wb") as stream:
        stream.truncate(2 * LARGEST_SUBMISSION)
    (found,), _ = collect([tmp_path / "amy.md"])
    assert len(found.load()) == LARGEST_SUBMISSION + 1


def test_a_name_that_is_no_text_can_be_written_down(tmp_path: Path) -> None:
    write(tmp_path, os.fsdecode(b"M\xfcller.md"))
    (found,), _ = collect([tmp_path])
    assert (found.id, found.file) == ("M_ller", "M?ller.md")
    assert found.load()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("amy.ipynb", "amy.md"), {"amy", "amy-2"}),
        (("amy.ipynb", "Amy.md", "AMY.ipynb"), {"AMY", "Amy-2", "amy-3"}),
        (("amy.ipynb", "amy.md", "amy-2.ipynb"), {"amy", "amy-2", "amy-3"}),
        (("a/sheet.ipynb", "b/sheet.ipynb"), {"a", "b"}),
        (("a/x/sheet.ipynb", "b/x/sheet.ipynb"), {"a-x", "b-x"}),
        (("a/sheet.ipynb", "a/sheet.md"), {"a", "a-2"}),
        (("a/sheet.ipynb", "sheet.ipynb"), {"a", "sheet"}),
        (("a/amy.ipynb", "b/amy.ipynb", "a.ipynb"), {"a", "a-2", "b"}),
    ],
)
def test_no_two_submissions_have_one_id_even_where_case_does_not_count(
    names: tuple[str, ...], expected: set[str], tmp_path: Path
) -> None:
    found, _ = collect([write(tmp_path, *names)])
    assert {submission.id for submission in found} == expected
    assert len({submission.id.casefold() for submission in found}) == len(names)
    assert {submission.load().decode() for submission in found} == set(names)


def test_ids_are_the_same_in_every_order(tmp_path: Path) -> None:
    files = [write(tmp_path, name) / name for name in ("amy.ipynb", "amy.md", "bob.md")]
    assert ids(collect(files)[0]) == ids(collect(files[::-1])[0])


def test_a_second_file_is_told_and_takes_no_other_student_s_id(tmp_path: Path) -> None:
    found, warnings = collect([write(tmp_path, "amy.ipynb", "amy.md", "amy-2.ipynb", "bob.md")])
    assert ids(found) == {"amy.ipynb": "amy", "amy.md": "amy-3", "amy-2.ipynb": "amy-2", "bob.md": "bob"}
    assert warnings == ["amy.md is a further submission of amy: it is graded as amy-3."]


def test_a_zip_as_platforms_export_it_with_traps(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("Amy Smith_1234567_assignsubmission_file_/01.md", "amy")
        stream.writestr("bobb_12345_67890_01-residual-block-2.md", "bob")
        stream.writestr("../../outside.md", "outside")
        stream.writestr("/absolute.md", "absolute")
        stream.writestr("windows\\cem.md", "cem")
        stream.writestr("folder.md/", "")
        stream.writestr("notes.txt", "notes")
        for left_out in ("__MACOSX/._amy.ipynb", "a/.ipynb_checkpoints/amy.ipynb", ".hidden.md"):
            stream.writestr(left_out, "left by a tool")
        stream.writestr("bomb.ipynb", bytes(LARGEST_SUBMISSION + 1))
        stream.writestr(link, "/etc/passwd")
    found = {submission.id: submission for submission in collect([archive])[0]}
    assert found.keys() == {"Amy Smith", "bobb", "outside", "absolute", "cem", "bomb", "link"}
    assert found["cem"].file == "windows/cem.md"
    for name, content in (("Amy Smith", b"amy"), ("bobb", b"bob"), ("outside", b"outside"), ("absolute", b"absolute")):
        assert found[name].load() == content
    with pytest.raises(Unreadable, match=r"^The file has more than 20 MB\.$"):
        found["bomb"].load()
    with pytest.raises(Unreadable, match="is a link"):
        found["link"].load()
    assert list(tmp_path.iterdir()) == [archive]


def test_an_encrypted_entry_is_a_submission_that_says_so(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "export.zip", {"amy.md": b"amy", "bob.md": b"bob"})
    for header, offset in ((LOCAL, 6), (CENTRAL, 8)):
        change(archive, header, offset, ENCRYPTED)
    amy, bob = collect([archive])[0]
    with pytest.raises(Unreadable, match=r"^The file is encrypted\.$"):
        amy.load()
    assert bob.load() == b"bob"


def flip_content(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[30 + len("amy.md")] ^= 0xFF
    file.write_bytes(content)


def claim_more(file: Path) -> None:
    for size in (20, 24):
        change(file, CENTRAL, size, 60_000)


@pytest.mark.parametrize(
    ("method", "damage"),
    [
        (zipfile.ZIP_STORED, flip_content),  # its checksum is wrong
        (zipfile.ZIP_DEFLATED, flip_content),  # it can't be unpacked
        (zipfile.ZIP_DEFLATED, lambda file: change(file, CENTRAL, 20, 3)),  # it ends too early
        (zipfile.ZIP_STORED, claim_more),  # the file ends before it does
        (zipfile.ZIP_DEFLATED, lambda file: change(file, LOCAL, 0, 0)),  # its header is none
        (zipfile.ZIP_DEFLATED, lambda file: change(file, CENTRAL, 10, 99)),  # a way of packing that nobody knows
        (zipfile.ZIP_DEFLATED, lambda file: change(file, CENTRAL, 8, PATCHED)),
    ],
)
def test_a_damaged_entry_is_a_submission_that_says_so(method: int, damage: object, tmp_path: Path) -> None:
    assert callable(damage)
    archive = write_zip(tmp_path / "export.zip", {"amy.md": b"amy " * 100, "bob.md": b"bob"}, method)
    damage(archive)
    amy, bob = collect([archive])[0]
    with pytest.raises(Unreadable, match=r"^The file is damaged in the zip: .*\.$"):
        amy.load()
    assert bob.load() == b"bob"


def test_an_entry_that_is_larger_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "export.zip", {"amy.md": bytes(1000)})
    change(archive, CENTRAL, 24, 10)
    (amy,), _ = collect([archive])
    with pytest.raises(Unreadable, match="damaged"):
        amy.load()


def test_a_zip_that_can_not_be_searched_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_zip(tmp_path / "export.zip", {"amy.md": b"amy", "bob.md": b"bob", "notes.txt": b""})
    monkeypatch.setattr(submissions, "MOST_ENTRIES", 3)
    assert len(collect([archive])[0]) == 2
    monkeypatch.setattr(submissions, "MOST_ENTRIES", 2)
    with pytest.raises(Refused, match=r"export\.zip has 3 entries, more than 2\.$"):
        collect([archive])
    change(archive, CENTRAL, 0, 0)
    with pytest.raises(Refused, match=r"export\.zip is a damaged zip: "):
        collect([archive])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.ipynb", r"nowhere\.ipynb does not exist\.$"),
        ("nowhere.zip", r"nowhere\.zip does not exist\.$"),
        (
            "notes.txt",
            r"notes\.txt is neither a notebook \(\.ipynb\), a MyST page \(\.md\), a zip nor",
        ),
        ("notes.txt/amy.md", r"amy\.md does not exist\.$"),
        ("x" * 300, r"x can't be read: File name too long\.$"),
    ],
)
def test_a_path_that_leads_to_no_submission_is_refused_in_a_sentence(name: str, sentence: str, tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "amy.md")
    with pytest.raises(Refused, match=sentence):
        collect([tmp_path / "amy.md", tmp_path / name])


def test_a_notebook_that_looks_like_a_zip_is_a_notebook(tmp_path: Path) -> None:
    (found,), _ = collect([write_zip(tmp_path / "amy.ipynb", {"bob.md": b"bob"})])
    assert found.id == "amy"
    assert found.load().startswith(b"PK")
