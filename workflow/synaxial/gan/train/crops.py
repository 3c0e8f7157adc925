"""What the up-sampler learns from: crops of real images, and small images made of them."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.detail import BRAIN
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.ops.layout import images_first
from synaxial.gan.ops.resampling import smooth

#: Share of the width that crops leave out on each side: there is hardly anything but background.
MARGIN = 1 / 16

#: Of small images in [-1, 1]: the largest share of the blur in the mixture, and the noise's largest
#: standard deviation, about 6 grey levels.
BLURRED, NOISE = 0.5, 0.05

#: By this the blur of white noise is multiplied, so that its standard deviation is almost kept.
SMOOTHED = 2.3


def crops_of(
    images: np.ndarray,
    indices: np.ndarray,
    width: int,
    step: int,
    randomness: BatchRandomness,
) -> Any:
    """Cut a square out of each image, at a random place, and mirror half of them left to right.

    `images` are uint8 (images, W, W). The result is float32 (N, 1, width, width) in [-1, 1], on the
    device of `randomness`. Places are multiples of `step`.
    """
    full = images.shape[1]
    margin = min(int(full * MARGIN), (full - width) // 2) // step
    places = (full - width) // step - 2 * margin + 1
    chosen = chainer.backends.cuda.to_cpu(randomness.uniform((len(indices), 3)))
    corners = step * (margin + (chosen[:, :2] * places).astype(int))
    pixels = np.empty((1, width, width, len(indices)), np.uint8)
    for n, (index, (top, left)) in enumerate(zip(indices, corners, strict=True)):
        crop = images[index, top : top + width, left : left + width]
        pixels[0, ..., n] = crop[:, ::-1] if chosen[n, 2] < 0.5 else crop
    values = randomness.xp.asarray(pixels).astype(np.float32)
    values *= np.float32(1 / 127.5)
    values -= np.float32(1)
    return images_first(values)


def degrade(image: Any, amount: float, randomness: BatchRandomness) -> Any:
    """Spoil small images, (N, 1, w, w), as generated ones may be.

    Each image is mixed with its blur and gets white or smooth noise, both of random strength up to
    `amount` times the largest; background gets no noise.
    """
    xp, count = randomness.xp, len(image)
    # The fourth is not used. Drawing three would change all later random numbers of a training.
    draws = randomness.uniform((4, count, 1, 1, 1))
    share = np.float32(BLURRED * amount) * draws[0]
    image = image + xp.minimum(share, 1) * (smooth(image) - image)
    noise = randomness.normal(image.shape)
    noise = xp.where(draws[2] < 0.5, np.float32(SMOOTHED) * smooth(noise), noise)
    noise *= np.float32(NOISE * amount) * draws[1]
    return xp.clip(image + noise * (image > BRAIN), -1, 1)
