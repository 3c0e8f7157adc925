"""The memory layout of all functions here, and the patches that a kernel sees in it.

Chainer's arrays have the shape (N, C, H, W) or (N, C). Ours are in memory as (C, H, W, N): channels
first, images last. Chainer sees a transposed view, so that any of its functions works on it too.

With channels first, each channel is one contiguous row, as normalisation needs it. With images
last, a pixel is a run of N values in memory, and a row of pixels is one run too, which a kernel's
taps see at multiples of N (`direct.py`). The loops below copy and add such runs.
"""

from typing import Any, NamedTuple

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled


def on_cpu(x: Any) -> bool:
    """Return whether an array or Variable is NumPy's."""
    return isinstance(chainer.as_array(x), np.ndarray)


def images_last(x: np.ndarray) -> np.ndarray:
    """Return (N, C, …) as a contiguous (C, …, N): a view if it has this layout, else a copy."""
    # Not `np.moveaxis`, whose checks take longer than the copy of a small array.
    return np.ascontiguousarray(x.transpose(*range(1, x.ndim), 0))


def images_first(x: np.ndarray) -> np.ndarray:
    """Return (C, …, N) as a view (N, C, …)."""
    return x.transpose(x.ndim - 1, *range(x.ndim - 1))


def by_channel(x: np.ndarray) -> np.ndarray:
    """Return (N, C, …) as a contiguous matrix (C, values of a channel)."""
    return images_last(x).reshape(x.shape[1], -1)


def from_channels(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the matrix of `by_channel` as a view of this shape (N, C, …)."""
    return images_first(matrix.reshape(*shape[1:], shape[0]))


class Geometry(NamedTuple):
    """A kernel's size, stride and padding in pixels, and its places in an image."""

    height: int
    width: int
    stride: int
    pad: int

    @property
    def taps(self) -> int:
        """The number of pixels of the kernel."""
        return self.height * self.width

    def places(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of places in an image: the size of a convolution's output."""
        return (
            (height + 2 * self.pad - self.height) // self.stride + 1,
            (width + 2 * self.pad - self.width) // self.stride + 1,
        )

    def covered(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the height and width of the smallest image with this number of places."""
        return (
            (rows - 1) * self.stride + self.height - 2 * self.pad,
            (columns - 1) * self.stride + self.width - 2 * self.pad,
        )


@compiled
def take_patches(x: np.ndarray, stride: int, pad: int, first: int, patches: np.ndarray) -> None:
    """Copy what a kernel sees of x, (C, H, W, N), at the places in some rows, from `first` on.

    The result is `patches`, (C, kernel height, kernel width, rows, columns, N).
    """
    channels, kernel_height, kernel_width, rows, columns, images = patches.shape
    height, width = x.shape[1], x.shape[2]
    source, target = x.reshape(-1), patches.reshape(-1)
    run = np.uintp(images)
    to = np.uintp(0)
    for c in range(channels):
        for i in range(kernel_height):
            for j in range(kernel_width):
                left, right = within(width, stride, pad, j, columns)
                for r in range(rows):
                    h = stride * (first + r) + i - pad
                    if h < 0 or h >= height:
                        clear(target, to, run * np.uintp(columns))
                        to += run * np.uintp(columns)
                        continue
                    clear(target, to, run * np.uintp(left))
                    to += run * np.uintp(left)
                    w = stride * left + j - pad
                    start = np.uintp(((c * height + h) * width + w) * images)
                    if stride == 1:
                        copy(target, to, source, start, run * np.uintp(right - left))
                        to += run * np.uintp(right - left)
                    else:
                        skip = np.uintp(stride) * run
                        copy_runs(target, to, run, source, start, skip, run, right - left)
                        to += run * np.uintp(right - left)
                    clear(target, to, run * np.uintp(columns - right))
                    to += run * np.uintp(columns - right)


@compiled
def add_patches(patches: np.ndarray, stride: int, pad: int, first: int, x: np.ndarray) -> None:
    """Add patches to x at their places: the transpose of `take_patches`."""
    channels, kernel_height, kernel_width, rows, columns, images = patches.shape
    height, width = x.shape[1], x.shape[2]
    source, target = patches.reshape(-1), x.reshape(-1)
    run = np.uintp(images)
    for c in range(channels):
        for i in range(kernel_height):
            for r in range(rows):
                h = stride * (first + r) + i - pad
                if h < 0 or h >= height:
                    continue
                # All taps of a row of the kernel, while the row of the image is in the cache.
                for j in range(kernel_width):
                    left, right = within(width, stride, pad, j, columns)
                    w = stride * left + j - pad
                    to = np.uintp(((c * height + h) * width + w) * images)
                    row = ((c * kernel_height + i) * kernel_width + j) * rows + r
                    start = np.uintp((row * columns + left) * images)
                    if stride == 1:
                        add(target, to, source, start, run * np.uintp(right - left))
                    else:
                        skip = np.uintp(stride) * run
                        add_runs(target, to, skip, source, start, run, run, right - left)


@compiled
def within(width: int, stride: int, pad: int, tap: int, columns: int) -> tuple[int, int]:
    """Return the range of columns of places in which a tap lies within the image."""
    left = min(columns, max(0, -((tap - pad) // stride)))
    right = min(columns, (width - 1 - tap + pad) // stride + 1)
    return left, max(left, right)


@compiled
def copy(
    target: np.ndarray, to: np.uintp, source: np.ndarray, start: np.uintp, count: np.uintp
) -> None:
    """Copy `count` values."""
    for k in range(count):
        target[to + np.uintp(k)] = source[start + np.uintp(k)]


@compiled
def add(
    target: np.ndarray, to: np.uintp, source: np.ndarray, start: np.uintp, count: np.uintp
) -> None:
    """Add `count` values."""
    for k in range(count):
        target[to + np.uintp(k)] += source[start + np.uintp(k)]


@compiled
def copy_runs(
    target: np.ndarray,
    to: np.uintp,
    to_step: np.uintp,
    source: np.ndarray,
    start: np.uintp,
    start_step: np.uintp,
    length: np.uintp,
    count: int,
) -> None:
    """Copy `count` runs of `length` values, `start_step` and `to_step` values apart."""
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    five, six, seven, eight = np.uintp(5), np.uintp(6), np.uintp(7), np.uintp(8)
    if length % eight == 0:
        for _ in range(count):
            for k in range(0, length, eight):
                s, t = start + k, to + k
                # Eight names, of which the compiler makes one vector instruction.
                a, b, c, d = source[s], source[s + one], source[s + two], source[s + three]
                e, f, g = source[s + four], source[s + five], source[s + six]
                h = source[s + seven]
                target[t], target[t + one], target[t + two], target[t + three] = a, b, c, d
                target[t + four], target[t + five], target[t + six] = e, f, g
                target[t + seven] = h
            start += start_step
            to += to_step
    else:
        for _ in range(count):
            for k in range(length):
                target[to + np.uintp(k)] = source[start + np.uintp(k)]
            start += start_step
            to += to_step


@compiled
def add_runs(
    target: np.ndarray,
    to: np.uintp,
    to_step: np.uintp,
    source: np.ndarray,
    start: np.uintp,
    start_step: np.uintp,
    length: np.uintp,
    count: int,
) -> None:
    """Add `count` runs of `length` values, `start_step` and `to_step` values apart."""
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    five, six, seven, eight = np.uintp(5), np.uintp(6), np.uintp(7), np.uintp(8)
    if length % eight == 0:
        for _ in range(count):
            for k in range(0, length, eight):
                s, t = start + k, to + k
                a, b = source[s] + target[t], source[s + one] + target[t + one]
                c, d = source[s + two] + target[t + two], source[s + three] + target[t + three]
                e, f = source[s + four] + target[t + four], source[s + five] + target[t + five]
                g, h = source[s + six] + target[t + six], source[s + seven] + target[t + seven]
                target[t], target[t + one], target[t + two], target[t + three] = a, b, c, d
                target[t + four], target[t + five], target[t + six] = e, f, g
                target[t + seven] = h
            start += start_step
            to += to_step
    else:
        for _ in range(count):
            for k in range(length):
                target[to + np.uintp(k)] += source[start + np.uintp(k)]
            start += start_step
            to += to_step


@compiled
def clear(target: np.ndarray, to: np.uintp, count: np.uintp) -> None:
    """Set `count` values to 0."""
    for k in range(count):
        target[to + np.uintp(k)] = 0
