"""Windows, crops and flips: what they cut out, and how often they draw it."""

import torch
from torch import nn

from labutils.augment import crop_and_flip, random_crop, random_flip, random_window, windows
from labutils.vision import load_torchvision


def test_a_crop_is_a_window_of_the_padded_image_and_every_offset_is_as_likely() -> None:
    images = torch.rand(5000, 2, 4, 3)
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    windows = {(top, left): padded[:, :, top : top + 4, left : left + 3] for top in range(3) for left in range(3)}
    crops = random_crop(images, 1, torch.Generator().manual_seed(0))
    assert crops.shape == images.shape
    counts = [int((window == crops).all(dim=(1, 2, 3)).sum()) for window in windows.values()]
    assert sum(counts) == 5000
    assert all(abs(count - 5000 / 9) < 5 * (5000 * 8 / 81) ** 0.5 for count in counts)


def test_a_flip_mirrors_half_of_the_images() -> None:
    images = torch.rand(5000, 2, 4, 3)
    flipped = random_flip(images, torch.Generator().manual_seed(0))
    mirrored = (flipped == images.flip(3)).all(dim=(1, 2, 3))
    kept = (flipped == images).all(dim=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert abs(mirrored.sum() - 2500) < 5 * (5000 / 4) ** 0.5


def test_a_window_at_a_given_offset_is_torchvisions_crop() -> None:
    transforms = load_torchvision().transforms.functional
    images = torch.randint(256, (81, 3, 32, 32), dtype=torch.uint8)
    top, left = torch.arange(81) // 9, torch.arange(81) % 9
    ours = windows(nn.functional.pad(images, (4, 4, 4, 4)), top, left, 32, 32)
    for image, y, x, window in zip(images, top.tolist(), left.tolist(), ours, strict=True):
        assert window.equal(transforms.crop(transforms.pad(image, [4]), y, x, 32, 32))


def test_the_papers_augmentation_draws_every_offset_and_flip_alike_and_independently() -> None:
    """Each pixel tells its place, so the middle of a crop tells how far it was moved and whether it was mirrored."""
    place = torch.arange(12 * 12, dtype=torch.float32).reshape(1, 1, 12, 12)
    count = 40_000
    crops = crop_and_flip(place.expand(count, -1, -1, -1), torch.Generator().manual_seed(0))[:, 0].long()
    mirrored = crops[:, 5, 5] > crops[:, 5, 6]
    upright = torch.where(mirrored[:, None, None], crops.flip(2), crops)
    rows, columns = upright[:, 5, 5] // 12, upright[:, 5, 5] % 12
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 9, 1, 9)
    drawn = torch.bincount((rows - 1) * 18 + (columns - 1) * 2 + mirrored, minlength=162)
    expected = count / 162
    chi_squared = ((drawn - expected) ** 2 / expected).sum().item()
    assert abs(chi_squared - 161) < 4 * (2 * 161) ** 0.5


def test_a_random_window_lies_within_the_image_and_every_place_is_as_likely() -> None:
    images = torch.arange(20).reshape(1, 1, 4, 5).expand(6000, -1, -1, -1)
    corners = random_window(images, 2, 3, torch.Generator().manual_seed(0))[:, 0, 0, 0]
    seen, counts = corners.unique(return_counts=True)
    assert seen.tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert all(abs(count - 6000 / 9) < 5 * (6000 * 8 / 81) ** 0.5 for count in counts.tolist())
