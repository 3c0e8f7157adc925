"""Bilinear enlargement of images to twice their width, and its transpose.

A pixel becomes two along each axis, whose centres lie a quarter of its width from its own: each is
3/4 of it and 1/4 of the neighbour on that side. Beyond the border there is the border's pixel. So
have it PyTorch's `interpolate` and Chainer's `resize_images` with `align_corners=False`.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import images_first, images_last
from synaxial.gan.ops.patches import copy_runs

#: Values of a block of rows that one core works on.
BLOCK = 1 << 16


def bilinear_upsampling(x: Any) -> Any:
    """Double the width and the height of images.

    Parameters
    ----------
    x
        float32 or float64 (N, C, H, W) of any layout in memory.

    Returns
    -------
    Variable
        (N, C, 2 H, 2 W).
    """
    return BilinearUpsampling().apply((x,))[0]


class BilinearUpsampling(chainer.FunctionNode):
    """From (x,), (N, C, H, W), to (y,), (N, C, 2 H, 2 W)."""

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Enlarge, a block of rows of a channel at a time."""
        x = images_last(inputs[0])
        channels, height, width, images = x.shape
        y = np.empty((channels, 2 * height, 2 * width, images), x.dtype)
        rows, result = by_rows(x), by_rows(y)
        for_each(
            lambda some: enlarge(rows, images, some.start, some.stop, result),
            cut(channels * height, BLOCK // (4 * width * images)),
        )
        return (images_first(y),)

    def forward_gpu(self, inputs: tuple[Any]) -> tuple[Any]:
        """Enlarge along one axis, then along the other."""
        return (enlarge_axis(enlarge_axis(inputs[0], 2), 3),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of x."""
        return TransposedBilinear().apply(gradients)


class TransposedBilinear(chainer.FunctionNode):
    """The transpose: from (y,), (N, C, 2 H, 2 W), to (x,), (N, C, H, W)."""

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Gather, a block of rows of a channel at a time."""
        y = images_last(inputs[0])
        channels, height, width, images = y.shape
        x = np.empty((channels, height // 2, width // 2, images), y.dtype)
        rows, result = by_rows(y), by_rows(x)
        for_each(
            lambda some: gather(rows, images, some.start, some.stop, result),
            cut(channels * height // 2, BLOCK // (2 * width * images)),
        )
        return (images_first(x),)

    def forward_gpu(self, inputs: tuple[Any]) -> tuple[Any]:
        """Gather along one axis, then along the other."""
        return (gather_axis(gather_axis(inputs[0], 2), 3),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of y."""
        return BilinearUpsampling().apply(gradients)


def by_rows(x: np.ndarray) -> np.ndarray:
    """Return a contiguous (C, H, W, N) as a view (C, H, W N)."""
    return x.reshape(*x.shape[:2], -1)


@compiled
def enlarge(x: np.ndarray, images: int, first: int, last: int, y: np.ndarray) -> None:
    """Write the two rows of y that each of some rows of x becomes.

    Parameters
    ----------
    x
        (C, H, W N).
    images
        N.
    first, last
        Which of the C H rows.
    y
        (C, 2 H, 2 W N), is written.
    """
    height, length = x.shape[1], x.shape[2]
    near, far = x.dtype.type(0.75), x.dtype.type(0.25)
    run, twice = np.uintp(images), np.uintp(2 * images)
    # A pixel more on each side.
    row = np.empty(length + 2 * images, x.dtype)
    left, middle, right = row[:length], row[images : images + length], row[2 * images :]
    even, odd = np.empty(length, x.dtype), np.empty(length, x.dtype)
    for r in range(first, last):
        c, h = r // height, r % height
        for side in range(2):
            own = x[c, h]
            other = x[c, min(h + 1, height - 1)] if side == 1 else x[c, max(h - 1, 0)]
            for k in range(length):
                middle[k] = near * own[k] + far * other[k]
            for k in range(images):
                row[k] = middle[k]
                row[length + images + k] = middle[length - images + k]
            for k in range(length):
                even[k] = near * middle[k] + far * left[k]
                odd[k] = near * middle[k] + far * right[k]
            target, zero, columns = y[c, 2 * h + side], np.uintp(0), length // images
            copy_runs(target, zero, twice, even, zero, run, run, columns)
            copy_runs(target, run, twice, odd, zero, run, run, columns)


@compiled
def gather(y: np.ndarray, images: int, first: int, last: int, x: np.ndarray) -> None:
    """Write some rows of x, each pixel from the 4 x 4 of y that `enlarge` puts a part of it in.

    Parameters
    ----------
    y
        (C, 2 H, 2 W N).
    images
        N.
    first, last
        Which of the C H rows of x.
    x
        (C, H, W N), is written.
    """
    height, length = x.shape[1], x.shape[2]
    near, far = x.dtype.type(0.75), x.dtype.type(0.25)
    run, twice = np.uintp(images), np.uintp(2 * images)
    row = np.empty(2 * length, x.dtype)
    # The pixel to the left of the first is the first itself, an even one; to the right of the last,
    # the last, an odd one.
    evens, odds = np.empty(length + images, x.dtype), np.empty(length + images, x.dtype)
    even, right = evens[:length], evens[images:]
    left, odd = odds[:length], odds[images:]
    for r in range(first, last):
        c, h = r // height, r % height
        above, upper = y[c, max(2 * h - 1, 0)], y[c, 2 * h]
        lower, below = y[c, 2 * h + 1], y[c, min(2 * h + 2, 2 * height - 1)]
        for k in range(2 * length):
            row[k] = near * (upper[k] + lower[k]) + far * (above[k] + below[k])
        zero, columns = np.uintp(0), length // images
        copy_runs(even, zero, run, row, zero, twice, run, columns)
        copy_runs(odd, zero, run, row, run, twice, run, columns)
        for k in range(images):
            odds[k] = row[k]
            evens[length + k] = row[2 * length - images + k]
        target = x[c, h]
        for k in range(length):
            target[k] = near * (even[k] + odd[k]) + far * (left[k] + right[k])


def enlarge_axis(x: Any, axis: int) -> Any:
    """Do what `enlarge` does along one axis, on any device."""
    xp = chainer.backend.get_array_module(x)
    x = xp.moveaxis(x, axis, 0)
    before, after = xp.concatenate([x[:1], x[:-1]]), xp.concatenate([x[1:], x[-1:]])
    pairs = xp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=1)
    return xp.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)


def gather_axis(y: Any, axis: int) -> Any:
    """Do what `gather` does along one axis, on any device."""
    xp = chainer.backend.get_array_module(y)
    y = xp.moveaxis(y, axis, 0)
    even, odd = y[0::2], y[1::2]
    left, right = xp.concatenate([even[:1], odd[:-1]]), xp.concatenate([even[1:], odd[-1:]])
    return xp.moveaxis(0.75 * (even + odd) + 0.25 * (left + right), 0, axis)
