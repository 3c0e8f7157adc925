"""First and second derivatives against differences, in float64."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops import convolution, kernels
from synaxial.gan.ops.convolution import Convolution, TransposedConvolution, WeightGradient
from synaxial.gan.ops.layout import Geometry

from .test_hidden import ACTIVATIONS, make_layer

OPTIONS = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-4}


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it


def normal(shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def check(function, inputs):
    """Check the gradients of a function of arrays, and theirs."""
    gradient = normal(function(*inputs).shape)
    chainer.gradient_check.check_backward(function, inputs, gradient, **OPTIONS)
    along = tuple(normal((*array.shape, 1))[..., 0] for array in inputs)
    chainer.gradient_check.check_double_backward(function, inputs, gradient, along, **OPTIONS)


@pytest.mark.parametrize(
    "geometry", [Geometry(3, 3, 1, 1), Geometry(4, 4, 2, 1), Geometry(2, 5, 3, 2)]
)
@pytest.mark.parametrize(("images", "least"), [(1, 512), (3, 0)])
@pytest.mark.parametrize("scale", [1, 0.3])
def test_the_three_functions_of_a_convolution(monkeypatch, geometry, images, least, scale):
    monkeypatch.setattr(convolution, "LEAST_PIXELS", least)
    monkeypatch.setattr(kernels, "LEAST_CHANNELS", 2)
    size = (7, 6)
    x, W = normal((images, 2, *size)), normal((3, 2, *geometry[:2]))
    y = normal((images, 3, *geometry.places(*size)))
    check(lambda *v: Convolution(geometry, scale).apply(v)[0], (x, W, normal((3,))))
    check(lambda *v: TransposedConvolution(geometry, size, scale).apply(v)[0], (y, W, normal((2,))))
    check(lambda *v: WeightGradient(geometry, scale).apply(v)[0], (x, y))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalisation", ["batch", "fixed", "none"])
@pytest.mark.parametrize("ratio", [0, 0.3])
def test_hidden_layer(activation, normalisation, ratio):
    layer, inputs = make_layer((4, 3, 3, 2), activation, normalisation, ratio, np.float64)
    check(lambda *v: layer.apply(v)[0], tuple(inputs))
