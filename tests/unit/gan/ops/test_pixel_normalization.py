"""Noise, Leaky ReLU and pixel normalisation in one function, against Chainer's functions."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.ops.pixel_normalization import BLOCK, PixelNormalization, pixel_normalization

from .arrays import SHAPES, layouts, normal
from .comparison import assert_same_function, result_and_gradients

F = chainer.functions

pytestmark = pytest.mark.usefixtures("two_threads")

SLOPE = 0.2


def noise_of(shape):
    return np.random.default_rng(7).standard_normal((shape[0], 1, *shape[2:])).astype(np.float32)


def ours(noise):
    return lambda x, strengths: pixel_normalization(x, strengths, noise, SLOPE)


def by_hand(noise):
    """The formula, by Chainer's functions for images."""

    def compute(x, strengths):
        added = F.scale(F.broadcast_to(chainer.as_variable(noise), x.shape), strengths, axis=1)
        u = F.leaky_relu(x + added, SLOPE)
        length = F.sqrt(F.mean(u**2, axis=1, keepdims=True) + 1e-8)
        return u / F.broadcast_to(length, u.shape)

    return compute


@pytest.mark.parametrize("shape", SHAPES)
def test_result_and_gradients_are_chainers(shape):
    noise, strengths = noise_of(shape), normal((shape[1],))
    assert_same_function(ours(noise), by_hand(noise), [normal(shape), strengths], normal)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_noise(shape):
    nothing, strengths = np.zeros((shape[0], 1, *shape[2:]), np.float32), np.zeros(shape[1])
    assert_same_function(
        lambda x: pixel_normalization(x, None, None, SLOPE),
        lambda x: by_hand(nothing)(x, strengths.astype(np.float32)),
        [normal(shape)],
        normal,
    )


@pytest.mark.parametrize("way", range(3))
def test_inputs_that_are_not_contiguous(way):
    x = layouts(normal((3, 4, 5, 6)))[way]
    noise, strengths = noise_of(x.shape), normal((4,))
    assert_same_function(ours(noise), by_hand(noise), [x, strengths], normal)


def test_a_latent_is_normalised_over_its_numbers():
    z = normal((3, 16))
    expected = z / np.sqrt((z**2).mean(axis=1, keepdims=True))
    np.testing.assert_allclose(pixel_normalization(z, None, None, 1.0).array, expected, rtol=1e-5)


def test_first_and_second_derivatives_in_float64():
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    shape = (2, 3, 4, 3)
    noise = noise_of(shape).astype(np.float64)
    arrays = normal(shape, np.float64), normal((3,), np.float64)
    along = normal((2, 3, 4, 3), np.float64)[::-1].copy(), normal((3,), np.float64)[::-1].copy()
    options = {"dtype": np.float64, "eps": 1e-5, "atol": 1e-4, "rtol": 1e-3}
    check = (ours(noise), arrays, normal(shape, np.float64) + 1)
    chainer.gradient_check.check_backward(*check, **options)
    chainer.gradient_check.check_double_backward(*check, along, **options)


def test_the_way_of_a_gpu_is_the_same():
    """Chainer's functions, here on NumPy's arrays."""
    x, strengths = normal((3, 4, 5, 6)), normal((4,))
    noise = noise_of(x.shape)
    composed = PixelNormalization(SLOPE).composed(x, strengths, noise).array
    np.testing.assert_allclose(
        pixel_normalization(x, strengths, noise, SLOPE).array, composed, rtol=1e-5, atol=1e-6
    )


def test_threads_change_no_bit():
    x, strengths = normal((5, 4, 96, 80)), normal((4,))
    assert x.size > 2 * BLOCK
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            results.append(result_and_gradients(ours(noise_of(x.shape)), [x, strengths], normal))
    for result in results[1:]:
        for first, other in zip(results[0], result, strict=True):
            assert np.array_equal(first, other)
