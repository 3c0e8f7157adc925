"""Wavelet features: how much there is of each fineness and direction, in each part of the image.

Nothing here was learned. The image is taken apart by an orthonormal wavelet transform into four
levels of details, each in three directions; of each such band the mean absolute coefficient in each
cell of a 4 x 4 grid is a feature, and the standard deviation over the whole band.
"""

import numpy as np
from numpy.typing import NDArray

from synaxial.compute import parallel

NAME = "wavelets"
TITLE = "wavelets"
EXPLANATION = (
    "Wavelet features: 236 numbers that say how strong details of four finenesses and three "
    "directions are, and how bright it is, in each of 4 x 4 parts of the image. They need no "
    "trained network and so have none of its prejudices; they see blur, noise, grids, missing "
    "texture and misplaced heads. They do not know shapes: anatomy that is wrong, but of the right "
    "texture, looks right to them."
)
SOURCE = (
    "Daubechies, Ten Lectures on Wavelets, SIAM 1992, table 6.1 (N = 2); energies of wavelet bands "
    "as features: Mallat, IEEE PAMI 11(7), 1989, and Laine and Fan, IEEE PAMI 15(11), 1993"
)

LEVELS = 4
#: Cells of the grid in each direction.
CELLS = 4
DIMENSIONS = LEVELS * 3 * (CELLS**2 + 1) + 2 * CELLS**2

#: The smallest images of which the coarsest level has a coefficient in every cell, in pixels.
SMALLEST = CELLS * 2**LEVELS

#: Daubechies' filter with two vanishing moments: sums of two neighbours' neighbourhoods …
LOW = np.array([1 + 3**0.5, 3 + 3**0.5, 3 - 3**0.5, 1 - 3**0.5]) / (4 * 2**0.5)
#: … and differences, to which a plane is nothing.
HIGH = LOW[::-1] * np.array([1, -1, 1, -1])

IMAGES_AT_A_TIME = 16

Array = NDArray[np.float32]


def measure(pixels: NDArray[np.uint8]) -> Array:
    """Return the features of images.

    Parameters
    ----------
    pixels
        uint8 (N, H, W), of at least 64 x 64.

    Returns
    -------
    NDArray
        float32 (N, 236): log(1 + x) of each x in grey levels, so that fine details, whose
        coefficients are small, count as well.

    Raises
    ------
    ValueError
        The images are too small.
    """
    if min(pixels.shape[1:]) < SMALLEST:
        raise ValueError(
            f"images of {pixels.shape[1]} x {pixels.shape[2]}, expected at least {SMALLEST} x "
            f"{SMALLEST}"
        )
    features = np.empty((len(pixels), DIMENSIONS), np.float32)

    def measure_some(images: slice) -> None:
        features[images] = features_of(pixels[images].astype(np.float32))

    parallel.for_each(measure_some, parallel.cut(len(pixels), IMAGES_AT_A_TIME))
    return features


def features_of(images: Array) -> Array:
    """Return the features, (N, 236), of float32 images."""
    columns = [cell_means(images), cell_deviations(images)]
    approximation = images
    for level in range(1, LEVELS + 1):
        approximation, details = transform(approximation)
        # The transform keeps energy, so coefficients double with each level; this undoes it.
        for band in (coefficients / np.float32(2**level) for coefficients in details):
            columns += [cell_means(np.abs(band)), band.std(axis=(1, 2))[:, None]]
    return np.log1p(np.concatenate(columns, axis=1))


def transform(images: Array) -> tuple[Array, list[Array]]:
    """Take images apart once.

    Parameters
    ----------
    images
        float32 (N, H, W); of an odd side, the last row or column is doubled.

    Returns
    -------
    approximation
        (N, H / 2, W / 2).
    details
        Three of that shape: horizontal, vertical and diagonal structures.
    """
    low, high = (filter_rows(images, taps) for taps in (LOW, HIGH))
    parts = [
        filter_rows(half.transpose(0, 2, 1), taps).transpose(0, 2, 1)
        for half in (low, high)
        for taps in (LOW, HIGH)
    ]
    return parts[0], [parts[2], parts[1], parts[3]]


def filter_rows(images: Array, taps: NDArray[np.float64]) -> Array:
    """Return every second row of the images correlated along their height, which is a circle."""
    height = images.shape[1] + images.shape[1] % 2
    circle = np.concatenate([images, images[:, -1:]][: 1 + images.shape[1] % 2], axis=1)
    circle = np.concatenate([circle, circle[:, : len(taps) - 2]], axis=1)
    filtered: Array = np.float32(taps[0]) * circle[:, 0:height:2]
    for offset, tap in enumerate(taps[1:], start=1):
        filtered += np.float32(tap) * circle[:, offset : offset + height : 2]
    return filtered


def cell_means(images: Array) -> Array:
    """Return the mean of each cell of the grid: (N, H, W) to (N, 16), row by row."""
    rows, columns = (np.arange(CELLS + 1) * side // CELLS for side in images.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(images, rows[:-1], axis=1), columns[:-1], axis=2)
    pixels = np.outer(np.diff(rows), np.diff(columns)).astype(np.float32)
    return np.asarray(sums / pixels, np.float32).reshape(len(images), -1)


def cell_deviations(images: Array) -> Array:
    """Return the standard deviation within each cell of the grid: (N, H, W) to (N, 16)."""
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    variances = cell_means(centred**2) - cell_means(centred) ** 2
    deviations: Array = np.sqrt(np.maximum(variances, 0))
    return deviations
