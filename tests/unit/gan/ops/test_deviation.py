"""The channel of the deviation over the batch against its formula, and its derivatives."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.discriminator import with_deviation

from .arrays import layouts, normal
from .comparison import assert_close

F = chainer.functions

OPTIONS = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-5, "rtol": 1e-3}


@pytest.mark.parametrize(
    ("images", "groups"),
    [
        (2, [[0, 1]]),
        (4, [[0, 1, 2, 3]]),
        (8, [[0, 2, 4, 6], [1, 3, 5, 7]]),
        (12, [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]),
        # Those that 4 does not divide are one group.
        (3, [[0, 1, 2]]),
        (6, [[0, 1, 2, 3, 4, 5]]),
    ],
)
def test_it_is_the_mean_deviation_of_the_images_group(images, groups):
    x = normal((images, 3, 4, 5)) * np.linspace(1, 9, images, dtype=np.float32)[:, None, None, None]
    y = with_deviation(x).array
    assert (y.shape, y.dtype) == ((images, 4, 4, 5), np.float32)
    np.testing.assert_array_equal(y[:, :3], x)
    for group in groups:
        expected = np.std(x[group], axis=0).mean()
        np.testing.assert_allclose(y[group, 3], expected, rtol=1e-5)


def test_an_image_alone_has_none():
    x = chainer.Variable(normal((1, 2, 3, 3)))
    y = with_deviation(x)
    np.testing.assert_array_equal(y.array[:, 2], 0)
    (gradient,) = chainer.grad([F.sum(y * y)], [x])
    assert_close(gradient.array, 2 * x.array)


@pytest.mark.parametrize("images", [1, 3, 8])
def test_two_batches_are_not_mixed(images):
    x = normal((2 * images, 3, 4, 5))
    apart = [with_deviation(part).array for part in (x[:images], x[images:])]
    assert_close(with_deviation(x, batches=2).array, np.concatenate(apart))


@pytest.mark.parametrize("way", range(3))
def test_the_memory_layout_changes_nothing(way):
    x = normal((8, 3, 4, 4))
    assert_close(with_deviation(layouts(x)[way]).array, with_deviation(x).array)


@pytest.mark.parametrize("images", [1, 2, 4, 6, 8])
def test_first_and_second_derivatives_in_float64(images):
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    x, along = normal((images, 2, 2, 3), np.float64), normal((images, 2, 2, 4), np.float64)[..., :3]
    gradient = normal((images, 3, 2, 3), np.float64)
    # Squared, as that of one image is linear.
    check = (lambda x: with_deviation(x) ** 2, x, gradient)
    chainer.gradient_check.check_backward(*check, **OPTIONS)
    chainer.gradient_check.check_double_backward(*check, along, **OPTIONS)


def test_equal_images():
    """There the root of the variance has no derivative of its own."""
    x = chainer.Variable(np.repeat(normal((1, 2, 3, 3)), 4, axis=0))
    y = with_deviation(x)
    assert 0 <= y.array[:, 2].max() < 1e-3
    (slope,) = chainer.grad([F.sum(y)], [x], enable_double_backprop=True)
    # None from the deviation: whichever image moves, it moves away from the others.
    np.testing.assert_allclose(slope.array, 1, rtol=1e-5)
    (second,) = chainer.grad([F.sum(slope * slope)], [x])
    assert np.isfinite(second.array).all()
