"""Convolution and transposed convolution against Chainer's own, forward and all gradients."""

import itertools

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops import rows
from synaxial.gan.ops.convolution import convolution, transposed_convolution
from synaxial.gan.ops.layout import Geometry

from .comparison import assert_close, assert_same_function

F = chainer.functions

pytestmark = pytest.mark.usefixtures("two_threads")

KERNELS = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (1, 3), (3, 2), (4, 5)]
STRIDES = [1, 2, 3]
PADS = [0, 1, 2]
SIZES = [(7, 6), (9, 12)]
#: Batches of eight go another way through the loops than others.
BATCHES = [1, 3, 8]


@pytest.mark.parametrize(("kernel", "stride", "kinds"), [(3, 1, 1), (4, 2, 3), (3, 1, 4)])
def test_weights_packed_by_several_cores_are_the_same(monkeypatch, kernel, stride, kinds):
    """21 outputs are tiles of 8, 8, 4 and 1."""
    weights = normal()((21, 5, kernel, kernel))
    whole = rows.pack_weights(weights, stride, kinds)
    monkeypatch.setattr(rows, "PACKED", 1)
    np.testing.assert_array_equal(rows.pack_weights(weights, stride, kinds), whole)


def normal(seed=0):
    random = np.random.default_rng(seed)
    return lambda shape: random.standard_normal(shape, dtype=np.float32)


def gradient_of(shape):
    return normal(99)(shape)


def assert_convolution_is_chainers(x, W, b, stride, pad, gradient=gradient_of, tolerance=1e-5):
    arrays = (x, W) if b is None else (x, W, b)
    assert_same_function(
        lambda x, W, b=None: convolution(x, W, b, stride, pad),
        lambda x, W, b=None: F.convolution_2d(x, W, b, stride, pad),
        *(arrays, gradient, tolerance),
    )


def assert_transposed_is_chainers(x, W, b, stride, pad, gradient=gradient_of, tolerance=1e-5):
    arrays = (x, W) if b is None else (x, W, b)
    assert_same_function(
        lambda x, W, b=None: transposed_convolution(x, W, b, stride, pad),
        lambda x, W, b=None: F.deconvolution_2d(x, W, b, stride, pad),
        *(arrays, gradient, tolerance),
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("pad", PADS)
def test_convolution_is_chainers(kernel, stride, pad):
    draw = normal()
    for batch, size in itertools.product(BATCHES, SIZES):
        x, W, b = draw((batch, 3, *size)), draw((5, 3, *kernel)), draw((5,))
        assert_convolution_is_chainers(x, W, b, stride, pad)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("pad", PADS)
def test_transposed_convolution_is_chainers(kernel, stride, pad):
    draw = normal()
    for batch, size in itertools.product(BATCHES, SIZES):
        x, W, b = draw((batch, 3, *size)), draw((3, 5, *kernel)), draw((5,))
        assert_transposed_is_chainers(x, W, b, stride, pad)


@pytest.mark.parametrize("transposed", [False, True])
def test_without_bias(transposed):
    draw = normal()
    check = assert_transposed_is_chainers if transposed else assert_convolution_is_chainers
    check(draw((2, 4, 6, 5)), draw((4, 4, 3, 3)), None, 2, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1), (2, 2)])
def test_images_smaller_than_the_kernel(size):
    draw = normal()
    assert_convolution_is_chainers(draw((3, 2, *size)), draw((4, 2, 4, 4)), draw((4,)), 2, 2)
    assert_transposed_is_chainers(draw((3, 2, *size)), draw((2, 4, 4, 4)), draw((4,)), 2, 1)


def layouts(array):
    """Return an array's values lying in memory in other ways."""
    reversed_axes = np.ascontiguousarray(array.T).T
    doubled = np.repeat(array, 2, axis=-1)[..., ::2]
    padded = np.zeros([size + 3 for size in array.shape], array.dtype)
    inner = padded[tuple(slice(1, size + 1) for size in array.shape)]
    inner[...] = array
    backwards = array[::-1, ..., ::-1].copy()[::-1, ..., ::-1]
    return [reversed_axes, doubled, inner, backwards]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("way", range(4))
def test_inputs_that_are_not_contiguous(transposed, way):
    draw = normal()
    x, W, b = draw((3, 4, 7, 9)), draw((4, 4, 3, 4)), draw((4,))
    views = [layouts(array)[way] for array in (x, W)]
    for view, array in zip(views, (x, W), strict=True):
        assert not view.flags.c_contiguous
        np.testing.assert_array_equal(view, array)
    check = assert_transposed_is_chainers if transposed else assert_convolution_is_chainers
    check(
        *(*views, np.repeat(b, 2)[::2], 2, 1),
        gradient=lambda shape: layouts(gradient_of(shape))[way],
    )
    check(x, W, b, 1, 1, gradient=lambda shape: np.broadcast_to(np.float32(0.5), shape))


@pytest.mark.parametrize(
    ("x", "outputs", "kernel", "stride", "pad"),
    [
        # Many pixels: blocks of rows, and sums of groups for the gradient of the small weights.
        ((8, 3, 128, 128), 32, (4, 4), 2, 1),
        ((8, 32, 64, 64), 64, (4, 4), 2, 1),
        ((3, 6, 71, 53), 7, (5, 5), 1, 2),
        ((5, 33, 37, 41), 20, (3, 3), 1, 1),
        # Few pixels and many weights: the patches are made once; channels are cut.
        ((8, 512, 8, 8), 512, (3, 3), 1, 1),
        ((1, 300, 5, 3), 270, (4, 4), 2, 1),
        # Blocks of rows with weights too many for sums of groups.
        ((8, 130, 40, 40), 140, (4, 4), 2, 1),
    ],
)
def test_large_shapes(x, outputs, kernel, stride, pad):
    draw = normal()
    arrays = draw(x), draw((outputs, x[1], *kernel)), draw((outputs,))
    # Sums of up to 131072 products, each in another order.
    assert_convolution_is_chainers(*arrays, stride, pad, tolerance=2e-5)
    # The transpose of it, on an image of the size of its result.
    rows, columns = Geometry(*kernel, stride, pad).places(*x[2:])
    arrays = draw((x[0], outputs, rows, columns)), arrays[1], draw((x[1],))
    assert_transposed_is_chainers(*arrays, stride, pad, tolerance=2e-5)


def test_only_requested_gradients_are_computed():
    draw = normal()
    x, W, b = draw((2, 3, 5, 5)), draw((4, 3, 3, 3)), draw((4,))
    weights = chainer.Variable(W)
    y = convolution(x, weights, b, 1, 1)
    y.grad = gradient_of(y.shape)
    y.backward()
    reference = chainer.Variable(W)
    z = F.convolution_2d(x, reference, b, 1, 1)
    z.grad = gradient_of(z.shape)
    z.backward()
    assert_close(weights.grad, reference.grad)


def test_the_inputs_stay_as_they_are():
    draw = normal()
    arrays = draw((2, 3, 6, 6)), draw((3, 3, 4, 4)), draw((3,))
    copies = [array.copy() for array in arrays]
    for function in (convolution, transposed_convolution):
        variables = [chainer.Variable(array) for array in arrays]
        y = function(*variables, 2, 1)
        gradient = gradient_of(y.shape)
        y.grad = gradient
        y.backward()
        np.testing.assert_array_equal(gradient, gradient_of(y.shape))
        for array, copy in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(array, copy)
