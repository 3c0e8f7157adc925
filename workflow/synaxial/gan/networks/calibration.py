"""The statistics that a generator normalises with when it makes images."""

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Latent
from synaxial.gan.networks.generator import Generator
from synaxial.gan.networks.randomness import CALIBRATION, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import statistics_of

#: Latents that calibrate batch normalisation: so many batches of so many.
CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE = 5, 40


def calibrate(generator: Generator, latent: Latent) -> dict[str, np.ndarray]:
    """Return the statistics of batch normalisation over a fixed set of latents, without dropout.

    Dropout widens what follows it, so statistics that were gathered with it do not fit images
    that are made without (Li et al., 2019, "variance shift"). The mean over a few batches that
    are each normalised by themselves are the standing statistics of Brock et al., 2019.

    Parameters
    ----------
    generator
        A trained generator; it is not changed.
    latent
        What it was trained with.

    Returns
    -------
    dict[str, array]
        float32 arrays by their path in the network.
    """
    copy: Generator = generator.copy(mode="copy")
    if not generator.settings.batch_normalization:
        return {}
    for batch in range(CALIBRATION_BATCHES):
        for normalization in copy.normalizations:
            # The running mean becomes the plain mean over the batches so far.
            normalization.decay = batch / (batch + 1)
        names = [(CALIBRATION, batch, i) for i in range(CALIBRATION_BATCH_SIZE)]
        randomness = ImageRandomness(copy.xp, names)
        latents = draw_latents(randomness, CALIBRATION_BATCH_SIZE, latent)
        with chainer.using_config("train", True), chainer.no_backprop_mode():
            copy(latents)
    return statistics_of(copy)
