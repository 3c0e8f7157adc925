"""Bicubic enlargement and area reduction against formulas written out pixel by pixel."""

import math

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.enlargement import (
    area_means,
    area_reduction,
    bicubic_enlargement,
    bicubic_matrix,
)

from .arrays import layouts, normal
from .comparison import assert_close, assert_same_function

F = chainer.functions

OPTIONS = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-4}


def keys_kernel(x, a=-0.75):
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return a * (((x - 5) * x + 8) * x - 4) if x < 2 else 0.0


def bicubic_row(row, factor):
    """Enlarge one row, a pixel at a time, with repeated borders."""
    result = []
    for i in range(factor * len(row)):
        centre = (i + 0.5) / factor - 0.5
        taps = range(math.floor(centre) - 1, math.floor(centre) + 3)
        pixels = [row[min(max(tap, 0), len(row) - 1)] for tap in taps]
        weights = [keys_kernel(centre - tap) for tap in taps]
        result.append(np.dot(pixels, weights))
    return np.array(result)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 2, 3, 5), (8, 1, 24, 24)])
def test_bicubic_is_the_formula_along_each_axis(shape, factor):
    x = normal(shape)
    expected = np.apply_along_axis(bicubic_row, 2, x.astype(np.float64), factor)
    expected = np.apply_along_axis(bicubic_row, 3, expected, factor)
    assert_close(bicubic_enlargement(x, factor).array, expected.astype(np.float32), 1e-5)


def test_bicubic_is_pytorchs():
    # interpolate(tensor([[[[0., 4, 1]]]]), scale_factor=(1, 4), mode="bicubic") of PyTorch 2.13.
    expected = [
        *(-0.439453125, -0.287109375, 0.44873046875, 1.63916015625, 2.88818359375, 3.79736328125),
        *(3.9736328125, 3.3583984375, 2.3447265625, 1.3544921875, 0.78466796875, 0.67041015625),
    ]
    np.testing.assert_allclose(bicubic_matrix(3, 4) @ [0, 4, 1], expected, atol=1e-12)


def test_bicubic_keeps_constants_and_ramps():
    x = np.full((1, 1, 6, 6), 0.7, np.float32)
    np.testing.assert_allclose(bicubic_enlargement(x, 4).array, 0.7, rtol=1e-6)
    # a = -0.75 does not reproduce a ramp exactly, but it has no offset: the ends mirror.
    ramp = bicubic_matrix(8, 4) @ np.arange(8)
    np.testing.assert_allclose(ramp + ramp[::-1], 7, atol=1e-12)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (3, 2, 8, 12)])
def test_area_reduction_is_chainers_average_pooling(shape, factor):
    assert_same_function(
        lambda x: area_reduction(x, factor),
        lambda x: F.average_pooling_2d(x, factor),
        [normal(shape)],
        normal,
    )


@pytest.mark.parametrize("way", range(3))
def test_inputs_that_are_not_contiguous(way):
    x = normal((3, 2, 4, 6))
    for function in (area_reduction, bicubic_enlargement):
        expected = function(x, 2).array
        np.testing.assert_array_equal(function(layouts(x)[way], 2).array, expected)
        assert np.moveaxis(expected, 0, -1).flags.c_contiguous


@pytest.mark.parametrize("function", [area_reduction, bicubic_enlargement])
def test_first_and_second_derivatives(function):
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    x = normal((2, 2, 4, 6), np.float64)

    def squared(x):
        return function(x, 2) ** 2

    gradient = normal(squared(x).shape, np.float64)
    along = normal((*x.shape, 1), np.float64)[..., 0]
    chainer.gradient_check.check_backward(squared, (x,), gradient, **OPTIONS)
    chainer.gradient_check.check_double_backward(squared, (x,), gradient, (along,), **OPTIONS)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_means_of_squares_are_numpys(kind, factor):
    images = (np.random.default_rng(0).random((3, 2, 16, 16)) * 255).astype(kind)
    found = area_means(images, 16 // factor)
    expected = images.astype(np.float64).reshape(3, 2, 16 // factor, factor, -1, factor)
    np.testing.assert_allclose(found, expected.mean(axis=(3, 5)), rtol=1e-6)
    assert found.dtype == (np.float64 if kind == np.float64 else np.float32)
    # Also of images that are not one block of memory.
    np.testing.assert_array_equal(area_means(images[::2], 16 // factor), found[::2])
