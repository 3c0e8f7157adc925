"""The networks against the paper's tables, written out by hand."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Discriminator as DiscriminatorSettings
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.layers import hidden
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.ops.hidden import HiddenLayer


class Recorder(chainer.LinkHook):
    """Keeps the kind and the output shape of every layer that is called, in order."""

    def __init__(self):
        self.calls = []

    def forward_postprocess(self, args):
        if not isinstance(args.link, chainer.Chain):
            self.calls.append((type(args.link).__name__, args.out.shape[1:]))


def shapes_of(network, array):
    with Recorder() as recorder, chainer.no_backprop_mode():
        out = network(array, BatchRandomness(np, 0))
    return recorder.calls, out


def test_generator_follows_the_table():
    network = Generator(GeneratorSettings(), 128)
    calls, images = shapes_of(network, np.zeros((2, 128), np.float32))
    normalization, transposed = "BatchNormalization", "TransposedConvolution"
    assert calls == [
        ("Linear", (16384,)),
        (normalization, (16384,)),
        (transposed, (512, 8, 8)),
        (normalization, (512, 8, 8)),
        (transposed, (256, 16, 16)),
        (normalization, (256, 16, 16)),
        (transposed, (128, 32, 32)),
        (normalization, (128, 32, 32)),
        (transposed, (64, 64, 64)),
        (normalization, (64, 64, 64)),
        (transposed, (32, 128, 128)),
        (normalization, (32, 128, 128)),
        (transposed, (3, 256, 256)),
        (normalization, (3, 256, 256)),
        (transposed, (3, 256, 256)),
    ]
    assert images.shape == (2, 3, 256, 256)
    assert images.dtype == np.float32


def test_generator_has_the_parameters_of_the_table():
    # Weights and biases of the eight layers, then two for each normalised channel.
    layers = [2113536, 8389120, 2097408, 524416, 131136, 32800, 1539, 84]
    normalised = 2 * (16384 + 512 + 256 + 128 + 64 + 32 + 3)
    network = Generator(GeneratorSettings(), 128)
    assert network.count_params() == sum(layers) + normalised == 13324797


def test_discriminator_follows_the_table():
    network = Discriminator(DiscriminatorSettings())
    calls, scores = shapes_of(network, np.zeros((2, 3, 256, 256), np.float32))
    assert [call for call in calls if call[0] != "BatchNormalization"] == [
        ("Convolution", (32, 128, 128)),
        ("Convolution", (64, 64, 64)),
        ("Convolution", (128, 32, 32)),
        ("Convolution", (156, 16, 16)),
        ("Convolution", (156, 16, 16)),
        ("Convolution", (512, 8, 8)),
        ("Convolution", (512, 8, 8)),
        ("Convolution", (1024, 4, 4)),
        ("Convolution", (1024, 4, 4)),
        ("Linear", (1,)),
    ]
    kinds = [kind for kind, _ in calls]
    # Normalised after every convolution but the first.
    assert kinds[:3] == ["Convolution", "Convolution", "BatchNormalization"]
    assert kinds.count("BatchNormalization") == 8
    assert scores.shape == (2,)


def test_discriminator_has_the_parameters_of_the_table():
    layers = [1568, 32832, 131200, 319644, 219180, 1278464, 2359808, 8389632, 9438208, 16385]
    normalised = 2 * (64 + 128 + 156 + 156 + 512 + 512 + 1024 + 1024)
    network = Discriminator(DiscriminatorSettings())
    assert network.count_params() == sum(layers) + normalised == 22194073


def test_kernels_strides_and_initial_weights():
    generator = Generator(GeneratorSettings(), 128)
    assert [link.W.shape[2:] for link in generator.convolutions] == [(4, 4)] * 6
    assert all(link.stride == (2, 2) and link.pad == (1, 1) for link in generator.convolutions)
    assert (generator.last.W.shape, generator.last.stride) == ((3, 3, 3, 3), (1, 1))
    weights = generator.convolutions[0].W.array
    assert abs(weights.mean()) < 1e-4
    assert weights.std() == pytest.approx(0.02, rel=0.01)
    discriminator = Discriminator(DiscriminatorSettings())
    strides = [link.stride[0] for link in discriminator.convolutions]
    assert strides == [2, 2, 2, 2, 1, 2, 1, 2, 1]


class Functions(chainer.FunctionHook):
    """Keeps the functions that are applied, in order."""

    def __init__(self):
        self.functions = []

    def forward_postprocess(self, function, _inputs):
        self.functions.append(function)


def layers_of(network, array, randomness=None):
    """Return the activation and dropout of each layer, in order."""
    with Functions() as hook, chainer.no_backprop_mode():
        network(array, randomness)
    layers = [function for function in hook.functions if isinstance(function, HiddenLayer)]
    return [(layer.activation, layer.slope, layer.dropped) for layer in layers]


def test_activations_dropout_and_noise_are_the_papers():
    randomness = BatchRandomness(np, 0)
    *hidden, output = layers_of(
        Generator(GeneratorSettings(), 128), np.zeros((2, 128), np.float32), randomness
    )
    assert [(name, slope) for name, slope, _ in hidden] == [("leaky_relu", 0.2)] * 7
    # Dropout in every layer but the output.
    assert [dropped.ratio for *_, dropped in hidden] == [0.5] * 7
    assert (output[0], output[2]) == ("tanh", None)
    layers = layers_of(
        Discriminator(DiscriminatorSettings()), np.zeros((2, 3, 256, 256), np.float32), randomness
    )
    assert [name for name, *_ in layers] == ["relu"] * 8 + ["sigmoid"]
    assert all(dropped is None for *_, dropped in layers)


@pytest.mark.parametrize("ratio", [0.5, 0.2])
def test_dropout_keeps_the_mean_and_drops_its_share(ratio):
    x = np.ones((100, 1001), np.float32)
    dropped = hidden(x, None, "relu", 0.2, ratio, BatchRandomness(np, 3)).array
    assert (dropped == 0).mean() == pytest.approx(ratio, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(hidden(x, None, "relu", 0.2, ratio, None).array, x)


def test_noise_is_added_to_the_input_of_every_layer():
    from synaxial.gan.networks import discriminator as module

    seen = []
    original = module.add_noise
    module.add_noise = lambda x, deviation, randomness: (
        seen.append(deviation) or original(x, deviation, randomness)
    )
    try:
        network = Discriminator(DiscriminatorSettings())
        network(np.zeros((1, 3, 256, 256), np.float32), BatchRandomness(np, 0))
    finally:
        module.add_noise = original
    # Nine convolutions and the fully connected layer.
    assert seen == [0.2] * 10


def test_configured_alternatives_change_the_networks():
    one_channel = Generator(
        GeneratorSettings(channels=[8, 4, 1], last_layer=False, output_activation="sigmoid"), 5
    )
    images = one_channel(np.zeros((3, 5), np.float32))
    assert images.shape == (3, 1, 16, 16)
    assert one_channel.output_range == (0.0, 1.0)
    # Without the last layer, the layer before it is the output and is not normalised.
    assert len(one_channel.normalizations) == 2
    settings = DiscriminatorSettings(
        channels=[4, 8], kernels=[4, 3], batch_normalization=False, spectral_normalization=True
    )
    network = Discriminator(settings, image_channels=1, image_width=16)
    assert network(images.array).shape == (3,)
    assert not hasattr(network, "normalizations")


def test_spectral_normalization_divides_by_the_largest_singular_value():
    settings = DiscriminatorSettings(
        channels=[6], kernels=[4], batch_normalization=False, spectral_normalization=True, noise=0
    )
    network = Discriminator(settings, image_channels=1, image_width=8, initial_deviation=1.0)
    layer = network.convolutions[0]
    images = np.random.default_rng(0).standard_normal((2, 1, 8, 8), np.float32)
    for _ in range(60):  # power iterations, one a call
        network(images)
    weights = layer.W.array.reshape(6, -1)
    largest = np.linalg.svd(weights, compute_uv=False)[0]
    hook = layer.local_link_hooks["SpectralNormalization"]
    with chainer.using_config("train", False):
        normalised = hook.normalize_weight(layer).array.reshape(6, -1)
    np.testing.assert_allclose(normalised, weights / largest, rtol=1e-4)
