"""The augmentation of a U-Net's slices: moves of images with their masks, and changes of grey."""

import numpy as np
import pytest

from synaxial.studies.segment.augmentation import augmented, moved, moving

STILL = np.zeros(2)


def spot(row, column, side=65, radius=3):
    """A bright disc, uint8 (S, S)."""
    rows, columns = np.indices((side, side))
    return np.where(np.hypot(rows - row, columns - column) <= radius, 200, 0).astype(np.uint8)


def centre_of(image):
    rows, columns = np.indices(image.shape)
    return (rows * image).sum() / image.sum(), (columns * image).sum() / image.sum()


@pytest.mark.parametrize(
    ("degrees", "scale", "mirrored", "shift", "expected"),
    [
        (0, 1, False, (0, 0), (32, 52)),
        (0, 1, False, (3, -2), (35, 50)),
        (0, 1, True, (0, 0), (32, 12)),
        (0, 1.1, False, (0, 0), (32, 54)),
        # Clockwise: from the right of the picture to its bottom.
        (90, 1, False, (0, 0), (52, 32)),
        (90, 1, True, (0, 0), (12, 32)),
        # Mirrored and turned about the centre, then shifted.
        (90, 1, False, (4, 0), (56, 32)),
    ],
)
def test_moves(degrees, scale, mirrored, shift, expected):
    image = moved(spot(32, 52), moving(degrees, scale, mirrored), np.array(shift))
    np.testing.assert_allclose(centre_of(image), expected, atol=0.1)


def test_an_image_and_its_mask_are_moved_alike():
    images = np.stack([spot(25, 40, radius=8)] * 60)
    done = augmented(images, images > 0, np.random.default_rng(1))
    assert (done.images.dtype, done.masks.dtype, len(done)) == (np.uint8, bool, 60)
    for image, mask in zip(done.images, done.masks, strict=True):
        inside = image > image.max() / 2
        np.testing.assert_allclose(centre_of(inside), centre_of(mask), atol=0.3)
        assert inside.sum() == pytest.approx(mask.sum(), rel=0.1)
    on_left = np.array([centre_of(mask)[1] < 32 for mask in done.masks])
    assert 15 < on_left.sum() < 45
    sizes = done.masks.sum(axis=(1, 2)) / (images[0] > 0).sum()
    assert sizes.min() < 0.85
    assert sizes.max() > 1.15


def test_grey_changes_and_background_stays():
    images = np.full((80, 16, 16), 128, np.uint8)
    done = augmented(images, images > 0, np.random.default_rng(2)).images[:, 8, 8]
    assert 85 < done.min() < 115
    assert 141 < done.max() < 170
    black = np.zeros_like(images)
    assert not augmented(black, black > 0, np.random.default_rng(2)).images.any()


def test_the_same_numbers_give_the_same_slices():
    images = np.stack([spot(20, 30)] * 4)
    first, second = (augmented(images, images > 0, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.images, second.images)
