"""Both whole networks give the same bytes on any number of threads, forward and backward."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Discriminator as DiscriminatorSettings
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.networks.saving import network_arrays


def forward_and_backward(threads, images, generator_channels, discriminator_channels):
    """Return images, scores and gradients, computed on a number of threads."""
    width = 4 * 2 ** (len(generator_channels) - 1)
    generator = Generator(GeneratorSettings(channels=generator_channels), 16)
    discriminator = Discriminator(
        DiscriminatorSettings(
            channels=discriminator_channels, kernels=[4, 3, 4][: len(discriminator_channels)]
        ),
        image_width=width,
    )
    random = np.random.default_rng(0)
    for network in (generator, discriminator):
        network.cleargrads()
        for _, parameter in sorted(network.namedparams()):
            parameter.array[...] = 0.1 * random.standard_normal(parameter.shape, np.float32)
    latents = random.standard_normal((images, 16), np.float32)
    randomness = BatchRandomness(np, 7)
    with use_threads(threads):
        made = generator(latents, randomness)
        scores = discriminator(made, randomness)
        chainer.functions.sum(scores**2).backward(retain_grad=True)
    arrays = {"images": made.array, "their gradient": made.grad, "scores": scores.array}
    for network in (generator, discriminator):
        name = type(network).__name__
        arrays |= {name + path: p.grad for path, p in network.namedparams()}
        arrays |= {f"{name} {path}": array for path, array in network_arrays(network).items()}
    return arrays


@pytest.mark.parametrize(
    ("images", "generator_channels", "discriminator_channels"),
    [
        # Small layers; and images large enough for several blocks of rows and of a channel.
        (3, [24, 12, 3], [6, 10, 9]),
        (5, [16, 16, 16, 8, 8, 3, 3], [8, 16, 16]),
    ],
)
def test_threads_change_no_bit(images, generator_channels, discriminator_channels):
    results = [
        forward_and_backward(threads, images, generator_channels, discriminator_channels)
        for threads in (1, 2, 3, 3)
    ]
    assert all(np.isfinite(array).all() for array in results[0].values())
    assert np.abs(results[0]["Generator/connected/W"]).max() > 0
    for result in results[1:]:
        assert result.keys() == results[0].keys()
        for name, array in results[0].items():
            assert np.array_equal(array, result[name]), name
