"""Stacks: image i of stack k is a function of the generator, the seed, k and i.

With the statistics of the batch, it is one of all images of the stack.
"""

from collections.abc import Iterator

import numpy as np

from synaxial.config.model import Latent, Sample
from synaxial.gan.generate import generate_images
from synaxial.gan.networks import Generator
from synaxial.gan.networks.randomness import SAMPLE, ImageRandomness, draw_latents
from synaxial.io.images import HALF
from synaxial.io.stacks import INSIDE, OUTSIDE

#: Images made at a time where one does not depend on another; it bounds the memory.
CHUNK = 20


def sample_stack(
    generator: Generator, latent: Latent, settings: Sample, stack: int
) -> Iterator[np.ndarray]:
    """Make the pages of a stack: uint8 (width, width, 3) each.

    A one-channel generator's grey is repeated to three channels. A generator of images with masks
    makes two pages of each image: its grey, and its mask, 255 from the half on and 0 below.

    Parameters
    ----------
    generator
        A trained generator, on any device, with the statistics to use.
    latent
        What it was trained with.
    settings
        Seed, number of images, and the two modes.
    stack
        The stack's number.
    """
    by_batch = settings.batch_normalization == "batch"
    # Statistics of the batch are those of the whole stack, whatever the memory.
    size = settings.images if by_batch else CHUNK
    for first in range(0, settings.images, size):
        numbers = range(first, min(first + size, settings.images))
        randomness = ImageRandomness(
            generator.xp, [(SAMPLE, settings.seed, stack, i) for i in numbers]
        )
        latents = draw_latents(randomness, len(numbers), latent)
        images = generate_images(
            generator,
            latents,
            randomness if settings.dropout else None,
            by_batch,
        )
        yield from pages_of(images)


def pages_of(images: np.ndarray) -> np.ndarray:
    """Return the pages of generated images: uint8 (N, width, width, 3).

    Parameters
    ----------
    images
        uint8 (N, width, width, channels). Of two channels the second is a mask: twice as many
        pages come back, each image's followed by its mask's.
    """
    if images.shape[-1] == 2:
        masks = np.where(images[..., 1] > HALF, INSIDE, OUTSIDE).astype(np.uint8)
        pairs = np.stack([images[..., 0], masks], axis=1)
        images = pairs.reshape(-1, *images.shape[1:3], 1)
    return np.repeat(images, 3 // images.shape[-1], axis=-1)
