"""The widths of a coarse training, and its real images."""

import numpy as np
import pytest

from synaxial.config.model import Coarse
from synaxial.gan.networks.coarse import Growth
from synaxial.gan.train.growth import growth_at, reduced

SETTINGS = Coarse(channels=[8] * 5, first_width=16, width_epochs=10, fading_epochs=4)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, Growth(16)),
        (9.99, Growth(16)),
        (10, Growth(32, 0)),
        (11, Growth(32, 0.25)),
        (14, Growth(32)),
        (20, Growth(64, 0)),
        (23, Growth(64, 0.75)),
        (24, Growth(64)),
        (1000, Growth(64)),
    ],
)
def test_widths_by_epoch(epoch, expected):
    assert growth_at(SETTINGS, epoch) == expected


def test_without_fading_a_stage_joins_at_once():
    settings = SETTINGS.model_copy(update={"fading_epochs": 0})
    assert growth_at(settings, 10) == Growth(32)


def test_a_smaller_pixel_is_the_mean_of_what_it_covers():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 32), np.uint8)
    expected = pixels[:, :, 4:8, 8:12].mean((2, 3))
    np.testing.assert_allclose(reduced(pixels, Growth(8))[:, :, 1, 2], expected, rtol=1e-6)


def test_images_are_faded_in_as_the_generators_are():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32), np.uint8)
    coarse = reduced(pixels, Growth(8)).repeat(2, 2).repeat(2, 3)
    fine = reduced(pixels, Growth(16))
    np.testing.assert_allclose(
        reduced(pixels, Growth(16, 0.25)), 0.25 * fine + 0.75 * coarse, rtol=1e-5
    )
