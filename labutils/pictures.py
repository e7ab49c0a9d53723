"""Pictures decoded into arrays: in processes side by side, and only once, since the arrays are kept in a file.

The processes import neither PyTorch nor torchvision, so that they start fast and are small.
"""

import hashlib
import math
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import PIL
from PIL import Image, ImageOps
from tqdm import tqdm

from labutils.files import written_whole

DECODING = 1  # to be raised when the same pictures are to give other arrays
CHUNK_BYTES = 2**20  # what waits in this process to be put in its place is little beside all images
CHUNK_PICTURES = 1000  # enough that handing them over costs a process little, few enough to deal out evenly


class DataError(RuntimeError):
    """A data set is missing or damaged. The message says which file, and what to do."""


def read_once(
    root: Path, train: Sequence[str], test: Sequence[str], size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All pictures of two lists of paths, (N, 3, H, W) each, uint8, from the file in ``root`` that keeps them or anew.

    Without ``size`` the pictures of a list must all have one size. With it, in pixels, each one's shorter side is
    scaled to ``size`` times 8/7 and the middle square is kept: whole of a training picture, and the middle ``size`` x
    ``size`` of a test picture.

    The file is ``.decoded-<checksum>-<size>.npz``. Its checksum is over the paths within ``root`` in their order, the
    sizes and times of the files, and what decodes them. Their contents are not in it: every picture would have to be
    read to know that none has to be. The time of the last change is in it beside that of the last writing, since no
    program can set it back. A file that is damaged or of other pictures is replaced. Where none can be written, a
    sentence says so.

    Raises DataError if a file is no picture, sizes differ, or the arrays are more than this machine's memory holds.
    The last is known before they are read.
    """
    checksum = _checksum(root, [*train, *test])
    file = root / f".decoded-{checksum[:32]}-{size or 'unscaled'}.npz"
    key = f"{checksum} {size}"
    kept = _load(file, key)
    if kept is not None:
        return kept
    edge = None if size is None else size * 8 // 7
    parts = [(train, edge, edge), (test, edge, size)]
    _refuse_too_many_bytes(sum(len(paths) * _read(paths[0], *cut).nbytes for paths, *cut in parts), root)
    train_images, test_images = (_read_all(*part) for part in parts)
    _keep(file, key=key, train=train_images, test=test_images)
    return train_images, test_images


def _checksum(root: Path, paths: Sequence[str]) -> str:
    """SHA-256 of everything but the size of the arrays that decides what the pictures become."""
    digest = hashlib.sha256(f"{DECODING} {PIL.__version__}".encode())
    for path in paths:
        try:
            status = Path(path).stat()
        except OSError:
            times = "missing"  # reading it will say more
        else:
            times = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        digest.update(b"\0" + os.fsencode(path.removeprefix(str(root))) + b"\0" + times.encode())
    return digest.hexdigest()


def _load(file: Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The training and the test images that ``file`` keeps, None where it is missing, damaged, or of another key."""
    try:
        with zipfile.ZipFile(file) as archive:
            if str(_array(archive, "key")) != key:
                return None
            _refuse_too_many_bytes(file.stat().st_size, file.parent)
            return _array(archive, "train"), _array(archive, "test")
    except DataError:
        raise
    except Exception:  # zipfile and NumPy raise what their several formats raise
        return None


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read():  # the archive's own checksum is compared where the stream ends, and only there
            raise zipfile.BadZipFile(f"{name} says that it is shorter than it is.")
        return array


def _keep(file: Path, **arrays: Any) -> None:
    """Write the arrays in the place of what is outdated, or say why not."""
    checksum, _, _ = file.name.rpartition("-")
    try:
        for other in file.parent.glob(".decoded-*.npz"):
            if not other.name.startswith(checksum):
                other.unlink(missing_ok=True)
        with written_whole(file) as stream:
            np.savez(stream, **arrays)
    except OSError as error:
        print(
            f"The decoded images can't be kept in {file.parent} ({error.strerror}): they will be decoded again.",
            file=sys.stderr,
        )


def _read_all(paths: Sequence[str], edge: int | None, keep: int | None) -> np.ndarray:
    """All pictures, (N, 3, H, W). The first one in the list that can't be read, or has another size, is refused."""
    first = _read(paths[0], edge, keep)
    images = np.empty((len(paths), *first.shape), np.uint8)
    at_once = min(CHUNK_PICTURES, max(1, CHUNK_BYTES // first.nbytes))
    chunks = [paths[start : start + at_once] for start in range(0, len(paths), at_once)]
    cores = joblib.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's other processes read, too
    at_a_time: Any = 1  # by default joblib joins chunks, and what is handed over at once grows
    processes = joblib.Parallel(max(1, min(cores, len(chunks))), batch_size=at_a_time, return_as="generator")
    results: Any = processes(joblib.delayed(_read_chunk)(chunk, paths[0], first.shape, edge, keep) for chunk in chunks)
    done = 0
    with tqdm(desc=f"reading {Path(paths[0]).parent.parent}", unit="image", total=len(paths)) as bar:
        for result in results:
            if isinstance(result, DataError):
                raise result
            images[done : done + len(result)] = result
            done += len(result)
            bar.update(len(result))
    return images


def _read_chunk(
    paths: Sequence[str], first: str, shape: tuple[int, ...], edge: int | None, keep: int | None
) -> np.ndarray | DataError:
    """The pictures, (N, 3, H, W), or what is wrong: handed over, since joblib raises what was raised soonest."""
    images = np.empty((len(paths), *shape), np.uint8)
    for i, path in enumerate(paths):
        try:
            image = _read(path, edge, keep)
        except DataError as error:
            return error
        if image.shape != shape:
            return DataError(
                f"all images must have one size, so resize them first: "
                f"{path} is {_size(image.shape)}, {first} is {_size(shape)}."
            )
        images[i] = image
    return images


def _read(path: str, edge: int | None, keep: int | None) -> np.ndarray:
    """One picture, (3, H, W); with ``edge``, scaled to cover a square of that edge, and cut to its middle ``keep``."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except OSError as error:
        raise DataError(f"{path} is not a readable picture: delete or replace it ({error}).") from error
    if edge is not None and keep is not None:
        margin = (edge - keep) // 2
        image = ImageOps.fit(image, (edge, edge), Image.Resampling.BILINEAR)
        image = image.crop((margin, margin, margin + keep, margin + keep))
    return np.asarray(image).transpose(2, 0, 1)


def _refuse_too_many_bytes(count: int, root: Path) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf
    if count > 0.8 * memory:
        raise DataError(
            f"the images in {root} take {count / 2**30:.1f} GiB and this machine has {memory / 2**30:.1f}: "
            f"choose fewer images or a smaller size."
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}x{shape[1]}"
