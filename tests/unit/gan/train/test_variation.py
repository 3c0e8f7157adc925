"""The variation of the training images, against SciPy's interpolation and by its limits."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from synaxial.config.model import Variation
from synaxial.gan.train.variation import NODES, NUMBERS, vary

#: Numbers that change nothing: the middle of their range, and no mirror.
MIDDLE = np.full((1, NUMBERS), 0.5, np.float32)


def smooth_image(size=64):
    y, x = np.mgrid[:size, :size] / size
    inside = ((y - 0.5) / 0.35) ** 2 + ((x - 0.5) / 0.3) ** 2 < 1
    values = 120 + 60 * np.sin(9 * y) * np.cos(7 * x) + 40 * (x > 0.5)
    return (inside * values).astype(np.uint8)[None, None]


def changed(settings, width=64, **numbers):
    drawn = MIDDLE.copy()
    for place, value in numbers.items():
        drawn[0, int(place.removeprefix("n"))] = value
    return vary(smooth_image(), Variation(**settings), drawn, width)[0, 0]


def test_the_middle_of_all_ranges_changes_nothing():
    settings = {"rotation": 9, "scale": 0.2, "shift": 0.1, "warp": 0.1, "tone": 0.3}
    np.testing.assert_allclose(changed(settings), smooth_image()[0, 0], atol=1e-3)


def test_a_mirrored_image():
    image = smooth_image()[0, 0]
    np.testing.assert_allclose(changed({"mirror": True}, n0=0.0), image[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(changed({"mirror": True}, n0=0.9), image, atol=1e-3)
    np.testing.assert_allclose(changed({}, n0=0.0), image, atol=1e-3)


def test_rotation_scale_and_shift_are_an_affine_map():
    settings = {"rotation": 10, "scale": 0.1, "shift": 0.05}
    found = changed(settings, n1=1.0, n2=0.0, n3=0.75, n4=1.0, n5=0.25)
    angle = np.deg2rad(10)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.diag([0.9, 1.05])
    centre = np.full(2, 31.5)
    offset = centre - matrix @ centre + 64 * np.array([0.05, -0.025])
    expected = affine_transform(smooth_image()[0, 0].astype(np.float64), matrix, offset, order=1)
    assert np.abs(found - expected).max() < 0.1
    # It is no small change.
    assert np.abs(found - smooth_image()[0, 0]).max() > 50


def test_equal_displacements_of_all_nodes_are_a_shift():
    """The B-splines add up to 1 everywhere."""
    down = {f"n{8 + node}": 1.0 for node in range(NODES**2)}
    found = changed({"warp": 0.125}, **down)
    image = smooth_image()[0, 0]
    np.testing.assert_allclose(found[:56], image[8:], atol=1e-2)
    assert not found[57:].any()


def test_a_node_moves_its_neighbourhood_only():
    found = changed({"warp": 0.1}, **{f"n{8 + NODES * 3 + 3}": 1.0})
    difference = np.abs(found - smooth_image()[0, 0])
    assert difference[20:44, 20:44].max() > 5
    assert difference[:4].max() < 1e-3


def test_tone_changes_the_brain_only_and_keeps_the_order():
    found = changed({"tone": 0.3}, n6=1.0, n7=0.0)
    image = smooth_image()[0, 0].astype(np.float64)
    expected = np.exp(-0.3) * 255 * (image / 255) ** np.exp(0.3)
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert not found[image == 0].any()
    assert changed({"tone": 0.5}, n7=1.0, n6=0.0).max() <= 255


def test_a_mask_moves_with_its_image_and_keeps_its_values():
    image = smooth_image()
    pair = np.concatenate([image, np.where(image > 150, 255, 0).astype(np.uint8)], axis=1)
    settings = Variation(shift=0.125, tone=0.3)
    drawn = MIDDLE.copy()
    drawn[0, 4], drawn[0, 6] = 1.0, 1.0
    moved = vary(pair, settings, drawn, 64)
    np.testing.assert_allclose(moved[0, 1, :56], pair[0, 1, 8:], atol=1e-3)


@pytest.mark.parametrize("width", [16, 32])
def test_a_reduced_image_has_the_means(width):
    """An unchanged one: those of squares of pixels, near enough where four places stand for 16."""
    image = smooth_image()[0, 0].astype(np.float64)
    factor = 64 // width
    means = image.reshape(width, factor, width, factor).mean((1, 3))
    tolerance = 1e-3 if factor == 2 else 8
    assert np.abs(changed({}, width) - means).max() < max(tolerance, 1e-3) * (1 + factor**2)


def test_an_image_depends_on_its_own_numbers_only():
    numbers = np.random.default_rng(0).random((3, NUMBERS), dtype=np.float32)
    settings = Variation(mirror=True, rotation=5, scale=0.1, shift=0.05, warp=0.05, tone=0.2)
    images = smooth_image().repeat(3, axis=0)
    together = vary(images, settings, numbers, 32)
    alone = vary(images[1:2], settings, numbers[1:2], 32)
    np.testing.assert_array_equal(together[1:2], alone)
    assert np.abs(together[0] - together[1]).max() > 10
