"""Stacks: image i of stack k is a function of the generator, the seed, k and i.

With the statistics of the batch, it is one of all images of the stack.
"""

from collections.abc import Iterator

import numpy as np

from synaxial.configuration.model import Latent, Sample
from synaxial.networks import Generator
from synaxial.networks.randomness import SAMPLE, ImageRandomness, draw_latents
from synaxial.sample.generate import generate_images

#: Images made at a time where one does not depend on another; it bounds the memory.
CHUNK = 20


def sample_stack(
    generator: Generator, latent: Latent, settings: Sample, stack: int
) -> Iterator[np.ndarray]:
    """Make the images of a stack: uint8 (width, width, 3) each.

    A one-channel generator's grey is repeated to three channels.

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
        yield from np.repeat(images, 3 // images.shape[-1], axis=-1)
