"""The growth of the coarse networks during a training, and the real images of each width."""

from typing import Any

import numpy as np

from synaxial.config.model import Coarse
from synaxial.gan.networks.coarse import Growth
from synaxial.gan.ops.enlargement import area_means


def growth_at(settings: Coarse, epoch: float) -> Growth:
    """Return the width of an iteration, and the share of its newest stage.

    `epoch` is the number of epochs before the iteration, with fraction. The first width has no
    stage to fade in. Later ones rise linearly to their full share.
    """
    width, since = settings.first_width, epoch
    while width < settings.width and since >= settings.width_epochs:
        width, since = 2 * width, since - settings.width_epochs
    if width == settings.first_width or since >= settings.fading_epochs:
        return Growth(width)
    return Growth(width, since / settings.fading_epochs)


def reduced(pixels: np.ndarray, growth: Growth) -> np.ndarray:
    """Reduce images to a width, as the generator's images of that growth.

    `pixels` are uint8 (N, C, W, W), W a multiple of the width; the result is float32
    (N, C, width, width) in 0 … 255. Each pixel is the mean of the pixels that it covers. While a
    stage is faded in, it is mixed with the mean of its 2 x 2 neighbourhood (Karras et al., 2018).
    """
    return faded(area_means(pixels, growth.width), growth)


def faded(values: np.ndarray, growth: Growth) -> np.ndarray:
    """Mix images, (N, C, width, width), with their coarser versions; see `reduced`."""
    if growth.share < 1:
        coarse = area_means(values, growth.width // 2).repeat(2, axis=2).repeat(2, axis=3)
        share = np.float32(growth.share)
        values = share * values + (1 - share) * coarse
    return values


def set_growth(networks: Any, growth: Growth) -> None:
    """Let generator, discriminator and moving average work at a width."""
    for network in (networks.generator, networks.discriminator, networks.average):
        if network is not None:
            network.growth = growth
