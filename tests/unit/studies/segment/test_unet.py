"""The U-Net: shapes, gradients, and the same bytes for the same seed."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.studies.segment.unet import UNet, segmentation_loss


@pytest.mark.parametrize("channels", [[3, 5], [2, 3, 4], [2, 2, 2, 2]])
def test_it_returns_a_logit_for_each_pixel(channels):
    network = UNet(channels, 1)
    x = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype(np.float32)
    with chainer.using_config("train", False):
        y = network(x)
    assert y.shape == x.shape
    assert y.dtype == np.float32
    assert np.isfinite(y.array).all()


def test_the_number_of_weights():
    # begin, down, up, join and end; each normalisation has two a channel.
    convolutions = (9 * 4 + 9 * 4 * 4) + (16 * 4 * 8 + 9 * 8 * 8) + 9 * 8 * 4 + 9 * 8 * 4 + 4 + 1
    normalisations = 2 * (4 + 4 + 8 + 8 + 4 + 4)
    assert UNet([4, 8], 1).count_params() == convolutions + normalisations


def test_every_level_reaches_the_output():
    network = UNet([2, 3, 4], 1)
    x = np.random.default_rng(0).normal(size=(4, 1, 16, 16)).astype(np.float32)
    loss = segmentation_loss(network(x), (x > 0).astype(np.float32))
    network.cleargrads()
    loss.backward()
    for name, parameter in network.namedparams():
        assert parameter.grad is not None, name
        assert np.abs(parameter.grad).max() > 0, name


def test_a_distant_pixel_changes_the_output():
    network = UNet([2, 2, 2, 2, 2], 3)
    x = np.random.default_rng(0).normal(size=(1, 1, 64, 64)).astype(np.float32)
    other = x.copy()
    other[0, 0, 2, 2] += 50
    with chainer.using_config("train", False):
        change = np.abs(network(other).array - network(x).array)[0, 0]
    # Through the coarsest level; the finest alone sees a few pixels around.
    assert change[20:, 20:].max() > 0


def test_its_gradient_is_that_of_its_loss():
    network = UNet([2, 3], 2)
    for parameter in network.params():
        parameter.array = parameter.array.astype(np.float64)
    random = np.random.default_rng(1)
    x = random.normal(size=(2, 1, 8, 8))
    t = (random.random(x.shape) < 0.4).astype(np.float64)
    network.cleargrads()
    with chainer.using_config("dtype", np.float64):
        segmentation_loss(network(x), t).backward()
        for name, parameter in network.namedparams():
            along = random.normal(size=parameter.shape)
            values, step = [], 1e-5
            start = parameter.array.copy()
            for side in (-step, step):
                parameter.array = start + side * along
                values.append(float(segmentation_loss(network(x), t).array))
            parameter.array = start
            slope = (values[1] - values[0]) / (2 * step)
            assert (parameter.grad * along).sum() == pytest.approx(slope, rel=1e-3, abs=1e-7), name


def test_the_seed_determines_all_weights():
    first, same, other = UNet([2, 3], 7), UNet([2, 3], 7), UNet([2, 3], 8)
    for (name, a), (_, b) in zip(first.namedparams(), same.namedparams(), strict=True):
        assert a.array.tobytes() == b.array.tobytes(), name
    assert first.end.W.array.tobytes() != other.end.W.array.tobytes()
