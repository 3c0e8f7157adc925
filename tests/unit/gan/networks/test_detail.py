"""The detail of an image: its amount and its direction, in the brain alone."""

import numpy as np
import pytest

from synaxial.gan.networks.detail import CHUNK, LEAST, details_of, details_of_pixels
from synaxial.gan.ops.enlargement import area_means, bicubic_enlargement


def brain_with(detail, width=64):
    """A disc of grey value 0 with a given detail, on exact background: float32 (1, W, W)."""
    y, x = np.mgrid[:width, :width] - (width - 1) / 2
    return np.where(np.hypot(y, x) < 0.4 * width, detail, -1).astype(np.float32)[None]


def test_the_numbers_are_their_formulas():
    noise = np.random.default_rng(0).normal(0, 0.05, (64, 64))
    images = brain_with(noise)
    small = area_means(images[:, None], 16)
    lost = (images - bicubic_enlargement(small, 4).array[:, 0])[0].astype(np.float64)
    # The brain without two small pixels at its rim.
    bright = np.pad(small[0, 0] > -0.98, 2)
    neighbours = [bright[i : 16 + i, j : 16 + j] for i in range(5) for j in range(5)]
    inside = np.all(neighbours, axis=0).repeat(4, axis=0).repeat(4, axis=1)
    lost[~inside] = 0
    mean, right, below = (
        np.abs(values).sum() / inside.sum()
        for values in (lost, lost[:, 1:] - lost[:, :-1], lost[1:] - lost[:-1])
    )
    expected = np.log([[mean, right / mean, below / mean]])
    np.testing.assert_allclose(details_of(images, 4), expected, rtol=1e-4)


def test_more_noise_is_more_detail_and_stripes_have_a_direction():
    noise = np.random.default_rng(0).normal(0, 0.05, (64, 64))
    columns = np.broadcast_to(noise[:1], (64, 64))
    images = np.concatenate([brain_with(d) for d in (noise, 2 * noise, columns, columns.T)])
    amount, right, below = details_of(images, 4).T
    assert amount[1] - amount[0] == pytest.approx(np.log(2), abs=1e-4)
    assert right[2] > below[2] + 1
    np.testing.assert_allclose(
        (amount[3], right[3], below[3]), (amount[2], below[2], right[2]), atol=1e-4
    )
    assert abs(right[0] - below[0]) < 0.1


def test_an_image_without_detail_or_brain_has_the_least():
    images = np.concatenate([brain_with(0.3), np.full((1, 64, 64), -1, np.float32)])
    found = details_of(images, 4)
    assert np.isfinite(found).all()
    assert found[1, 0] == pytest.approx(np.log(LEAST))


def test_8_bit_images_are_measured_in_parts():
    pixels = np.random.default_rng(0).integers(0, 256, (CHUNK + 3, 16, 16)).astype(np.uint8)
    expected = details_of(pixels / np.float32(127.5) - 1, 2)
    np.testing.assert_allclose(details_of_pixels(pixels, 2), expected, rtol=1e-5)
