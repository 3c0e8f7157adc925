"""Wavelet features: the strength of details by size and direction, in each part of the image.

Nothing here is trained. An orthonormal wavelet transform separates the image into four levels of
details, each in three directions. The features of each such band are the mean absolute
coefficient in each cell of a 4 x 4 grid, and the standard deviation over the whole band.
"""

import numpy as np
import pywt
from numpy.typing import NDArray

from synaxial.compute import parallel

NAME = "wavelets"
TITLE = "wavelets"
EXPLANATION = (
    "Wavelet features: 236 numbers for the strength of details of four sizes and three directions, "
    "and for the brightness, in each of 4 x 4 parts of the image. They need no trained network, so "
    "they do not share its biases. They see blur, noise, grids, missing texture and misplaced "
    "heads. They do not know shapes: wrong anatomy with the right texture looks right to them."
)
SOURCE = (
    "Daubechies, Ten Lectures on Wavelets, SIAM 1992, table 6.1 (N = 2; PyWavelets); energies of "
    "wavelet bands as features: Mallat, IEEE PAMI 11(7), 1989, and Laine and Fan, IEEE PAMI "
    "15(11), 1993"
)

LEVELS = 4
#: Cells of the grid in each direction.
CELLS = 4
DIMENSIONS = LEVELS * 3 * (CELLS**2 + 1) + 2 * CELLS**2

#: The smallest images whose coarsest level has a coefficient in every cell, in pixels.
SMALLEST = CELLS * 2**LEVELS

IMAGES_AT_A_TIME = 16

Array = NDArray[np.float32]


def measure(pixels: NDArray[np.uint8]) -> Array:
    """Return the features of images uint8 (N, H, W) of at least 64 x 64, float32 (N, 236).

    A feature is log(1 + x) of x in grey levels, so that the small coefficients of fine details
    count as well.
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
    """Return the features of float32 images."""
    columns = [cell_means(images), cell_deviations(images)]
    approximation = images
    for level in range(1, LEVELS + 1):
        approximation, details = transform(approximation)
        # The transform keeps the energy, so coefficients double with each level; this undoes it.
        for band in (coefficients / np.float32(2**level) for coefficients in details):
            columns += [cell_means(np.abs(band)), band.std(axis=(1, 2))[:, None]]
    return np.log1p(np.concatenate(columns, axis=1))


def transform(images: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return one level of the transform: approximation, and horizontal, vertical, diagonal details.

    The image continues periodically. The last row or column of an odd side is doubled. The result
    is (N, H / 2, W / 2).
    """
    odd = [(0, side % 2) for side in images.shape[1:]]
    even = np.pad(images, [(0, 0), *odd], mode="edge")
    # PyWavelets starts its windows one pixel before the image, we start them at the image.
    moved = np.roll(even, -1, axis=(1, 2))
    approximation, details = pywt.dwt2(moved, "db2", "periodization", axes=(1, 2))
    return approximation, details


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
