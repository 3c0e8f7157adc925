"""The low-pass filter against a convolution, and what it is for."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.ops.convolution import convolution
from synaxial.gan.ops.resampling import BLOCK, blur, smooth, smooth_axis

from .arrays import SHAPES, layouts, normal
from .comparison import assert_close, assert_same_function, result_and_gradients

F = chainer.functions

pytestmark = pytest.mark.usefixtures("two_threads")


def chainers_blur(x):
    """The same by a convolution of each channel, on an image with its border repeated."""
    x = F.concat([x[:, :, :1], x, x[:, :, -1:]], axis=2)
    x = F.concat([x[:, :, :, :1], x, x[:, :, :, -1:]], axis=3)
    kernel = np.outer([1, 2, 1], [1, 2, 1]).astype(x.dtype) / 16
    return F.depthwise_convolution_2d(x, np.broadcast_to(kernel, (1, x.shape[1], 3, 3)).copy())


@pytest.mark.parametrize("shape", SHAPES)
def test_result_and_gradient_are_those_of_a_convolution(shape):
    assert_same_function(blur, chainers_blur, [normal(shape)], normal)


@pytest.mark.parametrize("way", range(3))
def test_inputs_that_are_not_contiguous(way):
    x = layouts(normal((3, 4, 5, 6)))[way]
    assert not x.flags.c_contiguous
    assert_same_function(blur, chainers_blur, [x], lambda shape: layouts(normal(shape))[way])
    assert np.moveaxis(blur(x).array, 0, -1).flags.c_contiguous


@pytest.mark.parametrize("shape", SHAPES)
def test_the_way_of_a_gpu_is_the_same(shape):
    """Its array operations, here on NumPy's arrays."""
    x = normal(shape)
    assert_close(smooth_axis(smooth_axis(x, 2), 3), smooth(x))


def test_first_and_second_derivatives_in_float64():
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    x, along, gradient = (normal((2, 3, 4, size), np.float64)[..., :3] for size in (3, 4, 5))
    options = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-4}
    # Squared: else a second derivative that is 0 would pass for any.
    check = (lambda x: blur(x) ** 2, x, gradient)
    chainer.gradient_check.check_backward(*check, **options)
    chainer.gradient_check.check_double_backward(*check, along, **options)


def test_constants_and_sums_stay_at_the_border_too():
    constant = np.full((2, 3, 5, 4), -1, np.float32)
    np.testing.assert_array_equal(blur(constant).array, constant)
    x = normal((2, 3, 5, 4), np.float64)
    np.testing.assert_allclose(blur(x).array.sum(axis=(2, 3)), x.sum(axis=(2, 3)))


@pytest.mark.parametrize("axis", [2, 3])
def test_a_pixel_stays_where_it_is(axis):
    x = np.zeros((1, 1, 7, 9), np.float32)
    x[0, 0, 3, 5] = 1
    shares = blur(x).array.sum(axis=5 - axis).ravel()
    np.testing.assert_array_equal(
        shares[[2, 3, 4]] if axis == 2 else shares[[4, 5, 6]], [0.25, 0.5, 0.25]
    )
    assert shares.sum() == 1


def test_all_pixels_count_the_same_for_the_convolution_after_it():
    """Those of even and of odd number; without, the one kind may count and the other not."""
    W = normal((1, 1, 4, 4), np.float64)

    def influence(smoothed):
        x = chainer.Variable(normal((1, 1, 12, 12), np.float64))
        (slope,) = chainer.grad(
            [F.sum(convolution(blur(x) if smoothed else x, W, None, 2, 1))], [x]
        )
        return slope.array[0, 0, 3:-3, 3:-3]

    np.testing.assert_allclose(influence(True), W.sum() / 4)
    assert np.ptp(influence(False)) > 0.5


def test_threads_change_no_bit():
    x = normal((5, 4, 96, 80))
    assert x.size > 2 * BLOCK
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            results.append(result_and_gradients(blur, [x], normal))
    for result in results[1:]:
        for first, other in zip(results[0], result, strict=True):
            assert np.array_equal(first, other)
