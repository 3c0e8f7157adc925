"""Bringing a slice to a square of the wanted size."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]

FILTERS: dict[Filter, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resample(image: NDArray[np.uint8], size: int, kernel: Filter) -> NDArray[np.uint8]:
    """Resample an image to `size` x `size` with one of Pillow's filters.

    An image that is not square is first centred on a black square of its longer side, so that
    the head keeps its proportions. Pillow's filters are separable, with a support of 1
    (bilinear), 2 (bicubic) and 3 (lanczos) source pixels when enlarging, times the reduction
    when reducing; values beyond 0..255 are clipped. An image of the wanted size is returned as
    it is.

    Parameters
    ----------
    image
        uint8 (H, W).
    size
        Pixels a side.
    kernel
        The filter's name.

    Returns
    -------
    NDArray[np.uint8]
        (size, size).
    """
    squared = centre(image, max(image.shape))
    resized = Image.fromarray(squared).resize((size, size), FILTERS[kernel])
    return np.asarray(resized, np.uint8)


def centre(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Centre an image on a black square of `size`, cropping what does not fit.

    Along each axis the difference is halved and rounded down at the top and left, so that an odd
    one leaves its extra row at the bottom and its extra column at the right, whether it is black
    added or image removed. So a padded image cropped to its old size is the image again.

    Parameters
    ----------
    image
        uint8 (H, W).
    size
        Pixels a side.

    Returns
    -------
    NDArray[np.uint8]
        (size, size), a new array.
    """
    square = np.zeros((size, size), np.uint8)
    rows, columns = (_overlap(length, size) for length in image.shape)
    square[rows[1], columns[1]] = image[rows[0], columns[0]]
    return square


def _overlap(length: int, size: int) -> tuple[slice, slice]:
    """Return where, along one axis, the kept part is in the image and in the square."""
    if length > size:
        start = (length - size) // 2
        return slice(start, start + size), slice(0, size)
    start = (size - length) // 2
    return slice(0, length), slice(start, start + length)
