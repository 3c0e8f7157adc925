"""Crops of real images, and what is done to the small images made of them."""

import numpy as np
import pytest

from synaxial.gan.networks.randomness import UPSAMPLING, BatchRandomness
from synaxial.gan.ops.layout import images_last
from synaxial.gan.ops.resampling import blur
from synaxial.gan.train.crops import crops_of, degrade


def randomness(iteration=0):
    return BatchRandomness(np, UPSAMPLING, 1, iteration, 0)


def coordinates(width=64):
    """Images whose pixels tell their row, and images whose pixels tell their column."""
    rows, columns = np.meshgrid(np.arange(width), np.arange(width), indexing="ij")
    return [np.stack([grid.astype(np.uint8)] * 3) for grid in (rows, columns)]


def test_crops_are_squares_at_aligned_places_half_of_them_mirrored():
    tops, mirrored = set(), []
    for iteration in range(40):
        both = [
            crops_of(images, np.array([0, 1, 2, 1]), 16, 4, randomness(iteration))
            for images in coordinates()
        ]
        for crops in both:
            assert crops.shape == (4, 1, 16, 16)
            assert crops.dtype == np.float32
            assert images_last(crops).base is not None
        found = np.rint((np.concatenate(both, axis=1) + 1) * 127.5).astype(int)
        for rows, columns in found:
            top, left = rows[0, 0], columns.min()
            np.testing.assert_array_equal(rows, np.arange(top, top + 16)[:, None].repeat(16, 1))
            mirrored.append(columns[0, 0] > columns[0, 1])
            ordered = columns[:, ::-1] if mirrored[-1] else columns
            np.testing.assert_array_equal(ordered, np.arange(left, left + 16)[None].repeat(16, 0))
            assert top % 4 == 0
            assert left % 4 == 0
            tops.add(int(top))
    # The margin of 1 / 16 of the width is left out.
    assert tops == set(range(4, 45, 4))
    assert 0.3 < np.mean(mirrored) < 0.7


def test_a_crop_may_be_the_whole_image():
    (images, _) = coordinates()
    crops = crops_of(images, np.array([2]), 64, 4, randomness())
    np.testing.assert_allclose(crops[0, 0, :, 0], np.arange(64) / 127.5 - 1, atol=1e-6)


def test_background_is_exact():
    crops = crops_of(np.zeros((1, 32, 32), np.uint8), np.array([0]), 16, 4, randomness())
    np.testing.assert_array_equal(crops, -1)


def small_images(count=64):
    small = np.random.default_rng(0).uniform(-0.5, 0.5, (count, 1, 16, 16))
    small[:, :, :6] = -1
    return small.astype(np.float32)


def test_nothing_is_spoiled_by_an_amount_of_0():
    small = small_images()
    np.testing.assert_array_equal(degrade(small, 0, randomness()), small)


def test_noise_is_within_the_brain_only():
    small = small_images()
    spoiled = degrade(small, 1, randomness())
    np.testing.assert_array_equal(spoiled[:, :, :5], -1)
    changed = (spoiled != small)[:, :, 7:]
    assert changed.mean() > 0.99
    np.testing.assert_array_equal(degrade(small, 1, randomness()), spoiled)


def test_noise_has_a_random_strength_of_up_to_6_grey_levels_and_is_smooth_in_half():
    flat = np.zeros((400, 1, 32, 32), np.float32)
    noise = degrade(flat, 1, randomness())[:, 0, 1:-1, 1:-1]
    deviation = noise.std(axis=(1, 2))
    assert 0.045 < deviation.max() < 0.055
    assert np.mean(deviation) == pytest.approx(0.025, abs=0.003)
    along = (noise[:, :, 1:] * noise[:, :, :-1]).mean(axis=(1, 2)) / deviation**2
    # White noise, or noise smoothed by [1, 2, 1] / 4, whose neighbours correlate by 2 / 3.
    smooth = along > 1 / 3
    assert 0.4 < smooth.mean() < 0.6
    assert along[smooth].mean() == pytest.approx(2 / 3, abs=0.03)
    assert deviation[smooth].mean() == pytest.approx(deviation[~smooth].mean(), rel=0.25)


def test_images_are_mixed_with_up_to_half_of_their_blur():
    small = small_images(200)
    spoiled, smooth = degrade(small, 1, randomness()), blur(small).array
    inner = (slice(None), 0, slice(8, None))
    change, whole = (spoiled - small)[inner], (smooth - small)[inner]
    shares = (change * whole).sum(axis=(1, 2)) / (whole**2).sum(axis=(1, 2))
    assert shares.mean() == pytest.approx(0.25, abs=0.03)
    assert -0.05 < shares.min() < 0.1
    assert 0.4 < shares.max() < 0.55
