"""Regions of pixels, as SciPy finds them."""

import numpy as np
import pytest
import scipy.ndimage

from synaxial.gan.ops.regions import dilated, eroded, joined


def fields(low, high):
    """Random pixels, fewer in each image; their paths wind and come back."""
    shares = np.linspace(low, high, 40).reshape(-1, 1, 1)
    return np.random.default_rng(0).random((40, 30, 23)) > shares


def test_paths_join_what_scipy_finds():
    allowed = fields(0.3, 0.6)
    start = allowed & fields(0.99, 0.99)
    expected = [
        scipy.ndimage.binary_propagation(page, mask=mask)
        for page, mask in zip(start, allowed, strict=True)
    ]
    found = joined(start, allowed)
    np.testing.assert_array_equal(found, expected)
    assert 3 * start.sum() < found.sum() < 0.9 * allowed.sum()
    # In the other memory layout.
    last = np.moveaxis(np.moveaxis(allowed, 0, -1).copy(), -1, 0)
    np.testing.assert_array_equal(joined(start, last), expected)


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_squares_are_those_that_scipy_finds(width, beyond):
    chosen = fields(0, 0.2)
    square = np.ones((1, width, width))
    expected = scipy.ndimage.binary_erosion(chosen, square, border_value=beyond)
    assert expected.any()
    np.testing.assert_array_equal(eroded(chosen, width, beyond), expected)
    if width % 2:
        expected = scipy.ndimage.binary_dilation(~chosen, square)
        np.testing.assert_array_equal(dilated(~chosen, width), expected)
