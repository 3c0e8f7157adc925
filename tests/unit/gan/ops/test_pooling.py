"""Average pooling against Chainer's."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.ops.pooling import average_pooling, pool, spread

from .arrays import layouts, normal
from .comparison import assert_same_function, result_and_gradients

F = chainer.functions

pytestmark = pytest.mark.usefixtures("two_threads")

SHAPES = [(1, 4, 2, 2), (2, 3, 2, 6), (3, 8, 6, 2), (8, 4, 4, 4), (5, 4, 96, 80)]


def chainers_pooling(x):
    return F.average_pooling_2d(x, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_result_and_gradient_are_chainers(shape):
    assert_same_function(average_pooling, chainers_pooling, [normal(shape)], normal)


@pytest.mark.parametrize("way", range(3))
def test_inputs_that_are_not_contiguous(way):
    x = layouts(normal((3, 4, 6, 8)))[way]
    assert_same_function(average_pooling, chainers_pooling, [x], normal)


def test_first_and_second_derivatives_in_float64():
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    x, along = (normal((2, 3, 4, size), np.float64)[..., :4] for size in (4, 5))
    gradient = normal((2, 3, 2, 2), np.float64)
    options = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-4}
    check = (lambda x: average_pooling(x) ** 2, x, gradient)
    chainer.gradient_check.check_backward(*check, **options)
    chainer.gradient_check.check_double_backward(*check, along, **options)


def test_the_second_function_is_the_transpose_of_the_first():
    x, y = normal((2, 3, 8, 6), np.float64), normal((2, 3, 4, 3), np.float64)
    np.testing.assert_allclose((pool(x) * y).sum(), (x * spread(y)).sum())


def test_threads_change_no_bit():
    x = normal((5, 4, 96, 80))
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            results.append(result_and_gradients(average_pooling, [x], normal))
    for result in results[1:]:
        for first, other in zip(results[0], result, strict=True):
            assert np.array_equal(first, other)
