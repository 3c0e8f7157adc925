"""The penalties on the discriminator's slope, against closed forms and numerical slopes."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.train.losses import clip_weights, gradient_penalty, real_penalty

F = chainer.functions
RANDOM = np.random.default_rng(3)
SHAPE = (5, 2, 4, 4)


def images():
    return RANDOM.standard_normal(SHAPE)


def linear(weights):
    """The critic w . x, whose slope is w everywhere."""
    return lambda x: F.sum(x * F.broadcast_to(weights, x.shape), axis=(1, 2, 3))


@pytest.fixture
def weights():
    return chainer.Parameter(RANDOM.standard_normal(SHAPE[1:]))


def test_a_linear_critics_slope_is_its_weights(weights):
    shares = RANDOM.random((SHAPE[0], 1, 1, 1))
    length = np.linalg.norm(weights.array)
    found = gradient_penalty(linear(weights), images(), images(), shares)
    assert found.array == pytest.approx((length - 1) ** 2)
    found.backward()
    np.testing.assert_allclose(weights.grad, 2 * (length - 1) * weights.array / length)

    weights.cleargrad()
    real = chainer.Variable(images())
    found = real_penalty(linear(weights)(real), real)
    assert found.array == pytest.approx(length**2 / 2)
    found.backward()
    np.testing.assert_allclose(weights.grad, weights.array)


def test_the_slope_is_taken_between_the_images_by_their_shares():
    """The critic |x|^2 / 2, whose slope is x itself."""
    real, generated = images(), images()
    shares = np.array([0.0, 1.0, 0.5, 0.25, 0.9]).reshape(-1, 1, 1, 1)
    found = gradient_penalty(lambda x: F.sum(x**2, axis=(1, 2, 3)) / 2, real, generated, shares)
    between = shares * real + (1 - shares) * generated
    lengths = np.linalg.norm(between.reshape(len(between), -1), axis=1)
    assert found.array == pytest.approx(np.mean((lengths - 1) ** 2))


def test_a_critic_without_slope_is_told_so_and_not_stopped():
    """Where the square root has no derivative, the weights still get finite gradients."""
    weights = chainer.Parameter(np.zeros(SHAPE[1:]))
    shares = np.full((SHAPE[0], 1, 1, 1), 0.5)
    found = gradient_penalty(linear(weights), images(), images(), shares)
    assert found.array == pytest.approx(1, abs=1e-5)
    found.backward()
    assert np.isfinite(weights.grad).all()


def test_clipped_weights_are_within_the_bound():
    network = chainer.links.Linear(4, 3)
    network.W.array[...] = [[-5, -0.01, 0, 7]] * 3
    array = network.W.array
    clip_weights(network, 0.25)
    assert network.W.array is array
    np.testing.assert_array_equal(array, np.float32([[-0.25, -0.01, 0, 0.25]] * 3))
