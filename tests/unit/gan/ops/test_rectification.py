"""Leaky ReLU, alone and before pooling, against Chainer's functions."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.ops import rectification

from .arrays import layouts, normal
from .comparison import assert_close, assert_same_function, result_and_gradients

F = chainer.functions

pytestmark = pytest.mark.usefixtures("two_threads")

SLOPE = 0.2

#: Ours and Chainer's.
PAIRS = [
    (
        lambda x: rectification.rectified(x, SLOPE),
        lambda x: F.leaky_relu(x, SLOPE),
    ),
    (
        lambda x: rectification.rectified_pooling(x, SLOPE),
        lambda x: F.average_pooling_2d(F.leaky_relu(x, SLOPE), 2),
    ),
]


@pytest.mark.parametrize(("ours", "chainers"), PAIRS)
@pytest.mark.parametrize("shape", [(1, 4, 2, 2), (2, 3, 2, 6), (8, 4, 4, 4), (5, 4, 96, 80)])
def test_result_and_gradient_are_chainers(ours, chainers, shape):
    x = normal(shape)
    # At 0 the slope is that of negative values.
    x[:, :, :1] = 0
    assert_same_function(ours, chainers, [x], normal)


@pytest.mark.parametrize(("ours", "chainers"), PAIRS)
@pytest.mark.parametrize("way", range(3))
def test_inputs_that_are_not_contiguous(ours, chainers, way):
    x = layouts(normal((3, 4, 6, 8)))[way]
    assert_same_function(ours, chainers, [x], normal)


@pytest.mark.parametrize(("ours", "chainers"), PAIRS)
def test_the_second_derivative_is_chainers(ours, chainers):
    """As R1 takes it: the gradient is differentiated by what comes before and after."""

    def slopes(function):
        x, weights = (chainer.Variable(normal((2, 3, 4, size))[..., :4]) for size in (4, 5))
        y = function(x * weights)
        (slope,) = chainer.grad([F.sum(y**3)], [x], enable_double_backprop=True)
        return chainer.grad([F.sum(slope**2)], [x, weights])

    for found, expected in zip(slopes(ours), slopes(chainers), strict=True):
        assert_close(found.array, expected.array)


@pytest.mark.parametrize("ours", [ours for ours, _ in PAIRS])
def test_threads_change_no_bit(ours):
    x = normal((5, 4, 96, 80))
    assert x.size > 2 * rectification.BLOCK
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            results.append(result_and_gradients(ours, [x], normal))
    for result in results[1:]:
        for first, other in zip(results[0], result, strict=True):
            assert np.array_equal(first, other)
