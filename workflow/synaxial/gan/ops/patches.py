"""From images to the patches that a kernel sees, and back.

Arrays have the layout (channels, height, width, images). With the images last, a pixel is a run of
memory and not a single value, so that a kernel's stride costs nothing.
"""

from typing import NamedTuple

import numpy as np

from synaxial.compute.compiled import compiled


class Geometry(NamedTuple):
    """How a kernel moves over an image.

    Attributes
    ----------
    height, width
        Of the kernel, in pixels.
    stride, pad
        Pixels between its places, and of zeros around the image, in both directions.
    """

    height: int
    width: int
    stride: int
    pad: int

    @property
    def taps(self) -> int:
        """How many pixels it sees at a time."""
        return self.height * self.width

    def places(self, height: int, width: int) -> tuple[int, int]:
        """Return how many rows and columns of places it has in an image of this size."""
        return (
            (height + 2 * self.pad - self.height) // self.stride + 1,
            (width + 2 * self.pad - self.width) // self.stride + 1,
        )

    def covered(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the height and width of the smallest image that has so many places."""
        return (
            (rows - 1) * self.stride + self.height - 2 * self.pad,
            (columns - 1) * self.stride + self.width - 2 * self.pad,
        )


@compiled
def take_patches(x: np.ndarray, stride: int, pad: int, first: int, patches: np.ndarray) -> None:
    """Copy what a kernel sees at the places in some rows.

    Parameters
    ----------
    x
        (C, H, W, N).
    stride, pad
        The kernel's.
    first
        First of the rows of places.
    patches
        (C, kernel height, kernel width, rows, columns, N), is written.
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
    """Add patches to the images at the places that they were seen at.

    It is the transpose of `take_patches`, with the same parameters; `x` is written.
    """
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
                # All taps of a row of the kernel, while the row of the image is near.
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
    """Return the range of columns of places at which a tap lies within the image."""
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
    """Copy `count` runs of `length` values that begin at regular distances."""
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    five, six, seven, eight = np.uintp(5), np.uintp(6), np.uintp(7), np.uintp(8)
    if length % eight == 0:
        for _ in range(count):
            for k in range(0, length, eight):
                s, t = start + k, to + k
                # Named one by one, so that the compiler makes one instruction of them.
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
    """Add `count` runs of `length` values that begin at regular distances."""
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
