"""The networks of a training at its start."""

from typing import Any

import numpy as np

from synaxial.config.model import Training
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.randomness import INITIALISATION, seed_sequence
from synaxial.gan.train.moving_average import MovingAverage
from synaxial.gan.train.updater import Networks


def make_networks(training: Training, image_width: int, device: Any) -> Networks:
    """Make the networks with their initial weights, on the device.

    The weights are a function of the seed; the global NumPy generator, which Chainer's
    initialisers draw from, is left as it was.
    """
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed_sequence(INITIALISATION, training.seed).generate_state(8))  # noqa: NPY002
    try:
        generator = Generator(training.generator, training.latent.size, training.initial_deviation)
        discriminator = Discriminator(
            training.discriminator,
            training.generator.channels[-1],
            image_width,
            training.initial_deviation,
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    average = None
    if training.moving_average_images > 0:
        follower = generator.copy(mode="copy")
        average = MovingAverage(follower, training.moving_average_images, training.batch_size)
        follower.to_device(device)
    generator.to_device(device)
    discriminator.to_device(device)
    return Networks(generator, discriminator, average)
