"""Bicubic enlargement by any whole factor, and reduction by averaging: linear, of few channels.

* `bicubic_enlargement`: cubic convolution (Keys, 1981) with a = -0.75, each axis by itself. Pixel i
  of the result has its centre at (i + 1/2) / factor - 1/2 of the input, and the border's pixel is
  repeated. PyTorch's `interpolate` with `mode="bicubic"` and `align_corners=False` does the same.
  Along an axis it is a product with a matrix, (factor length, length). Most of the matrix is 0, but
  for an image of one or two channels the product costs less than one layer of a network.
* `area_reduction`: the mean of each square of factor x factor pixels.
"""

from functools import lru_cache, partial
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.gan.ops.layout import images_first
from synaxial.gan.ops.linear import linear

#: The parameter of the cubic kernel.
SHARPNESS = -0.75


def bicubic_enlargement(x: Any, factor: int) -> Any:
    """Enlarge (N, C, H, W), in any memory layout, to (N, C, factor H, factor W)."""
    height, width = x.shape[2:]
    matrices = bicubic_matrix(height, factor), bicubic_matrix(width, factor)
    transposed = matrices[0].T, matrices[1].T
    return linear(x, partial(along_axes, *matrices), partial(along_axes, *transposed))


def along_axes(rows: np.ndarray, columns: np.ndarray, x: Any) -> Any:
    """Multiply the columns of images, (N, C, H, W), by (H', H) and their rows by (W', W)."""
    xp = chainer.backend.get_array_module(x)
    rows, columns = xp.asarray(rows, x.dtype), xp.asarray(columns, x.dtype)
    images, channels, height, width = x.shape
    values = xp.ascontiguousarray(xp.moveaxis(x, 0, -1))
    values = xp.matmul(rows, values.reshape(channels, height, width * images))
    if images == 1:
        # One product in place of one a row.
        values = xp.matmul(values.reshape(-1, width), columns.T)
    else:
        values = xp.matmul(columns, values.reshape(channels * len(rows), width, images))
    return images_first(values.reshape(channels, len(rows), len(columns), images))


@lru_cache
def bicubic_matrix(length: int, factor: int) -> np.ndarray:
    """Return the matrix that enlarges an axis: float64 (factor length, length)."""
    centres = (np.arange(factor * length) + 0.5) / factor - 0.5
    first = np.floor(centres).astype(int)
    matrix = np.zeros((factor * length, length))
    for tap in range(-1, 3):
        sources = np.clip(first + tap, 0, length - 1)
        np.add.at(matrix, (np.arange(len(centres)), sources), cubic(centres - first - tap))
    return matrix


def cubic(distance: np.ndarray) -> np.ndarray:
    """Return the weight of a pixel at a distance of up to 2 pixels (Keys, 1981, equation 4)."""
    d, a = np.abs(distance), SHARPNESS
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    weights: np.ndarray = np.where(d <= 1, near, far)
    return weights


def area_reduction(x: Any, factor: int) -> Any:
    """Reduce (N, C, H, W), in any memory layout, to (N, C, H / factor, W / factor)."""
    return linear(x, partial(average_squares, factor), partial(spread_squares, factor))


def area_means(images: np.ndarray, width: int) -> np.ndarray:
    """Reduce images, (N, C, W, W), to (N, C, width, width): means of squares of pixels.

    It is `average_squares` of images on the host, in the memory layout of files. Those of uint8
    become float32. (NumPy's mean of two axes takes ten times as long.)
    """
    means = np.empty((*images.shape[:2], width, width), np.result_type(images, np.float32))
    add_squares(images.reshape(-1, *images.shape[2:]), means.reshape(-1, width, width))
    means /= (images.shape[-1] // width) ** 2
    return means


@compiled
def add_squares(images: np.ndarray, sums: np.ndarray) -> None:
    """Fill `sums`, (K, w, w), with the sums of squares of pixels of `images`, (K, W, W)."""
    factor = images.shape[1] // sums.shape[1]
    for k in range(len(sums)):
        for row in range(sums.shape[1]):
            for column in range(sums.shape[2]):
                total = sums.dtype.type(0)
                for i in range(factor):
                    for j in range(factor):
                        total += images[k, factor * row + i, factor * column + j]
                sums[k, row, column] = total


def average_squares(factor: int, x: Any) -> Any:
    """Return the means of squares of pixels."""
    xp = chainer.backend.get_array_module(x)
    images, channels, height, width = x.shape
    values = xp.ascontiguousarray(xp.moveaxis(x, 0, -1))
    squares = values.reshape(channels, height // factor, factor, width // factor, factor, images)
    return images_first(squares.mean(axis=(2, 4)))


def spread_squares(factor: int, y: Any) -> Any:
    """Compute the transpose of `average_squares`: every pixel of a square gets an equal share."""
    xp = chainer.backend.get_array_module(y)
    shares = xp.moveaxis(y, 0, -1) * y.dtype.type(factor**-2)
    return images_first(shares.repeat(factor, axis=1).repeat(factor, axis=2))
