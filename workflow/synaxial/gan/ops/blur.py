"""A low-pass filter for images whose width a convolution is about to halve (Zhang, 2019).

Along each axis it is [1, 2, 1] / 4, the binomial filter that is 0 at the highest frequency: even
and odd pixels then have the same weight in what follows. Its odd length keeps every pixel in its
place, as the 4 x 4 convolution of stride 2 and padding 1 needs. ([1, 3, 3, 1] / 8 moves the image
by half a pixel, which suits a kernel of odd width.)

The border's pixel is repeated. So the sum of an image and a constant image stay, and no frame
appears, as it would with zeros. The filter is then a symmetric matrix: its own transpose and its
own gradient.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import by_rows, images_first, images_last
from synaxial.gan.ops.linear import linear

#: Values of a block of rows that one core works on.
BLOCK = 1 << 16


def blur(x: Any) -> Any:
    """Smooth images, (N, C, H, W) in any memory layout."""
    return linear(x, smooth, smooth)


def smooth(x: Any) -> Any:
    """Smooth an array."""
    if not isinstance(x, np.ndarray):
        return smooth_axis(smooth_axis(x, 2), 3)
    x = images_last(x)
    channels, height, width, images = x.shape
    y = np.empty_like(x)
    rows, result = by_rows(x), by_rows(y)
    for_each(
        lambda some: smooth_rows(rows, images, some.start, some.stop, result),
        cut(channels * height, BLOCK // (width * images)),
    )
    return images_first(y)


@compiled
def smooth_rows(x: np.ndarray, images: int, first: int, last: int, y: np.ndarray) -> None:
    """Smooth rows `first` … `last` of the C H rows of x, (C, H, W N), into y."""
    height, length = x.shape[1], x.shape[2]
    half, quarter = x.dtype.type(0.5), x.dtype.type(0.25)
    # With one more pixel on each side.
    row = np.empty(length + 2 * images, x.dtype)
    left, middle, right = row[:length], row[images : images + length], row[2 * images :]
    for r in range(first, last):
        c, h = r // height, r % height
        above, own, below = x[c, max(h - 1, 0)], x[c, h], x[c, min(h + 1, height - 1)]
        for k in range(length):
            middle[k] = half * own[k] + quarter * (above[k] + below[k])
        for k in range(images):
            row[k] = middle[k]
            row[length + images + k] = middle[length - images + k]
        target = y[c, h]
        for k in range(length):
            target[k] = half * middle[k] + quarter * (left[k] + right[k])


def smooth_axis(x: Any, axis: int) -> Any:
    """Do what `smooth` does along one axis, on any device."""
    xp = chainer.backend.get_array_module(x)
    x = xp.moveaxis(x, axis, 0)
    before, after = xp.concatenate([x[:1], x[:-1]]), xp.concatenate([x[1:], x[-1:]])
    return xp.moveaxis(0.5 * x + 0.25 * (before + after), 0, axis)
