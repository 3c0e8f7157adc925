"""Stacks: image i of stack k is a function of the generator, the seed, k and i.

With the statistics of the batch, it is one of all images of the stack.
"""

from collections.abc import Iterator

import numpy as np

from synaxial.chainer_compatibility import chainer
from synaxial.configuration.model import Latent, Sample
from synaxial.networks import Generator
from synaxial.networks.randomness import CALIBRATION, SAMPLE, ImageRandomness, draw_latents
from synaxial.sample.generate import generate_images

#: Images made at a time where one does not depend on another; it bounds the memory.
CHUNK = 20

#: Latents that calibrate batch normalisation: so many batches of so many.
CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE = 5, 40


def sample_stack(
    generator: Generator, latent: Latent, settings: Sample, stack: int
) -> Iterator[np.ndarray]:
    """Make the images of a stack: uint8 (width, width, 3) each.

    A one-channel generator's grey is repeated to three channels.

    Parameters
    ----------
    generator
        A trained generator, on any device.
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
    if settings.batch_normalization == "calibrated":
        generator = calibrate(generator, latent, settings.dropout)
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


def calibrate(generator: Generator, latent: Latent, dropout: bool) -> Generator:
    """Return a copy of a generator whose running statistics are those of a fixed set of latents.

    Dropout widens what follows it, so statistics that were gathered with it do not fit images
    that are made without (Li et al., 2019, "variance shift"). The mean over a few batches that
    are each normalised by themselves are the standing statistics of Brock et al., 2019.

    Parameters
    ----------
    generator
        A trained generator; it is not changed.
    latent
        What it was trained with.
    dropout
        Whether dropout is on, as it will be when images are made.
    """
    copy: Generator = generator.copy(mode="copy")
    if not generator.settings.batch_normalization:
        return copy
    for batch in range(CALIBRATION_BATCHES):
        for normalization in copy.normalizations:
            # The running mean becomes the plain mean over the batches so far.
            normalization.decay = batch / (batch + 1)
        names = [(CALIBRATION, batch, i) for i in range(CALIBRATION_BATCH_SIZE)]
        randomness = ImageRandomness(copy.xp, names)
        latents = draw_latents(randomness, CALIBRATION_BATCH_SIZE, latent)
        with chainer.using_config("train", True), chainer.no_backprop_mode():
            copy(latents, randomness if dropout else None)
    return copy
