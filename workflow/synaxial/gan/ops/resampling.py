"""Up-sampling to twice the width: nearest-neighbour, bilinear and sub-pixel; and a low-pass filter.

* `nearest_convolution`: repeated pixels and a 3 x 3 convolution, as one transposed convolution. The
  enlarged image has its pixels in fours, so of the nine that the kernel sees only four differ.
  Each output pixel is a sum of 2 x 2 input pixels, with sums of the weights: a 4 x 4 kernel of
  stride 2. The result is the same up to rounding, at the border too, with 4 in place of 9
  multiplications, and the enlarged image is never made.
* `bilinear_upsampling`: a pixel becomes two along each axis, whose centres are a quarter of its
  width from its own: each is 3/4 of it and 1/4 of the neighbour on that side. The border's pixel
  is repeated. PyTorch's `interpolate` with `align_corners=False` does the same.
* `depth_to_space`: four channels become 2 x 2 pixels (Shi et al., 2016).
* `blur`: for images whose width a convolution is about to halve (Zhang, 2019). Along each axis it
  is [1, 2, 1] / 4, the binomial filter that is 0 at the highest frequency: even and odd pixels then
  have the same weight in what follows. Its odd length keeps every pixel in its place, as the 4 x 4
  convolution of stride 2 and padding 1 needs. ([1, 3, 3, 1] / 8 moves the image by half a pixel,
  which suits a kernel of odd width.) The border's pixel is repeated: the sum of an image and a
  constant image stay, and no frame appears, as with zeros. So the filter is a symmetric matrix, its
  own transpose and its own gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.convolution import transposed_convolution
from synaxial.gan.ops.layout import copy_runs, images_first, images_last, on_cpu
from synaxial.gan.ops.linear import linear

F = chainer.functions

#: Along one axis: the weights whose sum each of the four taps is. Weight t of the output pixel
#: d - t + 1 sees both pixels d, 0 and 1, into which an input pixel is repeated; there lands tap
#: d - t + 2 of a transposed convolution padded by 1.
SUMS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])

#: Weights of a block that one core works on.
WEIGHTS = 1 << 18
#: Values of a block of rows that one core works on.
BLOCK = 1 << 16


def nearest_convolution(x: Any, W: Any, b: Any) -> Any:
    """Double the width of images by repeating their pixels, then convolve, padded by 1.

    From x, (N, C, H, W) in any memory layout, to (N, O, 2 H, 2 W). W is (O, C, 3, 3), b is (O,) or
    None.
    """
    return transposed_convolution(x, linear(W, sum_taps, spread_taps), b, stride=2, pad=1)


def sum_taps(W: Any) -> Any:
    """Return the weights of the transposed convolution: from (O, C, 3, 3) to (C, O, 4, 4)."""
    return combine_taps(W, np.kron(SUMS, SUMS).T, 4)


def spread_taps(taps: Any) -> Any:
    """Compute the transpose of `sum_taps`: from (C, O, 4, 4) to (O, C, 3, 3)."""
    return combine_taps(taps, np.kron(SUMS, SUMS), 3)


def combine_taps(weights: Any, combinations: np.ndarray, width: int) -> Any:
    """Multiply the taps of each kernel by a matrix, and exchange the first two axes.

    From (A, B, kernel height, kernel width) to (B, A, width, width), with `combinations` of shape
    (taps before, taps after).
    """
    xp = chainer.backend.get_array_module(weights)
    first, second = weights.shape[:2]
    matrix = xp.asarray(combinations, weights.dtype)
    kernels = weights.reshape(first, second, -1).swapaxes(0, 1)
    if xp is not np:
        return xp.matmul(kernels, matrix).reshape(second, first, width, width)
    result = np.empty((second, first, width**2), weights.dtype)

    def multiply(some: slice) -> None:
        np.matmul(kernels[some], matrix, out=result[some])

    for_each(multiply, cut(second, WEIGHTS // (first * width**2)))
    return result.reshape(second, first, width, width)


def bilinear_upsampling(x: Any) -> Any:
    """Enlarge (N, C, H, W), in any memory layout, to (N, C, 2 H, 2 W)."""
    return linear(x, enlarge, gather)


def enlarge(x: Any) -> Any:
    """Enlarge an array to twice its height and width."""
    if not isinstance(x, np.ndarray):
        return enlarge_axis(enlarge_axis(x, 2), 3)
    return along_rows(enlarge_rows, x, 2 * x.shape[2], 2 * x.shape[3])


def gather(y: Any) -> Any:
    """Compute the transpose of `enlarge`."""
    if not isinstance(y, np.ndarray):
        return gather_axis(gather_axis(y, 2), 3)
    return along_rows(gather_rows, y, y.shape[2] // 2, y.shape[3] // 2)


def along_rows(loop: Callable[..., None], x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Change the size of images, (N, C, H, W), by a compiled loop over some rows at a time."""
    x = images_last(x)
    channels, images = len(x), x.shape[3]
    y = np.empty((channels, height, width, images), x.dtype)
    source, result = x.reshape(*x.shape[:2], -1), y.reshape(channels, height, -1)
    rows = channels * min(x.shape[1], height)
    for_each(
        lambda some: loop(source, images, some.start, some.stop, result),
        cut(rows, BLOCK // (max(x.size, y.size) // rows)),
    )
    return images_first(y)


@compiled
def enlarge_rows(x: np.ndarray, images: int, first: int, last: int, y: np.ndarray) -> None:
    """Enlarge rows `first` … `last` of the C H rows of x, (C, H, W N), into y, (C, 2 H, 2 W N)."""
    height, length = x.shape[1], x.shape[2]
    near, far = x.dtype.type(0.75), x.dtype.type(0.25)
    size, run, twice = np.uintp(length), np.uintp(images), np.uintp(2 * images)
    zero, one = np.uintp(0), np.uintp(1)
    # With one more pixel on each side.
    row = np.empty(length + 2 * images, x.dtype)
    even, odd = np.empty(length, x.dtype), np.empty(length, x.dtype)
    source, target = x.reshape(-1), y.reshape(-1)
    for r in range(first, last):
        c, h = r // height, r % height
        own = np.uintp(r * length)
        for side in range(2):
            beside = min(h + 1, height - 1) if side == 1 else max(h - 1, 0)
            other = np.uintp((c * height + beside) * length)
            for k in range(size):
                row[run + k] = near * source[own + k] + far * source[other + k]
            for k in range(run):
                row[k] = row[run + k]
                row[run + size + k] = row[size + k]
            for k in range(size):
                even[k] = near * row[run + k] + far * row[k]
                odd[k] = near * row[run + k] + far * row[twice + k]
            to = np.uintp((2 * r + side) * 2 * length)
            if run == one:
                for k in range(size):
                    target[to + k + k] = even[k]
                    target[to + k + k + one] = odd[k]
                continue
            columns = length // images
            copy_runs(target, to, twice, even, zero, run, run, columns)
            copy_runs(target, to + run, twice, odd, zero, run, run, columns)


@compiled
def gather_rows(y: np.ndarray, images: int, first: int, last: int, x: np.ndarray) -> None:
    """Compute rows `first` … `last` of x, (C, H, W N), from y, (C, 2 H, 2 W N).

    Each pixel is a sum over the 4 x 4 pixels to which `enlarge_rows` contributes it.
    """
    height, length = x.shape[1], x.shape[2]
    near, far = x.dtype.type(0.75), x.dtype.type(0.25)
    run, twice = np.uintp(images), np.uintp(2 * images)
    row = np.empty(2 * length, x.dtype)
    # Left of the first pixel is the first itself, which is even; right of the last is the last
    # itself, which is odd.
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


def depth_to_space(x: Any) -> Any:
    """Make 2 x 2 pixels of four channels, as `chainer.functions.depth2space` does.

    From (N, 4 C, H, W), in any memory layout, to (N, C, 2 H, 2 W): pixel (2 h + i, 2 w + j) of
    channel c is pixel (h, w) of channel (2 i + j) C + c.
    """
    return linear(x, to_pixels, to_channels) if on_cpu(x) else F.depth2space(x, 2)


def to_pixels(x: np.ndarray) -> np.ndarray:
    """Interleave four channels: from (N, 4 C, H, W) to (N, C, 2 H, 2 W)."""
    x = images_last(x)
    channels, height, width, images = x.shape
    pixels = x.reshape(2, 2, channels // 4, height, width, images).transpose(2, 3, 0, 4, 1, 5)
    return images_first(pixels.reshape(channels // 4, 2 * height, 2 * width, images))


def to_channels(y: np.ndarray) -> np.ndarray:
    """Compute the inverse of `to_pixels`, which is also its transpose."""
    y = images_last(y)
    channels, height, width, images = y.shape
    pixels = y.reshape(channels, height // 2, 2, width // 2, 2, images).transpose(2, 4, 0, 1, 3, 5)
    return images_first(pixels.reshape(4 * channels, height // 2, width // 2, images))


def blur(x: Any) -> Any:
    """Smooth images, (N, C, H, W) in any memory layout."""
    return linear(x, smooth, smooth)


def smooth(x: Any) -> Any:
    """Smooth an array."""
    if not isinstance(x, np.ndarray):
        return smooth_axis(smooth_axis(x, 2), 3)
    return along_rows(smooth_rows, x, *x.shape[2:])


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
