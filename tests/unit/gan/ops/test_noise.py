"""Gaussian noise: its distribution, its streams, and that threads do not show."""

import numpy as np
import pytest
import scipy.stats

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.ops.noise import STREAM, AddNoise, gaussian, state_of

COUNT = 1 << 20


def noise(*name, shape=(COUNT,), deviation=1.0):
    return BatchRandomness(np, *name).noisy(np.zeros(shape, np.float32), deviation).array


def test_it_is_normal():
    values = noise(1)
    assert values.dtype == np.float32
    assert scipy.stats.kstest(values, "norm").pvalue > 0.01
    # Five standard errors of each, of independent normal values.
    assert abs(values.mean()) < 5 / COUNT**0.5
    assert abs(values.std() - 1) < 5 / (2 * COUNT) ** 0.5
    assert abs(scipy.stats.skew(values)) < 5 * (6 / COUNT) ** 0.5
    assert abs(scipy.stats.kurtosis(values)) < 5 * (24 / COUNT) ** 0.5
    # The tails.
    for far in (3, 4):
        expected = 2 * scipy.stats.norm.sf(far) * COUNT
        assert abs((np.abs(values) > far).sum() - expected) < 5 * expected**0.5
    assert 4.2 < np.abs(values).max() < 6.8


@pytest.mark.parametrize("count", [1, 2, 7, 1000, 65536])
def test_it_is_box_and_mullers_method_on_numpys_bits(count):
    bits, state = np.random.SFC64(5), state_of(np.random.SFC64(5))
    pairs = -(-count // 2)
    for _ in range(3):
        uniform = bits.random_raw(pairs).view(np.uint32).astype(np.float32)
        radius, angle = uniform[:pairs], uniform[pairs:]
        radius = np.sqrt(-2 * np.log(radius * np.float32(2**-32) + np.float32(2**-33)))
        angle = angle * np.float32(2 * np.pi * 2**-32)
        expected = np.concatenate([radius * np.cos(angle), np.sin(angle) * radius])[:count]
        np.testing.assert_array_equal(gaussian(state, count), expected)


def test_the_two_halves_of_a_pair_are_independent():
    values = gaussian(state_of(np.random.SFC64(4)), COUNT)
    first, second = values[: COUNT // 2], values[COUNT // 2 :]
    for change in (lambda x: x, np.abs, np.square):
        correlation = np.corrcoef(change(first), change(second))[0, 1]
        assert abs(correlation) < 5 / (COUNT // 2) ** 0.5


def test_streams_and_uses_are_independent():
    randomness = BatchRandomness(np, 2)
    zeros = np.zeros(4 * STREAM, np.float32)
    uses = [randomness.noisy(zeros, 1.0).array for _ in range(2)]
    blocks = [*uses[0].reshape(4, -1), *uses[1].reshape(4, -1), noise(3, shape=(STREAM,))]
    correlations = np.corrcoef(blocks) - np.eye(len(blocks))
    assert np.abs(correlations).max() < 5 / STREAM**0.5


@pytest.mark.parametrize("shape", [(3, 7, 131, 149), (1, 1), (5, 3), (8, 1, 256, 257)])
def test_threads_and_memory_layout_change_no_bit(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            results.append(BatchRandomness(np, 5).noisy(x, 0.3).array)
    other_layout = BatchRandomness(np, 5).noisy(np.asfortranarray(x), 0.3).array
    for result in (*results[1:], other_layout):
        np.testing.assert_array_equal(result, results[0])
    assert results[0].shape == shape


def test_it_is_added_with_its_deviation():
    x = np.random.default_rng(0).standard_normal((4, 3, 50, 50)).astype(np.float32)
    added = BatchRandomness(np, 6).noisy(x, 0.2).array - x
    unit = noise(6, shape=x.shape)
    np.testing.assert_allclose(added, 0.2 * unit, atol=1e-6)


def test_the_gradient_passes():
    x = chainer.Variable(np.ones((2, 3, 4, 4), np.float32))
    y = AddNoise(0.2, np.random.SFC64).apply((x,))[0]
    y.grad = gradient = np.random.default_rng(0).standard_normal(y.shape, np.float32)
    y.backward()
    np.testing.assert_array_equal(x.grad, gradient)
