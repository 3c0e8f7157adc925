"""The ways to double an image's width against Chainer's own functions, and on any device."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.ops.linear import linear
from synaxial.gan.ops.resampling import (
    BLOCK,
    bilinear_upsampling,
    depth_to_space,
    enlarge,
    enlarge_axis,
    gather,
    gather_axis,
    nearest_convolution,
    spread_taps,
    sum_taps,
    to_channels,
    to_pixels,
)

from .arrays import SHAPES, layouts, normal
from .comparison import assert_close, assert_same_function, result_and_gradients

F = chainer.functions

pytestmark = pytest.mark.usefixtures("two_threads")

OPTIONS = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-4}


def chainers_bilinear(x):
    return F.resize_images(x, (2 * x.shape[2], 2 * x.shape[3]), align_corners=False)


def chainers_nearest(x, W, b=None):
    enlarged = F.unpooling_2d(x, 2, 2, 0, cover_all=False)
    return F.convolution_2d(enlarged, W, b, 1, 1)


def chainers_depth_to_space(x):
    return F.depth2space(x, 2)


PAIRS = [(bilinear_upsampling, chainers_bilinear), (depth_to_space, chainers_depth_to_space)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_result_and_gradient_are_chainers(shape, ours, theirs):
    assert_same_function(ours, theirs, [normal(shape)], normal)


@pytest.mark.parametrize("way", range(3))
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_inputs_that_are_not_contiguous(way, ours, theirs):
    x = layouts(normal((3, 4, 5, 6)))[way]
    assert not x.flags.c_contiguous
    assert_same_function(ours, theirs, [x], lambda shape: layouts(normal(shape))[way])


@pytest.mark.parametrize("shape", SHAPES)
def test_nearest_is_repetition_and_a_convolution(shape):
    arrays = [normal(shape), normal((5, shape[1], 3, 3)), normal((5,))]
    assert_same_function(nearest_convolution, chainers_nearest, arrays, normal, 2e-5)


def test_nearest_without_bias_and_with_one_channel():
    arrays = [normal((2, 1, 4, 5)), normal((1, 1, 3, 3))]
    assert_same_function(
        lambda x, W: nearest_convolution(x, W, None), chainers_nearest, arrays, normal
    )


def test_nearest_with_many_weights():
    # Several blocks of the weights' sums.
    arrays = [normal((2, 300, 2, 2)), normal((260, 300, 3, 3)), normal((260,))]
    assert_same_function(nearest_convolution, chainers_nearest, arrays, normal, 2e-5)


@pytest.mark.parametrize("function", [bilinear_upsampling, depth_to_space, nearest_convolution])
def test_first_and_second_derivatives_in_float64(function):
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    inputs = [normal((3, 4, 3, 2), np.float64)]
    if function is nearest_convolution:
        inputs += [normal((2, 4, 3, 3), np.float64), normal((2,), np.float64)]

    def squared(*variables):
        # Else a second derivative that is 0 would pass for any.
        return function(*variables) ** 2

    gradient = normal(squared(*inputs).shape, np.float64)
    along = [normal((*array.shape, 1), np.float64)[..., 0] for array in inputs]
    chainer.gradient_check.check_backward(squared, tuple(inputs), gradient, **OPTIONS)
    chainer.gradient_check.check_double_backward(
        squared, tuple(inputs), gradient, tuple(along), **OPTIONS
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_bilinear_on_a_gpu_is_the_same(shape):
    """Its array operations, here on NumPy's arrays."""
    x, y = normal(shape), normal((*shape[:2], 2 * shape[2], 2 * shape[3]))
    assert_close(enlarge_axis(enlarge_axis(x, 2), 3), enlarge(x))
    assert_close(gather_axis(gather_axis(y, 2), 3), gather(y))


def test_bilinear_by_hand():
    row = np.array([0, 4, 12], np.float32).reshape(1, 1, 1, 3)
    expected = [0, 1, 3, 6, 10, 12]
    np.testing.assert_array_equal(bilinear_upsampling(row).array[0, 0], [expected, expected])
    column = np.ascontiguousarray(row.swapaxes(2, 3))
    np.testing.assert_array_equal(bilinear_upsampling(column).array[0, 0, :, 1], expected)


@pytest.mark.parametrize("function", [bilinear_upsampling, depth_to_space])
def test_the_result_lies_in_memory_as_the_networks_have_it(function):
    y = function(layouts(normal((3, 4, 5, 6)))[0]).array
    assert np.moveaxis(y, 0, -1).flags.c_contiguous


@pytest.mark.parametrize(
    ("function", "transpose", "shape"),
    [
        (enlarge, gather, (2, 4, 3, 3)),
        (to_pixels, to_channels, (2, 4, 3, 3)),
        (sum_taps, spread_taps, (5, 4, 3, 3)),
    ],
)
def test_the_two_of_each_pair_are_each_others_gradients(function, transpose, shape):
    x = chainer.Variable(normal(shape, np.float64))
    y = linear(x, function, transpose)
    other = normal(y.shape, np.float64)
    # <y, other> is <x, transposed other>.
    assert (y.array * other).sum() == pytest.approx((x.array * transpose(other)).sum())
    (gradient,) = chainer.grad([y], [x], [chainer.Variable(other)])
    np.testing.assert_array_equal(gradient.array, transpose(other))
    again = linear(y, transpose, function)
    (gradient,) = chainer.grad([again], [y], [x])
    np.testing.assert_array_equal(gradient.array, y.array)


@pytest.mark.parametrize("function", [bilinear_upsampling, depth_to_space, nearest_convolution])
def test_threads_change_no_bit(function):
    inputs = [normal((5, 4, 96, 80))]
    if function is nearest_convolution:
        inputs += [normal((6, 4, 3, 3)), normal((6,))]
    assert inputs[0].size > 2 * BLOCK
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            results.append(result_and_gradients(function, inputs, normal))
    for result in results[1:]:
        for first, other in zip(results[0], result, strict=True):
            assert np.array_equal(first, other)
