"""The Laplacian pyramid: an image as its details of each size (Burt and Adelson 1983)."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

#: The binomial kernel of 5, along one axis.
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16

#: The pyramid ends with the last level that has so many pixels a side.
SMALLEST = 16


def level_sizes(size: int) -> list[int]:
    """Return the pixels a side of each level: halved, rounded up, while at least `SMALLEST`."""
    sizes = [size]
    while -(-sizes[-1] // 2) >= SMALLEST:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def laplacian_pyramid(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return each level of the images' pyramid, the finest first.

    A level is the image at that size less what the next smaller one shows of it; the last is the
    image at the smallest size. Smoothing is by the 5 x 5 binomial kernel, and images are mirrored
    at their borders (without the border pixel twice), as in Karras et al. (ICLR 2018).

    Parameters
    ----------
    pixels
        uint8 (N, S, S).

    Returns
    -------
    list of float32 (N, s, s)
        For s in `level_sizes(S)`, in grey levels.
    """
    level = pixels.astype(np.float32)
    levels = []
    for _ in level_sizes(pixels.shape[-1])[1:]:
        smaller = reduce(level)
        levels.append(level - expand(smaller, level.shape[-1]))
        level = smaller
    return [*levels, level]


def reduce(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth images (N, S, S) and keep every second row and column."""
    rows = correlate1d(images, BINOMIAL, axis=1, mode="mirror")[:, ::2]
    smooth: NDArray[np.float32] = correlate1d(rows, BINOMIAL, axis=2, mode="mirror")[:, :, ::2]
    return smooth


def expand(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Bring images (N, s, s) to a size of which `reduce` makes s: zeros between, then smoothed."""
    count, side = images.shape[:2]
    tall = np.zeros((count, size, side), np.float32)
    tall[:, ::2] = images
    # Three quarters of the pixels are zeros, hence the factor: 2 along each axis.
    tall = correlate1d(tall, 2 * BINOMIAL, axis=1, mode="mirror")
    large = np.zeros((count, size, size), np.float32)
    large[:, :, ::2] = tall
    expanded: NDArray[np.float32] = correlate1d(large, 2 * BINOMIAL, axis=2, mode="mirror")
    return expanded
