"""Average pooling over 2 x 2 pixels, which halves the width of images."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.gan.ops.linear import linear
from synaxial.gan.ops.resampling import along_rows


def average_pooling(x: Any) -> Any:
    """Reduce (N, C, 2 H, 2 W), in any memory layout, to (N, C, H, W): means of 2 x 2 pixels."""
    return linear(x, pool, spread)


def pool(x: Any) -> Any:
    """Return the means of 2 x 2 pixels of an array."""
    if not isinstance(x, np.ndarray):
        images, channels, height, width = x.shape
        return x.reshape(images, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
    return along_rows(pool_rows, x, x.shape[2] // 2, x.shape[3] // 2)


def spread(y: Any) -> Any:
    """Compute the transpose of `pool`: a quarter of each pixel for each of 2 x 2 pixels."""
    if not isinstance(y, np.ndarray):
        xp = chainer.backend.get_array_module(y)
        return xp.repeat(xp.repeat(y * y.dtype.type(0.25), 2, axis=2), 2, axis=3)
    return along_rows(spread_rows, y, 2 * y.shape[2], 2 * y.shape[3])


@compiled
def pool_rows(x: np.ndarray, images: int, first: int, last: int, y: np.ndarray) -> None:
    """Compute rows `first` … `last` of the C H rows of y, (C, H, W N), from x, (C, 2 H, 2 W N)."""
    height = y.shape[1]
    columns, quarter = y.shape[2] // images, x.dtype.type(0.25)
    for r in range(first, last):
        c, h = r // height, r % height
        upper, lower, target = x[c, 2 * h], x[c, 2 * h + 1], y[c, h]
        for w in range(columns):
            left, to = 2 * w * images, w * images
            right = left + images
            for k in range(images):
                target[to + k] = quarter * (
                    upper[left + k] + upper[right + k] + lower[left + k] + lower[right + k]
                )


@compiled
def spread_rows(y: np.ndarray, images: int, first: int, last: int, x: np.ndarray) -> None:
    """Compute, from rows `first` … `last` of the C H rows of y, (C, H, W N), those of x below."""
    height = y.shape[1]
    columns, quarter = y.shape[2] // images, y.dtype.type(0.25)
    for r in range(first, last):
        c, h = r // height, r % height
        upper, lower, source = x[c, 2 * h], x[c, 2 * h + 1], y[c, h]
        for w in range(columns):
            left, start = 2 * w * images, w * images
            right = left + images
            for k in range(images):
                value = quarter * source[start + k]
                upper[left + k] = value
                upper[right + k] = value
                lower[left + k] = value
                lower[right + k] = value
