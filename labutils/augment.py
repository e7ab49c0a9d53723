"""Augmentation of a batch that is a tensor: windows, crops, flips, each image with its own, drawn from a generator."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def windows(images: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """(N, C, H, W) -> (N, C, height, width): from each image the window whose corner lies at its ``top``, ``left``.

    ``top`` and ``left`` are (N,), int64, in pixels. The result is stored channels last. Raises IndexError for a window
    that reaches beyond the image's lower or right edge.
    """
    place = images.device
    rows = (top[:, None] + torch.arange(height, device=top.device)).to(place)[:, :, None]
    columns = (left[:, None] + torch.arange(width, device=left.device)).to(place)[:, None, :]
    image = torch.arange(len(images), device=place)[:, None, None]
    return images[image, :, rows, columns].permute(0, 3, 1, 2)


def random_window(images: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) -> (N, C, height, width): a window of each image, every place as likely.

    Raises RuntimeError for a window larger than the images.
    """
    count, _, full_height, full_width = images.shape
    draw = partial(torch.randint, generator=generator, device=generator.device)
    top, left = (draw(rest + 1, (count,)) for rest in (full_height - height, full_width - width))
    return windows(images, top, left, height, width)


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) -> the same shape: each image padded with zeros and cut out again at an offset of its own.

    ``padding`` is in pixels, on every side.
    """
    count, _, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    top, left = torch.randint(2 * padding + 1, (2, count), generator=generator, device=generator.device)
    return windows(padded, top, left, height, width)


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) -> the same shape: each image mirrored left to right with probability 1/2."""
    shape, place = (len(images), 1, 1, 1), generator.device
    mirrored = torch.rand(shape, generator=generator, device=place) < 0.5
    return torch.where(mirrored.to(images.device), images.flip(3), images)


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """He et al.'s augmentation for CIFAR-10, on (N, C, H, W): four pixels of padding, a random crop, a random flip."""
    return random_flip(random_crop(images, 4, generator), generator)
