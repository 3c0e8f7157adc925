"""From latents to 8-bit images."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks import Generator
from synaxial.gan.networks.randomness import Randomness


def generate_images(
    generator: Generator,
    latents: Any,
    randomness: Randomness | None = None,
    by_batch: bool = False,
) -> np.ndarray:
    """Make 8-bit images; the generator is not changed.

    Parameters
    ----------
    generator
        A trained generator.
    latents
        float32 (N, latent size), on the generator's device.
    randomness
        Where dropout's masks come from; without it nothing is dropped.
    by_batch
        Whether batch normalisation uses the statistics of these N images, in place of the
        generator's running ones, with which an image does not depend on the others.

    Returns
    -------
    array
        uint8 (N, width, width, channels) on the host, 0 for the smallest value the generator's
        output activation has and 255 for the largest.
    """
    # Normalising by the batch would otherwise move the running statistics.
    network = generator.copy(mode="copy") if by_batch else generator
    with chainer.using_config("train", by_batch), chainer.no_backprop_mode():
        images = chainer.backends.cuda.to_cpu(network(latents, randomness).array)
    low, high = generator.output_range
    grey = np.clip(np.rint((images - low) * (255 / (high - low))), 0, 255)
    # A preview of a training that diverges may hold NaN: black, and the training says why it ends.
    pixels: np.ndarray = np.nan_to_num(grey).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)
