"""Sets of images that are good or bad in a known way, to read a metric's values beside.

Every value of generated images stands between that of other real subjects, which is as good as can
be, and those of these sets.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from synaxial.compute import parallel
from synaxial.io.images import ImageSet


def copies(training: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw training images, none twice: what a generator that only remembers makes at its best.

    Distances find nothing wrong with them; a measure of memorisation must.

    Parameters
    ----------
    training
        How many images there are.
    count
        How many are drawn.
    seed
        The same seed draws the same.

    Returns
    -------
    int64 (count,)
        Their numbers, rising.

    Raises
    ------
    ValueError
        There are fewer images.
    """
    if not 0 < count <= training:
        raise ValueError(f"{count} copies of {training} images, expected 1 to {training}")
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn: NDArray[np.int64] = np.sort(generator.choice(training, count, replace=False))
    return drawn


def blurred(images: ImageSet, sigma: float) -> ImageSet:
    """Blur each image with a Gaussian of so many pixels: details are missing, all else is right."""
    pixels = np.empty_like(images.pixels)

    def blur(index: int) -> None:
        smooth = gaussian_filter(images.pixels[index].astype(np.float32), sigma)
        pixels[index] = np.rint(smooth).clip(0, 255)

    parallel.for_each(blur, range(len(pixels)))
    return ImageSet(pixels, images.groups)


def noise(images: ImageSet, seed: int) -> ImageSet:
    """Return as many images of uniform white noise, each a group by itself: nothing is right."""
    generator = np.random.Generator(np.random.PCG64(seed))
    pixels = generator.integers(0, 256, images.pixels.shape, np.uint8)
    return ImageSet(pixels, np.arange(len(pixels), dtype=np.int64))


def planted_grid(images: ImageSet, amplitude: float, period: int) -> ImageSet:
    """Add the pattern that transposed convolutions leave: a wave in both directions.

    Only where an image is not 0: a generator's background is at the end of its range, where no
    pattern is left.

    Parameters
    ----------
    images
        The images.
    amplitude
        Of each wave, in grey levels.
    period
        In pixels.
    """
    height, width = images.pixels.shape[1:]
    wave = grid(height, width, amplitude, period)
    pixels = np.empty_like(images.pixels)

    def plant(index: int) -> None:
        image = images.pixels[index]
        pixels[index] = np.where(image > 0, np.rint(image + wave).clip(0, 255), 0)

    parallel.for_each(plant, range(len(pixels)))
    return ImageSet(pixels, images.groups)


def grid(height: int, width: int, amplitude: float, period: int) -> NDArray[np.float32]:
    """Return A cos(2 π y / period) + A cos(2 π x / period), float32 (height, width)."""
    down, right = (np.cos(2 * np.pi * np.arange(side) / period) for side in (height, width))
    return (amplitude * (down[:, None] + right)).astype(np.float32)
