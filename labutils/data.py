"""The image sets of the course, all in one shape: :class:`ImageData`."""

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labutils.pictures import DataError, read_once
from labutils.vision import load_torchvision


@dataclass(frozen=True)
class ImageData:
    """Training and test images, labels, and what normalises them.

    ``train_images`` and ``test_images`` are (N, C, H, W): uint8 from 0 to 255, or float32 from 0 to 1.
    ``train_labels`` and ``test_labels`` are (N,), int64. ``mean`` and ``std`` are (C, 1, 1), per channel of the
    training images on the scale from 0 to 1.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    mean: Tensor
    std: Tensor
    classes: tuple[str, ...]

    def normalise(self, images: Tensor) -> Tensor:
        """(N, C, H, W), uint8 or float32 -> float32 on the same device, with the training set's mean 0 and std 1."""
        if images.dtype == torch.uint8:
            images = images.float() / 255
        return (images - self.mean.to(images.device)) / self.std.to(images.device)

    def checksum(self) -> str:
        """SHA-256 of all images and labels, 64 hexadecimal digits, to tell whether two runs saw the same."""
        digest = hashlib.sha256()
        for part in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{part.dtype} {tuple(part.shape)}\n".encode())
            digest.update(np.ascontiguousarray(part.numpy()).data)
        return digest.hexdigest()


def digits() -> ImageData:
    """1,797 handwritten digits of 8x8 grey pixels, bundled with scikit-learn: 1,437 to train on, 360 to test on.

    Images are (N, 1, 8, 8), float32. The split is the same every time, and each class has the same share of both parts.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch: Any = load_digits()
    images = (bunch.images[:, None] / 16).astype(np.float32)
    parts = train_test_split(images, bunch.target, test_size=360, random_state=0, stratify=bunch.target)
    train_images, test_images, train_labels, test_labels = (torch.as_tensor(part) for part in parts)
    return ImageData(
        train_images,
        train_labels.long(),
        test_images,
        test_labels.long(),
        train_images.mean().reshape(1, 1, 1),
        train_images.std().reshape(1, 1, 1),
        tuple(str(name) for name in bunch.target_names),
    )


def cifar10(root: str | Path, download: bool = False) -> ImageData:
    """CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 32x32 colour pixels.

    Images are (N, 3, 32, 32), uint8. ``root`` holds ``cifar-10-python.tar.gz``, or the folder ``cifar-10-batches-py``
    unpacked from it; with ``download`` the archive is fetched where both are missing. Every file is read only if its
    checksum is right. Raises DataError if the data is not there, can't be fetched, or is damaged.
    """
    cifar: Any = load_torchvision().datasets.CIFAR10
    root = Path(root)
    archive = root / cifar.filename
    try:
        train, test = cifar(root, train=True), cifar(root, train=False)
    except RuntimeError:
        if not (archive.exists() or download):
            raise _not_there(root, cifar) from None
        _unpack(root, archive, cifar)
        train, test = cifar(root, train=True), cifar(root, train=False)
    images = [torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous() for part in (train, test)]
    return _from_uint8(images[0], train.targets, images[1], test.targets, train.classes)


def _not_there(root: Path, cifar: Any) -> DataError:
    folder = root / cifar.base_folder
    if folder.exists():
        return DataError(
            f"{folder} is incomplete or damaged: delete it, and put {cifar.filename} beside it to unpack again."
        )
    return DataError(
        f"CIFAR-10 is not in {root}: call cifar10({str(root)!r}, download=True) once with a network, "
        f"or put {cifar.filename} from {cifar.url} there."
    )


def _unpack(root: Path, archive: Path, cifar: Any) -> None:
    """Fetch the archive where it is missing, refuse a damaged one, unpack it."""
    from torchvision.datasets.utils import check_integrity

    was_there = archive.exists()
    if was_there and not check_integrity(str(archive), cifar.tgz_md5):
        raise DataError(
            f"{archive} is damaged (its MD5 checksum is not {cifar.tgz_md5}): delete it and fetch it again."
        )
    try:
        cifar(root, download=True)
    except (OSError, RuntimeError, tarfile.TarError) as error:
        if was_there:
            raise DataError(f"{archive} could not be unpacked into {root}: {error}.") from error
        archive.unlink(missing_ok=True)
        raise DataError(
            f"CIFAR-10 could not be downloaded ({error}): get {cifar.url} on a machine with a network "
            f"and put it into {root}."
        ) from error


def image_folder(root: str | Path, size: int | None = None) -> ImageData:
    """Images from ``root/train/<class>/`` and ``root/test/<class>/`` (or ``root/val/<class>/``): (N, 3, H, W), uint8.

    Without ``size`` they must all have one size. With it, in pixels, each picture's shorter side is scaled to ``size``
    times 8/7 (224 to 256, as usual for ImageNet), and its middle square is kept: whole of a training image, so that
    windows of ``size`` can be cut from it, and the middle ``size`` x ``size`` of a test image.

    The first call decodes the pictures on all cores and keeps the images, as large as they are in memory, in ``root``:
    in ``.decoded-<checksum>-<size>.npz``, which the next call reads instead if no picture has changed. It may be
    deleted.

    Raises DataError if a folder is missing, the two parts differ in classes, a file is no picture, sizes differ, or
    the images of both parts are more than this machine's memory holds. The last is known before they are read.
    """
    root = Path(root)
    test_name = "val" if (root / "val").is_dir() and not (root / "test").exists() else "test"
    image_folders: list[Any] = []
    for part in ("train", test_name):
        try:
            image_folders.append(load_torchvision().datasets.ImageFolder(root / part))
        except FileNotFoundError as error:
            raise DataError(f"{root / part} must hold one folder of images for each class: {error}") from None
    train, test = image_folders
    if train.classes != test.classes:
        differing = sorted(set(train.classes) ^ set(test.classes))
        raise DataError(
            f"{root}/train and {root}/{test_name} must have the same classes; only one has {', '.join(differing)}."
        )
    paths = [[path for path, _ in part.samples] for part in image_folders]
    train_images, test_images = map(torch.from_numpy, read_once(root, *paths, size=size))
    return _from_uint8(train_images, train.targets, test_images, test.targets, train.classes)


def _from_uint8(
    train: Tensor, train_labels: list[int], test: Tensor, test_labels: list[int], classes: list[str]
) -> ImageData:
    """ImageData from images of shape (N, 3, H, W)."""
    mean, std = _channel_statistics(train)
    return ImageData(train, torch.tensor(train_labels), test, torch.tensor(test_labels), mean, std, tuple(classes))


def _channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel, (C, 1, 1) each, counted from the histogram of the 256 values."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for part in images.split(10):  # counting copies what it counts
        counts += torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in part.unbind(1)])
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ levels
    std = (shares @ levels**2 - mean**2).sqrt()
    return mean.float().reshape(-1, 1, 1), std.float().reshape(-1, 1, 1)
