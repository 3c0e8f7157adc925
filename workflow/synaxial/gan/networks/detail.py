"""How fine the structure of an image is: what a scan's acquisition decides, not its anatomy.

Some scans are smooth, some are noisy, and some are smooth along one axis only, because their slices
were thick. Three numbers tell them apart. The up-sampler is given them for each image: small images
hardly show them, and without them it would give all images the same average detail.
"""

import numpy as np
from numpy.typing import NDArray

from synaxial.gan.ops.background import over_squares
from synaxial.gan.ops.enlargement import area_means, bicubic_enlargement

Array = NDArray[np.float32]

#: The numbers of an image.
NUMBERS = 3

#: Above this, about 3 grey levels above background, a pixel of a small image is brain.
BRAIN = -0.98

#: The smallest amount, in units of half the range of grey values: below one grey level.
LEAST = 1e-3

#: Width of the square of small pixels that must all be brain: as far as a bicubic weight reaches.
INNER = 5

#: Images that are measured together; it bounds the memory.
CHUNK = 32


def details_of(images: np.ndarray, factor: int) -> Array:
    """Measure the detail of images, (N, W, W) in [-1, 1], that their reduction loses: (N, 3).

    The detail is what a bicubic enlargement lacks of the image that was reduced by `factor`. The
    numbers are the logarithm of its mean amount, and of how much it differs from one pixel to the
    next to the right and below, as a multiple of that amount. The brain's rim is left out.
    """
    width = images.shape[-1]
    small = area_means(images[:, None], width // factor)
    inside = over_squares(np.logical_and, small[:, 0] > BRAIN, INNER, outside=True)
    inside = inside.repeat(factor, axis=1).repeat(factor, axis=2)
    detail = (images - bicubic_enlargement(small, factor).array[:, 0]) * inside
    amounts = [
        np.abs(values).sum(axis=(1, 2))
        for values in (detail, np.diff(detail, axis=2), np.diff(detail, axis=1))
    ]
    pixels = np.maximum(inside.sum(axis=(1, 2)), 1)
    mean, right, below = (np.maximum(amount / pixels, LEAST) for amount in amounts)
    numbers = np.stack([mean, right / mean, below / mean], axis=1)
    return np.asarray(np.log(numbers), np.float32)


def details_of_pixels(images: np.ndarray, factor: int) -> Array:
    """Measure the detail of 8-bit images, (N, W, W): (N, 3)."""
    parts = [
        details_of(images[k : k + CHUNK] / np.float32(127.5) - 1, factor)
        for k in range(0, len(images), CHUNK)
    ]
    return np.concatenate(parts)
