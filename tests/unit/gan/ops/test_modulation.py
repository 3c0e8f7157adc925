"""Modulation against Chainer's own functions, and its derivatives against differences."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.ops.modulation import ChannelCorrelation, Modulation, modulate

from .arrays import layouts, normal
from .comparison import assert_same_function

pytestmark = pytest.mark.usefixtures("two_threads")


def by_chainer(x, factors):
    return x * chainer.functions.broadcast_to(factors[:, :, None, None], x.shape)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 2, 7), (8, 40, 16, 16)])
def test_result_and_gradients_are_chainers(shape):
    assert_same_function(modulate, by_chainer, [normal(shape), normal(shape[:2])], normal)


@pytest.mark.parametrize("way", range(3))
def test_inputs_that_are_not_contiguous(way):
    x = layouts(normal((3, 4, 6, 8)))[way]
    assert_same_function(modulate, by_chainer, [x, normal((4, 3)).T], normal)


def test_first_and_second_derivatives_in_float64():
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    options = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-4}
    x, y = (np.random.default_rng(k).standard_normal((2, 3, 4, 5)) for k in (0, 1))
    factors = y[:, :, 0, 0].copy()
    for function, inputs, gradient in (
        (Modulation, (x, factors), y),
        (ChannelCorrelation, (x, y), factors),
    ):
        call = lambda *v, function=function: function().apply(v)[0]  # noqa: E731
        chainer.gradient_check.check_backward(call, inputs, gradient, **options)
        along = tuple(array[::-1].copy() for array in inputs)
        chainer.gradient_check.check_double_backward(call, inputs, gradient, along, **options)


def test_threads_change_no_byte():
    x, factors = normal((8, 40, 32, 32)), normal((8, 40))
    with use_threads(1):
        expected = modulate(x, factors).array
    with use_threads(3):
        np.testing.assert_array_equal(modulate(x, factors).array, expected)
