"""A small low-pass filter for images whose width a convolution is about to halve (Zhang, 2019).

Along each axis [1, 2, 1] / 4, the binomial filter that is 0 at the highest frequency: the pixels of
even and of odd number then have the same weight in all that follows. Of odd length it leaves every
pixel where it is, and with it the 4 x 4 convolution of stride 2, padded by 1, whose places lie
midway between two pixels. ([1, 3, 3, 1] / 8 would move the image by half a pixel; it belongs with
a kernel of odd width.)

Beyond the border there is the border's pixel, as in a mirror. So the sum of an image stays, a
constant one stays as it is, and no frame darker or brighter than the background appears, as it
would with zeros. The filter is a symmetric matrix then: its own transpose, and its own gradient.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import images_first, images_last

#: Values of a block of rows that one core works on.
BLOCK = 1 << 16


def blur(x: Any) -> Any:
    """Smooth images.

    Parameters
    ----------
    x
        float32 or float64 (N, C, H, W) of any layout in memory.

    Returns
    -------
    Variable
        Of the same shape.
    """
    return Blur().apply((x,))[0]


class Blur(chainer.FunctionNode):
    """From (x,), (N, C, H, W), to (y,) of the same shape."""

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Smooth a block of rows of a channel at a time."""
        x = images_last(inputs[0])
        channels, height, width, images = x.shape
        y = np.empty_like(x)
        rows, result = (array.reshape(channels, height, -1) for array in (x, y))
        for_each(
            lambda some: smooth(rows, images, some.start, some.stop, result),
            cut(channels * height, BLOCK // (width * images)),
        )
        return (images_first(y),)

    def forward_gpu(self, inputs: tuple[Any]) -> tuple[Any]:
        """Smooth along one axis, then along the other."""
        return (smooth_axis(smooth_axis(inputs[0], 2), 3),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of x."""
        return Blur().apply(gradients)


@compiled
def smooth(x: np.ndarray, images: int, first: int, last: int, y: np.ndarray) -> None:
    """Write some rows of y.

    Parameters
    ----------
    x
        (C, H, W N).
    images
        N.
    first, last
        Which of the C H rows.
    y
        (C, H, W N), is written.
    """
    height, length = x.shape[1], x.shape[2]
    half, quarter = x.dtype.type(0.5), x.dtype.type(0.25)
    # A pixel more on each side.
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
