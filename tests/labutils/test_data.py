"""The three image sets, whole and damaged. No network: archives and folders are made here."""

import dataclasses
import errno
import hashlib
import io
import os
import pickle
import re
import shutil
import tarfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from labutils.data import DataError, ImageData, cifar10, digits, image_folder
from labutils.vision import load_torchvision
from tests.conftest import no_file_beyond


def test_digits() -> None:
    data = digits()
    assert data.train_images.shape == (1437, 1, 8, 8)
    assert data.test_images.shape == (360, 1, 8, 8)
    assert data.train_images.dtype == torch.float32
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
    assert data.classes == tuple("0123456789")
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)
    shares = torch.bincount(data.test_labels) / torch.bincount(data.train_labels)
    assert shares.max() / shares.min() < 1.05
    normal = data.normalise(data.train_images)
    assert normal.mean().item() == pytest.approx(0, abs=1e-5)
    assert normal.std().item() == pytest.approx(1, abs=1e-5)


def test_digits_are_split_as_they_were_when_the_runs_were_recorded() -> None:
    assert digits().checksum() == "6111d2d3dd9fb92158b85d1eceecb9cacd518d6143bf53bde14a492acb1ca8ed"


@pytest.mark.parametrize("part", ["train_images", "train_labels", "test_images", "test_labels"])
def test_the_checksum_is_of_every_part_its_content_and_its_shape(part: str) -> None:
    data = digits()
    tensor = getattr(data, part)
    changed = tensor.clone()
    changed[-1] += 1
    sums = {dataclasses.replace(data, **{part: other}).checksum() for other in (tensor, changed, tensor[None])}
    assert len(sums) == 3


def test_the_checksum_does_not_depend_on_how_the_images_are_stored() -> None:
    data = digits()
    mirrored = data.train_images.flip(3)
    stored_otherwise = mirrored.transpose(2, 3).contiguous().transpose(2, 3)
    one, other = (dataclasses.replace(data, train_images=images) for images in (mirrored, stored_otherwise))
    assert one.checksum() == other.checksum() != data.checksum()


def rows(count: int, seed: int) -> dict[str, Any]:
    """A batch in CIFAR's format: one row of 3,072 bytes an image, all red, then green, then blue."""
    rng = np.random.default_rng(seed)
    return {"data": rng.integers(256, size=(count, 3072), dtype=np.uint8), "labels": [i % 2 for i in range(count)]}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny CIFAR-10 archive in a folder of its own, whose checksums torchvision is told to expect."""
    files = {"data_batch_1": rows(23, 1), "test_batch": rows(4, 2), "batches.meta": {"label_names": ["cat", "dog"]}}
    contents = {name: pickle.dumps(content) for name, content in files.items()}
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    cifar = load_torchvision().datasets.CIFAR10
    monkeypatch.setattr(cifar, "tgz_md5", hashlib.md5(path.read_bytes()).hexdigest())
    monkeypatch.setattr(cifar, "train_list", [["data_batch_1", md5["data_batch_1"]]])
    monkeypatch.setattr(cifar, "test_list", [["test_batch", md5["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5["batches.meta"]}
    monkeypatch.setattr(cifar, "meta", meta)
    monkeypatch.setattr(cifar, "url", "http://localhost:1/cifar-10-python.tar.gz")
    return path


def is_tiny_cifar(data: ImageData) -> bool:
    expected = rows(23, 1)["data"].reshape(23, 3, 32, 32)
    return data.train_images.numpy().tobytes() == expected.tobytes() and data.test_images.shape == (4, 3, 32, 32)


def test_cifar10_unpacks_an_archive_and_then_reads_the_folder(archive: Path) -> None:
    data = cifar10(archive.parent)
    assert is_tiny_cifar(data)
    assert data.train_images.dtype == torch.uint8
    assert data.classes == ("cat", "dog")
    assert data.train_labels.tolist() == [0, 1] * 11 + [0]
    archive.unlink()
    assert is_tiny_cifar(cifar10(archive.parent))


def test_statistics_are_those_of_the_training_images(archive: Path) -> None:
    data = cifar10(archive.parent)
    scaled = data.train_images.double() / 255
    torch.testing.assert_close(data.mean.flatten().double(), scaled.mean((0, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(data.std.flatten().double(), scaled.std((0, 2, 3), correction=0), rtol=1e-6, atol=0)
    normal = data.normalise(data.train_images)
    assert normal.mean().item() == pytest.approx(0, abs=1e-5)


def test_missing_cifar10_says_what_to_do(archive: Path) -> None:
    archive.unlink()
    with pytest.raises(
        DataError, match=r"download=True\) once with a network, or put cifar-10-python.tar.gz from http"
    ):
        cifar10(archive.parent)


def test_cifar10_without_a_network_says_what_to_do(archive: Path) -> None:
    archive.unlink()
    with pytest.raises(DataError, match=r"could not be downloaded .* on a machine with a network"):
        cifar10(archive.parent, download=True)
    assert list(archive.parent.iterdir()) == []


class Response(io.BytesIO):
    """What a server answers."""

    url = None

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.length = len(content)


def test_cifar10_is_downloaded_where_it_is_missing(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive.read_bytes()
    archive.unlink()
    monkeypatch.setattr("urllib.request.urlopen", lambda request: Response(content))
    assert is_tiny_cifar(cifar10(archive.parent, download=True))
    assert is_tiny_cifar(cifar10(archive.parent))


def test_a_download_that_was_cut_off_is_not_kept(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive.read_bytes()
    archive.unlink()
    monkeypatch.setattr("urllib.request.urlopen", lambda request: Response(content[:-100]))
    with pytest.raises(DataError, match=r"could not be downloaded .* on a machine with a network"):
        cifar10(archive.parent, download=True)
    assert list(archive.parent.iterdir()) == []


@pytest.mark.parametrize("download", [False, True])
def test_a_damaged_archive_is_named_and_not_read(archive: Path, download: bool) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz is damaged .* delete it and fetch it again"):
        cifar10(archive.parent, download)
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_a_damaged_folder_is_unpacked_again_or_named(archive: Path) -> None:
    cifar10(archive.parent)
    batch = archive.parent / "cifar-10-batches-py" / "data_batch_1"
    batch.write_bytes(batch.read_bytes()[:-1] + b"?")
    assert is_tiny_cifar(cifar10(archive.parent))
    batch.unlink()
    archive.unlink()
    with pytest.raises(DataError, match="cifar-10-batches-py is incomplete or damaged: delete it"):
        cifar10(archive.parent)


DAMAGES = {
    "archive cut off": lambda archive, folder: archive.write_bytes(archive.read_bytes()[:-100]),
    "one byte of the archive": lambda archive, folder: archive.write_bytes(b"?" + archive.read_bytes()[1:]),
    "archive empty": lambda archive, folder: archive.write_bytes(b""),
    "no archive but a web page": lambda archive, folder: archive.write_text("<html>not found</html>", encoding="utf-8"),
    "batch cut off": lambda archive, folder: (folder / "test_batch").write_bytes(b"\x80"),
    "one byte of a batch": lambda archive, folder: (folder / "data_batch_1").write_bytes(
        (folder / "data_batch_1").read_bytes()[:-1] + b"?"
    ),
    "batch missing": lambda archive, folder: (folder / "test_batch").unlink(),
    "names missing": lambda archive, folder: (folder / "batches.meta").unlink(),
    "names damaged": lambda archive, folder: (folder / "batches.meta").write_bytes(b"?"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_damaged_is_named_with_what_to_do(archive: Path, damage: str) -> None:
    """Either the archive, when nothing is unpacked yet, or a file of the folder, when the archive is gone."""
    folder = archive.parent / "cifar-10-batches-py"
    if "archive" not in damage:
        cifar10(archive.parent)
        archive.unlink()
    DAMAGES[damage](archive, folder)
    with pytest.raises(DataError, match=r"(is damaged \(its MD5|is incomplete or damaged).*: delete it"):
        cifar10(archive.parent)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes with two training images and one test image each, 6 wide and 4 high."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 2), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(256, size=(4, 6, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    return tmp_path


def test_image_folder(folder: Path) -> None:
    data = image_folder(folder)
    assert data.train_images.shape == (4, 3, 4, 6)
    assert data.test_images.shape == (2, 3, 4, 6)
    assert data.train_labels.tolist() == [0, 0, 1, 1]
    assert data.classes == ("cat", "dog")
    first = np.asarray(Image.open(folder / "train" / "cat" / "0.png"))
    assert data.train_images[0].permute(1, 2, 0).numpy().tobytes() == first.tobytes()


def test_every_picture_of_a_long_folder_is_read(folder: Path) -> None:
    cats = folder / "train" / "cat"
    for i in range(2, 1001):
        shutil.copy(cats / "0.png", cats / f"{i}.png")
    images = image_folder(folder).train_images
    assert len(images) == 1003
    assert sum(image.equal(images[0]) for image in images) == 1000
    assert (images[-1].permute(1, 2, 0).numpy() == np.asarray(Image.open(folder / "train" / "dog" / "1.png"))).all()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of all pictures that this process has opened."""
    opened: list[str] = []
    really_open = Image.open

    def note(path: str) -> Any:
        opened.append(path)
        return really_open(path)

    monkeypatch.setattr(Image, "open", note)
    return opened


def kept_in(folder: Path) -> list[Path]:
    """The files that a reading left, whole or not."""
    return sorted(file for file in folder.iterdir() if file.is_file())


def same(one: ImageData, other: ImageData) -> bool:
    return one.checksum() == other.checksum() and one.classes == other.classes and one.mean.equal(other.mean)


@pytest.mark.parametrize("size", [None, 28])
def test_pictures_are_decoded_once(folder: Path, decoded: list[str], size: int | None) -> None:
    first = image_folder(folder, size)
    assert len(set(decoded)) == 6
    decoded.clear()
    second = image_folder(folder, size)
    assert decoded == []
    assert same(first, second)
    second.train_images[0] = 0  # no array of the file's own
    assert same(image_folder(folder, size), first)


def test_each_size_is_kept_beside_the_others(folder: Path, decoded: list[str]) -> None:
    data = [image_folder(folder, size) for size in (None, 28, 56)]
    assert len(kept_in(folder)) == 3
    decoded.clear()
    assert all(same(image_folder(folder, size), one) for size, one in zip((None, 28, 56), data, strict=True))
    assert decoded == []


def test_a_folder_that_is_moved_takes_its_images_along(folder: Path, decoded: list[str]) -> None:
    here = folder / "here"
    here.mkdir()
    for part in ("train", "test"):
        (folder / part).rename(here / part)
    image_folder(here)
    decoded.clear()
    image_folder(here.rename(folder / "there"))
    assert decoded == []


def change_pixels(folder: Path) -> None:
    """Of one picture, whose file keeps its length and, as far as a program can say so, its time."""
    file = folder / "train" / "cat" / "0.bmp"
    before, content = file.stat(), bytearray(file.read_bytes())
    content[54] ^= 255  # behind the header
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed": change_pixels,
    "added": lambda folder: shutil.copy(folder / "train/cat/0.bmp", folder / "train/dog/new.bmp"),
    "removed": lambda folder: (folder / "train/cat/0.bmp").unlink(),
    "renamed": lambda folder: (folder / "train/cat/0.bmp").rename(folder / "train/cat/9.bmp"),
    "of another class": lambda folder: (folder / "train/cat/0.bmp").rename(folder / "train/dog/0.bmp"),
    "tested on": lambda folder: (folder / "train/cat/0.bmp").rename(folder / "test/cat/0.bmp"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_pictures_is_seen_and_the_outdated_images_go(folder: Path, change: str) -> None:
    Image.open(folder / "train" / "cat" / "0.png").save(folder / "train" / "cat" / "0.bmp")
    before = image_folder(folder)
    image_folder(folder, 28)
    outdated = kept_in(folder)
    assert len(outdated) == 2
    CHANGES[change](folder)
    after = image_folder(folder)
    (kept,) = kept_in(folder)
    assert kept not in outdated
    assert not same(before, after)
    kept.unlink()
    assert same(image_folder(folder), after)


def another_set(folder: Path, kept: Path) -> None:
    """As many pictures of the same size, under this set's name."""
    other = folder / "other"
    for part in ("train", "test"):
        shutil.copytree(folder / part, other / part)
    Image.new("RGB", (6, 4)).save(other / "train" / "cat" / "0.png")
    image_folder(other)
    (file,) = kept_in(other)
    file.replace(kept)


DAMAGES_OF_KEPT: dict[str, Callable[[Path, Path], object]] = {
    "empty": lambda folder, kept: kept.write_bytes(b""),
    "cut off": lambda folder, kept: kept.write_bytes(kept.read_bytes()[:-1]),
    "half": lambda folder, kept: kept.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2]),
    "text": lambda folder, kept: kept.write_text("no images", encoding="utf-8"),
    "another set": another_set,
    "without a test part": lambda folder, kept: np.savez(kept, train=np.zeros((4, 3, 4, 6), np.uint8)),
}


@pytest.mark.parametrize("damage", DAMAGES_OF_KEPT)
def test_kept_images_that_are_damaged_or_others_are_replaced(folder: Path, decoded: list[str], damage: str) -> None:
    data = image_folder(folder)
    (kept,) = kept_in(folder)
    content = kept.read_bytes()
    DAMAGES_OF_KEPT[damage](folder, kept)
    decoded.clear()
    assert same(image_folder(folder), data)
    assert decoded
    assert kept_in(folder) == [kept]
    assert len(kept.read_bytes()) == len(content)
    decoded.clear()
    assert same(image_folder(folder), data)
    assert decoded == []


def test_no_byte_of_the_kept_images_can_change_unseen(folder: Path) -> None:
    data = image_folder(folder)
    (kept,) = kept_in(folder)
    content = kept.read_bytes()
    for i in range(0, len(content), 3):
        kept.write_bytes(content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :])
        assert same(image_folder(folder), data), i


def test_kept_images_that_say_that_they_are_fewer_are_not_used(folder: Path) -> None:
    """They are so large that the archive's checksum is not compared before all are read."""
    data = image_folder(folder, 280)
    (kept,) = kept_in(folder)
    kept.write_bytes(kept.read_bytes().replace(b"(4, 3, 320, 320)", b"(3, 3, 320, 320)"))
    assert same(image_folder(folder, 280), data)


def refuse_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = Path.open

    def refuse(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if mode == "xb":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return really_open(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", refuse)


@pytest.mark.parametrize("reason", ["read-only", "full"])
def test_where_images_cannot_be_kept_a_sentence_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    with monkeypatch.context() as patched, no_file_beyond(500) if reason == "full" else nullcontext():
        if reason == "read-only":
            refuse_to_write(patched)
        data = image_folder(folder)
    out, err = capsys.readouterr()
    sentences = [line for line in (out + err).splitlines() if "decoded" in line]
    assert len(sentences) == 1
    assert re.search(r"The decoded images can't be kept in .* \(.+\): they will be decoded again\.$", sentences[0])
    assert kept_in(folder) == []
    assert same(image_folder(folder), data)
    assert "can't be kept" not in capsys.readouterr().err


def test_kept_images_beyond_memory_are_refused_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(folder)
    memory = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 100}
    monkeypatch.setattr("os.sysconf", memory.__getitem__)
    with pytest.raises(DataError, match="choose fewer images"):
        image_folder(folder)


@pytest.fixture
def long_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """2,500 training images of cats, all different, which two processes read whatever machine this is."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    for i in range(2500):
        picture = Image.new("RGB", (6, 4), (i % 250, i // 250, 0))
        picture.save(folder / "train" / "cat" / f"{i:04}.bmp")
    return folder


def test_processes_keep_the_order_of_the_pictures(long_folder: Path, decoded: list[str]) -> None:
    """This process opens the first picture of each part, and what there is of the short one."""
    images = image_folder(long_folder).train_images
    assert len(images) == 2504
    assert len(set(decoded)) < 10
    plain = [image[:, 0, 0].tolist() for image in images if (image == image[:, :1, :1]).all()]
    numbers = [red + 250 * green for red, green, _ in plain]
    assert numbers == list(range(2500))


def test_of_several_errors_in_processes_the_first_is_told(long_folder: Path) -> None:
    """The second one is found sooner: by the process that begins with its chunk."""
    cats = long_folder / "train" / "cat"
    Image.new("RGB", (5, 4)).save(cats / "1005.bmp")
    with pytest.raises(DataError, match=r"one size.*1005\.bmp is 5x4, .*0\.png is 6x4"):
        image_folder(long_folder)
    (cats / "0990.bmp").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0990\.bmp is not a readable picture: delete or replace it \(.+\)\.$"):
        image_folder(long_folder)
    assert kept_in(long_folder) == []


def test_progress_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    image_folder(folder)
    err = capfd.readouterr().err
    assert f"reading {folder / 'train'}: 100%" in err
    assert f"reading {folder / 'test'}: 100%" in err


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "train" / "cat" / "1.png").unlink()
    (folder / "train" / "cat" / "1.png").symlink_to(folder / "nothing")
    with pytest.raises(DataError, match=r"1\.png is not a readable picture"):
        image_folder(folder)


def test_where_both_are_there_test_is_tested_on_and_not_val(folder: Path) -> None:
    shutil.copytree(folder / "test", folder / "val")
    Image.new("RGB", (6, 4)).save(folder / "val" / "dog" / "1.png")
    assert image_folder(folder).test_images.shape == (2, 3, 4, 6)


def test_pictures_of_any_size_become_squares_with_their_middle(tmp_path: Path) -> None:
    """A white square in the middle of a wide or a high grey picture ends up in the middle, scaled."""
    for part in ("train", "val"):
        for i, (width, height) in enumerate(((120, 60), (60, 90))):
            (tmp_path / part / "square").mkdir(parents=True, exist_ok=True)
            picture = Image.new("RGB", (width, height), (100, 100, 100))
            picture.paste((255, 255, 255), (width // 2 - 15, height // 2 - 15, width // 2 + 15, height // 2 + 15))
            picture.save(tmp_path / part / "square" / f"{i}.png")
    data = image_folder(tmp_path, size=28)
    assert data.train_images.shape == (2, 3, 32, 32)
    assert data.test_images.shape == (2, 3, 28, 28)
    assert data.test_images.equal(data.train_images[:, :, 2:30, 2:30])
    for image in data.train_images[:, 0].float():
        assert (image.min(), image.max()) == (100, 255)
        assert image.equal(image.flip(0))
        assert (image > 177).sum() == 16 * 16


@pytest.mark.parametrize(
    ("size", "count"), [(None, 4 * 3 * 4 * 6 + 2 * 3 * 4 * 6), (28, 4 * 3 * 32 * 32 + 2 * 3 * 28 * 28)]
)
def test_training_and_test_images_beyond_memory_are_refused_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: int | None, count: int
) -> None:
    """Together they may take four fifths. The second picture could not be read."""
    (folder / "train" / "cat" / "1.png").write_bytes(b"no picture")
    memory = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": count * 5 // 4}
    monkeypatch.setattr("os.sysconf", memory.__getitem__)
    with pytest.raises(DataError, match=r"1\.png is not a readable picture"):
        image_folder(folder, size)
    memory["SC_PHYS_PAGES"] -= 1
    with pytest.raises(DataError, match=r"take 0\.0 GiB and this machine has 0\.0: choose fewer images"):
        image_folder(folder, size)


def memory_peak() -> int:
    """The most bytes that this process has held at once since it last wrote to clear_refs."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not tell a process its peak")
@pytest.mark.parametrize("size", [None, 280])
def test_images_are_held_once_while_they_are_read(tmp_path: Path, size: int | None) -> None:
    """As the guard of the memory has it: with a third to spare for single pictures and what counts their values."""
    picture = tmp_path / "picture.png"
    Image.new("RGB", (320, 320), (10, 20, 30)).save(picture)
    for part, count in (("train", 300), ("test", 150)):
        (tmp_path / part / "cat").mkdir(parents=True)
        for i in range(count):
            shutil.copy(picture, tmp_path / part / "cat" / f"{i}.png")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = memory_peak()
    data = image_folder(tmp_path, size)
    data.checksum()
    held = data.train_images.nbytes + data.test_images.nbytes
    assert memory_peak() - before < 4 / 3 * held


def test_an_image_of_another_size_is_named(folder: Path) -> None:
    Image.new("RGB", (5, 4)).save(folder / "train" / "dog" / "1.png")
    with pytest.raises(DataError, match=r"one size.*1\.png is 5x4, .*0\.png is 6x4"):
        image_folder(folder)


def test_a_file_that_is_no_picture_is_named(folder: Path) -> None:
    (folder / "test" / "cat" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0\.png is not a readable picture"):
        image_folder(folder)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train must hold one folder of images for each class"):
        image_folder(tmp_path)


def test_differing_classes_are_named(folder: Path) -> None:
    (folder / "test" / "dog").rename(folder / "test" / "doge")
    with pytest.raises(DataError, match="only one has dog, doge"):
        image_folder(folder)
