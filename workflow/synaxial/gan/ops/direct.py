"""Convolutions of many pixels: each is computed where it lies, without a matrix of patches.

In the layout (C, H, W, N) a row of an image is one run of W N values, and what a tap of the kernel
sees of it is the same run, some multiple of N values further on. So a row of outputs is a sum of
runs times numbers, which `rows.py` and `tiles.py` compute in registers. The order of a sum depends
on shapes alone, not on the number of threads.

With a stride, the columns of the padded image are sorted by their remainder, so that a tap sees a
run again. A transposed convolution of stride s is s x s convolutions of stride 1, each with the
taps that meet one kind of pixel.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from synaxial.compute.parallel import cut, for_each, scratch, workers
from synaxial.gan.ops.layout import Geometry
from synaxial.gan.ops.rows import correlate_rows, multiply_rows, pack_weights, pad_rows
from synaxial.gan.ops.tiles import lanes

#: Values of a block of padded rows: 1 MB, the size of a core's own cache.
BLOCK = 1 << 18
#: Values of an output's rows of which weights' gradients are summed in registers, and the least of
#: a group of rows. Each of up to `GROUPS` groups has a sum of its own.
PART, LEAST_OF_GROUP, GROUPS = 1 << 12, 1 << 13, 8


class Kernel(NamedTuple):
    """What computes some pixels: out[o, begin + spread p] from in[c, stride p + first + tap].

    The same along both axes; a pair is (of rows, of columns). `weights` are (O, C, height, width).
    """

    weights: np.ndarray
    stride: int
    first: tuple[int, int]
    begin: tuple[int, int]
    spread: int
    places: tuple[int, int]


def correlate_directly(
    x: np.ndarray,
    weights: np.ndarray,
    geometry: Geometry,
    bias: np.ndarray | None,
    y: np.ndarray,
) -> None:
    """Compute what `convolution.correlate` does, into y."""
    pad = (-geometry.pad, -geometry.pad)
    kernel = Kernel(weights, geometry.stride, pad, (0, 0), 1, (y.shape[1], y.shape[2]))
    apply_kernels(x, [kernel], bias, y)


def transposed_kernels(
    weights: np.ndarray, geometry: Geometry, size: tuple[int, int]
) -> Iterator[Kernel]:
    """Cut a transposed convolution into convolutions, one for each kind of pixel.

    `size` is that of its result. `convolution.scatter` has the other arguments.
    """
    stride = geometry.stride
    for row in range(stride):
        for column in range(stride):
            taps = weights[:, :, row::stride, column::stride]
            # Pixel h is seen by the taps t of the places p with stride p + t = h + pad.
            kind = np.array([row, column])
            begin = (kind - geometry.pad) % stride
            first = (begin + geometry.pad - kind) // stride - (np.array(taps.shape[2:]) - 1)
            places = -((begin - size) // stride)
            yield Kernel(
                taps.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1],
                1,
                (int(first[0]), int(first[1])),
                (int(begin[0]), int(begin[1])),
                stride,
                (int(places[0]), int(places[1])),
            )


def apply_kernels(
    x: np.ndarray, kernels: list[Kernel], bias: np.ndarray | None, y: np.ndarray
) -> None:
    """Compute the pixels of all kernels of y, (O, rows, columns, N), from x, (C, H, W, N)."""
    if bias is None:
        bias = np.zeros(len(y), y.dtype)
    tiles = [pack_weights(kernel.weights) for kernel in kernels]
    for_each(
        lambda rows: apply_to_rows(x, kernels, tiles, rows, bias, y),
        blocks_of(x, kernels),
    )


def blocks_of(x: np.ndarray, kernels: list[Kernel]) -> list[slice]:
    """Cut rows of places so that the rows they see fit into a core's cache."""
    rows = max(kernel.places[0] for kernel in kernels)
    channels, _, *row = Frame.of(kernels).shape(x, slice(0, 1))
    of_cache = BLOCK // (channels * kernels[0].stride * math.prod(row))
    return cut(rows, min(of_cache, -(-rows // (2 * workers.threads))))


class Frame(NamedTuple):
    """The pixels that some kernels see at one place, and their columns of places."""

    first: tuple[int, int]
    last: tuple[int, int]
    stride: int
    columns: int

    @classmethod
    def of(cls, kernels: list[Kernel]) -> "Frame":
        """Return what all of the kernels see."""
        first = [min(kernel.first[axis] for kernel in kernels) for axis in (0, 1)]
        last = [max(k.first[axis] + k.weights.shape[2 + axis] for k in kernels) for axis in (0, 1)]
        columns = max(kernel.places[1] for kernel in kernels)
        return cls((first[0], first[1]), (last[0], last[1]), kernels[0].stride, columns)

    def shape(self, x: np.ndarray, rows: slice) -> tuple[int, ...]:
        """Return the shape of what they see of x, (C, H, W, N), at the places in some rows.

        It is (C, rows, remainders of columns, columns of a remainder, N).
        """
        height = self.stride * (rows.stop - rows.start - 1) + self.last[0] - self.first[0]
        width = self.stride * (self.columns - 1) + self.last[1] - self.first[1]
        return len(x), height, self.stride, -(-width // self.stride), x.shape[3]

    def pad(self, x: np.ndarray, rows: slice, padded: np.ndarray) -> None:
        """Copy what they see of x at the places in some rows, with zeros around the image."""
        top = self.stride * rows.start + self.first[0]
        pad_rows(x, self.stride, top, self.first[1], padded)

    def offsets(self, kernel: Kernel, shape: tuple[int, ...]) -> np.ndarray:
        """Return where each channel and tap of a kernel sees the first place: int64 (C taps,).

        `shape` is that of the padded rows.
        """
        first = kernel.first[0] - self.first[0], kernel.first[1] - self.first[1]
        return offsets_of(first, kernel.weights.shape[2:], self.stride, shape)


@lru_cache
def offsets_of(
    first: tuple[int, int], size: tuple[int, ...], stride: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the places of a kernel's taps in padded rows: int64 (C taps,).

    `first` is the row and column of its first tap, `size` its height and width.
    """
    channels, rows, _, columns, images = shape
    row = stride * columns * images
    channel = np.arange(channels)[:, None, None] * (rows * row)
    down = (first[0] + np.arange(size[0])[:, None]) * row
    tap = first[1] + np.arange(size[1])
    across = (tap % stride * columns + tap // stride) * images
    return np.asarray(channel + down + across, np.int64).reshape(-1)


def apply_to_rows(
    x: np.ndarray,
    kernels: list[Kernel],
    tiles: list[np.ndarray],
    rows: slice,
    bias: np.ndarray,
    y: np.ndarray,
) -> None:
    """Compute the kernels' pixels in some rows of their places."""
    frame = Frame.of(kernels)
    shape = frame.shape(x, rows)
    padded = scratch(x.dtype, *shape)
    frame.pad(x, rows, padded)
    for kernel, tiles_of_kernel in zip(kernels, tiles, strict=True):
        multiply_rows(
            padded.reshape(-1),
            math.prod(shape[2:]) * kernel.stride,
            frame.offsets(kernel, shape),
            tiles_of_kernel,
            bias,
            y.reshape(len(y), -1),
            x.shape[3],
            kernel.begin[0] + kernel.spread * rows.start,
            kernel.begin[1],
            kernel.spread,
            min(rows.stop, kernel.places[0]) - rows.start,
            kernel.places[1],
            y.shape[2],
        )


def weight_gradient_directly(x: np.ndarray, gy: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Compute what `convolution.weight_gradient` does."""
    outputs, rows, columns, images = gy.shape
    length, vector = columns * images, lanes(x.dtype)
    gradients = gy.reshape(outputs, rows, length)
    if length % vector:
        # With zeros after each row, for whole vectors.
        gradients = np.zeros((outputs, rows, -(-length // vector) * vector), gy.dtype)
        gradients[..., :length] = gy.reshape(outputs, rows, length)
    weights = np.empty((outputs, len(x), geometry.height, geometry.width), x.dtype)
    kernel = Kernel(
        weights, geometry.stride, (-geometry.pad, -geometry.pad), (0, 0), 1, (rows, columns)
    )
    frame = Frame.of([kernel])

    def add(some: slice, of_outputs: slice, sums: np.ndarray) -> None:
        shape = frame.shape(x, some)
        # A vector more, because the last one of a row may end behind it.
        memory = scratch(x.dtype, math.prod(shape) + vector)
        memory[-vector:] = 0
        frame.pad(x, some, memory[:-vector].reshape(shape))
        correlate_rows(
            gradients[of_outputs, some],
            memory,
            math.prod(shape[2:]) * geometry.stride,
            frame.offsets(kernel, shape),
            gradients.shape[2] // vector,
            sums[of_outputs],
        )

    sums = sum_in_groups(rows, length, (outputs, weights[0].size), x.dtype, add)
    return sums.reshape(weights.shape)


def sum_in_groups(
    rows: int,
    length: int,
    shape: tuple[int, ...],
    dtype: np.dtype,
    add: Callable[[slice, slice, np.ndarray], None],
) -> np.ndarray:
    """Sum over rows: `add` adds what some rows contribute to some of the outputs of an array.

    `length` are the values of a row, `shape` is that of the sums, with the outputs first.
    """
    groups = cut(rows, -(-rows // min(GROUPS, max(1, rows * length // LEAST_OF_GROUP))))
    sums = np.zeros((len(groups), *shape), dtype)

    def of_group(item: tuple[int, slice]) -> None:
        group, of_outputs = item
        first = groups[group].start
        for part in cut(groups[group].stop - first, max(1, PART // length)):
            add(slice(first + part.start, first + part.stop), of_outputs, sums[group])

    # A group's outputs are shared by cores only if there are more cores than groups.
    shares = cut(shape[0], -(-shape[0] // max(1, workers.threads // len(groups))))
    for_each(of_group, [(group, share) for group in range(len(groups)) for share in shares])
    return np.asarray(sums.sum(axis=0))
