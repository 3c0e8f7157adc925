"""Smoothing and the channel of deviation in a discriminator, and penalties through both."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Discriminator as DiscriminatorSettings
from synaxial.gan.networks import Discriminator
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.networks.saving import digest_of, network_arrays

F = chainer.functions

OPTIONS = [{"blur": True}, {"minibatch_deviation": True}]
BOTH = {"blur": True, "minibatch_deviation": True}


def make_network(image_channels=2, **options):
    settings = {"channels": [5, 6, 4], "kernels": [4, 3, 4], "batch_normalization": False}
    settings |= {"activation": "leaky_relu", "last_activation": "tanh", "noise": 0.0}
    return Discriminator(
        DiscriminatorSettings(**{**settings, **options}), image_channels, 16, initial_deviation=0.2
    )


def images(count, channels=2):
    return np.random.default_rng(4).standard_normal((count, channels, 16, 16), np.float32)


def chainers_score(network, x):
    """What the network of `make_network` computes, of Chainer's functions alone."""
    settings = network.settings
    for link, kernel in zip(network.convolutions, settings.kernels, strict=True):
        if settings.blur and kernel == 4:
            x = F.concat([x[:, :, :1], x, x[:, :, -1:]], axis=2)
            x = F.concat([x[..., :1], x, x[..., -1:]], axis=3)
            filters = np.outer([1, 2, 1], [1, 2, 1]) / 16
            x = F.depthwise_convolution_2d(x, np.stack([filters] * x.shape[1])[None])
        last = link is network.convolutions[-1]
        if last and settings.minibatch_deviation:
            groups = len(x) // 4 if len(x) % 4 == 0 else 1
            numbers = []
            for group in range(groups):
                mean = sum(x[i] for i in range(group, len(x), groups)) / (len(x) // groups)
                squares = [(x[i] - mean) ** 2 for i in range(group, len(x), groups)]
                numbers.append(F.mean(F.sqrt(sum(squares) / len(squares) + 1e-8)))
            channels = [
                F.broadcast_to(numbers[i % groups], (1, 1, *x.shape[2:])) for i in range(len(x))
            ]
            x = F.concat([x, F.concat(channels, axis=0)], axis=1)
        x = F.convolution_2d(x, link.W, link.b, 2 if kernel == 4 else 1, 1)
        x = F.tanh(x) if last else F.leaky_relu(x, 0.2)
    return network.connected(x)[:, 0]


@pytest.mark.parametrize("options", [{}, *OPTIONS, BOTH])
@pytest.mark.parametrize("count", [2, 8])
def test_scores_and_penalties_are_those_of_chainers_functions(options, count):
    """The penalty of Gulrajani et al., 2017, and R1 (Mescheder et al., 2018), and their slopes.

    In float64, where the order of sums does not show.
    """
    network = make_network(**options)
    for parameter in network.params():
        parameter.array = parameter.array.astype(np.float64)
    found = {}
    for name, score in (("ours", network), ("theirs", lambda x: chainers_score(network, x))):
        x = chainer.Variable(images(count).astype(np.float64))
        scores = score(x)
        (slope,) = chainer.grad([scores], [x], enable_double_backprop=True)
        squares = F.sum(slope**2, axis=(1, 2, 3))
        penalty = F.mean((F.sqrt(squares) - 1) ** 2) + F.mean(squares) / 2
        network.cleargrads()
        penalty.backward()
        weights = [link.W.grad for link in [*network.convolutions, network.connected]]
        found[name] = [scores.array, slope.array, penalty.array, *weights]
    for ours, theirs in zip(found["ours"], found["theirs"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_last_convolution_sees_one_channel_more():
    plain, with_channel = make_network(), make_network(minibatch_deviation=True)
    shapes = [[link.W.shape[:2] for link in n.convolutions] for n in (plain, with_channel)]
    assert shapes == [[(5, 2), (6, 5), (4, 6)], [(5, 2), (6, 5), (4, 7)]]
    assert with_channel.count_params() == plain.count_params() + 4 * 1 * 16
    assert make_network(blur=True).count_params() == plain.count_params()


def test_the_first_convolution_may_be_the_last():
    options = {"channels": [3], "kernels": [4], **BOTH}
    network = make_network(1, **options)
    assert network.convolutions[0].W.shape == (3, 2, 4, 4)
    assert network(images(4, 1)).shape == (4,)


def test_equal_images_have_a_small_deviation():
    network = make_network(minibatch_deviation=True)
    several = images(4)
    alike = np.repeat(several[:1], 4, axis=0)
    first = [network(batch).array[0] for batch in (several, alike)]
    assert abs(first[0] - first[1]) > 1e-3
    plain = make_network()
    np.testing.assert_allclose(*[plain(batch).array[0] for batch in (several, alike)], rtol=1e-4)


def test_only_the_convolutions_of_stride_two_are_smoothed():
    """A pattern that alternates from pixel to pixel does not get through, but for the border."""
    board = np.indices((16, 16)).sum(axis=0) % 2 * 2.0 - 1
    x = np.broadcast_to(board.astype(np.float32), (2, 2, 16, 16))
    settings = {"channels": [3], "batch_normalization": False}
    spread = {}
    for kernel in (4, 3):
        for blurred in (False, True):
            network = make_network(**settings, kernels=[kernel], blur=blurred)
            with chainer.no_backprop_mode():
                seen = network._input(0, x)
            spread[kernel, blurred] = np.abs(chainer.as_array(seen)[..., 1:-1, 1:-1]).max()
    assert spread == {(4, False): 1, (4, True): 0, (3, False): 1, (3, True): 1}


@pytest.mark.parametrize("options", [*OPTIONS, BOTH])
@pytest.mark.parametrize("image_channels", [1, 3])
def test_with_everything_else_switched_on_all_parameters_learn(options, image_channels):
    everything = {"batch_normalization": True, "spectral_normalization": True, "noise": 0.2}
    network = make_network(image_channels, **options, **everything)
    network.cleargrads()
    scores = network(images(4, image_channels), BatchRandomness(np, 0))
    F.sum(scores * np.arange(4, dtype=np.float32)).backward()
    for name, parameter in network.namedparams():
        assert np.isfinite(parameter.grad).all(), name
        # A bias before normalisation has no effect.
        assert parameter.grad.any() or name.endswith("/b"), name


def test_the_noise_has_its_deviation_after_the_smoothing():
    network = make_network(noise=0.5, blur=True)
    seen = []

    class Inputs(chainer.LinkHook):
        def forward_preprocess(self, args):
            seen.append(chainer.as_array(args.args[0]))

    with Inputs(), chainer.no_backprop_mode():
        network(np.zeros((8, 2, 16, 16), np.float32), BatchRandomness(np, 0))
    first = next(array for array in seen if array.shape == (8, 2, 16, 16) and array.any())
    assert first.std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("options", [*OPTIONS, BOTH])
def test_arrays_give_the_network_back(options):
    network, other = make_network(**options), make_network(**options)
    assert digest_of(other) != digest_of(network)
    chainer.serializers.NpzDeserializer(network_arrays(network)).load(other)
    assert digest_of(other) == digest_of(network)
    x = images(4)
    np.testing.assert_array_equal(network(x).array, other(x).array)
