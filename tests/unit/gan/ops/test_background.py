"""The straight-through background."""

import numpy as np
import pytest
from scipy import ndimage

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.background import (
    DARKEST,
    near_brain,
    repeated,
    with_background,
    without_holes,
)

from .arrays import normal
from .comparison import assert_close, result_and_gradients

F = chainer.functions


def test_background_is_exact_and_the_rest_is_the_texture():
    texture, logit = normal((3, 1, 7, 6)), normal((3, 1, 6, 7)).swapaxes(2, 3)
    image = with_background(texture, logit).array
    brain = without_holes(logit > 0)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image[brain], np.maximum(texture, DARKEST)[brain])
    np.testing.assert_array_equal(image[~brain], -1)
    assert (logit > 0).sum() < brain.sum() < brain.size


def test_holes_are_what_no_path_leads_out_of():
    drawn = """
        .......
        .####..
        .#..#..
        .#.##..
        .###.#.
        #.....#
        #.#.#.#
    """
    filled = drawn.replace("#..#", "####").replace("#.##", "####")
    chosen, expected = (
        np.array([[mark == "#" for mark in row] for row in text.split()])[None, None]
        for text in (drawn, filled)
    )
    given = chosen.copy()
    np.testing.assert_array_equal(without_holes(given), expected)
    np.testing.assert_array_equal(given, chosen)
    # In the other memory layout, and image by image.
    stacked = np.moveaxis(np.concatenate([chosen, ~chosen, chosen & False])[:, 0], 0, -1).copy()
    found = without_holes(np.moveaxis(stacked, -1, 0)[:, None])
    np.testing.assert_array_equal(found[:1], expected)
    np.testing.assert_array_equal(found[2], False)


def test_gradients_are_those_of_the_hard_texture_and_of_the_soft_choice():
    # A third of the texture is too dark.
    texture, logit, gradient = normal((2, 1, 5, 6)), normal((2, 1, 6, 5)), normal((1, 2, 7, 6))
    texture -= 0.5
    logit, gradient = logit.swapaxes(2, 3), gradient[:, :, :5].swapaxes(0, 1)
    _, of_texture, of_logit = result_and_gradients(with_background, [texture, logit], gradient)
    brain = without_holes(logit > 0)
    movable = brain & ((texture > DARKEST) | (gradient < 0))
    assert (brain & ~movable).any()
    np.testing.assert_array_equal(of_texture, np.where(movable, gradient, 0))
    *_, soft = result_and_gradients(
        lambda t, m: (t + 1) * F.sigmoid(m) - 1, [texture, logit], gradient
    )
    own = brain == (logit > 0)
    assert 0 < (~own).sum() < own.size / 2
    assert_close(of_logit, np.where(own, soft, 0))


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_extreme_logits_have_no_gradient_and_no_nan(extreme):
    texture = normal((1, 1, 2, 2))
    logit = np.full_like(texture, extreme)
    with np.errstate(all="raise", under="ignore"):
        _, _, gradient = result_and_gradients(with_background, [texture, logit], normal)
    np.testing.assert_allclose(gradient, 0, atol=1e-30)


def test_brain_is_near_the_parts_that_hold_a_square():
    # 32 pixels, so a square of 2; the rest of the image is black.
    drawn = """
        #.........
        ....##....
        ...####...
        ....####..
        ........##
        .........#
        ..........
        .##.......
        #..#......
        ..........
    """
    kept = """
        ..........
        ....##....
        ...####...
        ....####..
        ........##
        .........#
        ..........
        ..........
        ..........
        ..........
    """
    brain, expected = (np.zeros((2, 1, 32, 32), bool) for _ in range(2))
    for image, text in ((brain, drawn), (expected, kept)):
        image[0, 0, :10, :10] = [[mark == "#" for mark in row] for row in text.split()]
    # Joined by a corner alone, those of row 4 are a part of their own.
    expected[0, 0, 4:6] = False
    around = np.pad(expected[0, 0], 1)
    expected[0, 0] = np.any([around[r : r + 32, c : c + 32] for r in range(3) for c in range(3)], 0)
    given = brain.copy()
    found = repeated(near_brain(given), 3)
    assert found.shape == (2, 1, 96, 96)
    np.testing.assert_array_equal(found, expected.repeat(3, axis=2).repeat(3, axis=3))
    np.testing.assert_array_equal(given, brain)
    # In the other memory layout.
    last = np.moveaxis(np.moveaxis(brain, 0, -1).copy(), -1, 0)
    np.testing.assert_array_equal(repeated(near_brain(last), 3), found)


def test_parts_and_holes_are_those_that_scipy_finds():
    """In fields whose paths wind and come back, image by image."""
    shares = np.linspace(0.3, 0.6, 40).reshape(-1, 1, 1, 1)
    chosen = np.random.default_rng(0).random((40, 1, 32, 32)) > shares
    filled = [ndimage.binary_fill_holes(page) for page in chosen[:, 0]]
    assert not np.array_equal(filled, chosen[:, 0])
    np.testing.assert_array_equal(without_holes(chosen)[:, 0], filled)
    # A path within the pixels, from the squares of 2 x 2 pixels that are all chosen.
    found = near_brain(chosen)[:, 0]
    for page, near in zip(chosen[:, 0], found, strict=True):
        squares = ndimage.binary_erosion(page, np.ones((2, 2)))
        kept = ndimage.binary_propagation(squares, mask=page)
        np.testing.assert_array_equal(near, ndimage.binary_dilation(kept, np.ones((3, 3))))
    assert not found.all()
