"""What the kernels of a convolution see of an image, laid out in memory for `direct.py`.

There are two ways. A `Frame` of one kind has the rows as they are. One of three or four kinds has
combinations of rows, from which two rows of pixels follow with fewer products: Winograd's minimal
filtering F(2, 2) or F(2, 3) along one axis (Lavin and Gray, 2016, "Fast Algorithms for
Convolutional Neural Networks", section 4.1). For the rows a, b, c, d of the image and the rows f,
g, h of a kernel, the two rows are

    p + q + r  and  q - r - s,  where  p = (a - c) f,    q = (b + c) (f + g + h) / 2,
                                       s = (b - d) h,    r = (c - b) (f - g + h) / 2,

which are 4 products in place of 6; for a kernel of the rows f and g alone they are

    p + q  and  q + r,  where  p = (a - b) f,    q = b (f + g),    r = (c - b) g,

3 in place of 4. The rows are combined once for all outputs, the weights once for all pixels. Each
product is a sum over channels and the taps of a row. A kernel of stride 2 with 4 rows is the sum of
one for the even rows of the image and one for the odd ones, of 2 rows each.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from synaxial.gan.ops.layout import Geometry
from synaxial.gan.ops.rows import combine_rows, pack_weights, pad_rows

#: With fewer channels or outputs, the additions cost what the products save. The tiles have 8
#: outputs.
LEAST_CHANNELS, OUTPUTS_OF_TILE = 16, 8


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

    @property
    def kinds(self) -> int:
        """The kinds of combined rows: 3 or 4, or 1 where rows are not combined."""
        outputs, channels, height, _ = self.weights.shape
        taps, rest = divmod(height, self.stride)
        suits = rest == 0 and taps in {2, 3} and outputs % OUTPUTS_OF_TILE == 0
        return taps + 1 if suits and min(outputs, channels) >= LEAST_CHANNELS else 1


def kernel_of(weights: np.ndarray, geometry: Geometry, places: tuple[int, int]) -> Kernel:
    """Return the kernel of a convolution."""
    return Kernel(weights, geometry.stride, (-geometry.pad, -geometry.pad), (0, 0), 1, places)


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


class Frame(NamedTuple):
    """The pixels that some kernels see at one place, and their places. A step is a row of these."""

    first: tuple[int, int]
    last: tuple[int, int]
    stride: int
    kinds: int
    places: tuple[int, int]

    @classmethod
    def of(cls, kernels: list[Kernel], combined: bool = True) -> "Frame":
        """Return what all of the kernels see. Rows are combined only if `combined`."""
        first = [min(kernel.first[axis] for kernel in kernels) for axis in (0, 1)]
        last = [max(k.first[axis] + k.weights.shape[2 + axis] for k in kernels) for axis in (0, 1)]
        places = [max(kernel.places[axis] for kernel in kernels) for axis in (0, 1)]
        kinds = min(kernel.kinds for kernel in kernels) if combined else 1
        return cls(
            (first[0], first[1]),
            (last[0], last[1]),
            kernels[0].stride,
            kinds,
            (places[0], places[1]),
        )

    @property
    def rows_of_step(self) -> int:
        """The rows of places that are computed at once."""
        return 1 if self.kinds == 1 else 2

    @property
    def steps(self) -> int:
        """The steps over all rows of places."""
        return -(-self.places[0] // self.rows_of_step)

    def shape(self, x: np.ndarray, steps: int) -> tuple[int, ...]:
        """Return the shape of what is laid out of x, (C, H, W, N), for some steps.

        It is (C, rows, remainders of columns, columns of a remainder, N). Where rows are combined,
        the rows are, in this order, the remainders of rows, the kinds and the steps.
        """
        width = self.stride * (self.places[1] - 1) + self.last[1] - self.first[1]
        if self.kinds == 1:
            height = self.stride * (steps - 1) + self.last[0] - self.first[0]
        else:
            height = self.stride * self.kinds * steps
        return len(x), height, self.stride, -(-width // self.stride), x.shape[3]

    def lay_out(self, x: np.ndarray, steps: slice, laid_out: np.ndarray) -> None:
        """Copy or combine what the kernels see in some steps, with zeros around the image."""
        top = self.first[0] + self.stride * self.rows_of_step * steps.start
        if self.kinds == 1:
            pad_rows(x, self.stride, top, self.first[1], laid_out)
            return
        by_kind = (len(x), self.stride, self.kinds, steps.stop - steps.start, *laid_out.shape[2:])
        combine_rows(x, self.stride, top, self.first[1], laid_out.reshape(by_kind))

    def step(self, shape: tuple[int, ...]) -> int:
        """Return how many values apart two steps are, in an array of this shape."""
        row = math.prod(shape[2:])
        return self.stride * row if self.kinds == 1 else row

    def kind(self, shape: tuple[int, ...]) -> int:
        """Return how many values apart two kinds of rows are."""
        return 0 if self.kinds == 1 else math.prod(shape[1:]) // (self.stride * self.kinds)

    def offsets(self, kernel: Kernel, shape: tuple[int, ...]) -> np.ndarray:
        """Return where each term sees the first place: int64 (terms,).

        The terms are the channels and the taps of a kernel, or of a row where rows are combined.
        """
        right = kernel.first[1] - self.first[1]
        width = kernel.weights.shape[3]
        if self.kinds == 1:
            down = kernel.first[0] - self.first[0]
            return offsets_of(shape, (down, 1, kernel.weights.shape[2]), (right, width))
        return offsets_of(shape, (0, shape[1] // self.stride, self.stride), (right, width))

    def tiles(self, kernel: Kernel) -> np.ndarray:
        """Return the weights, sorted and combined as `multiply_rows` reads them."""
        return pack_weights(kernel.weights, self.stride, self.kinds)


@lru_cache
def offsets_of(
    shape: tuple[int, ...], rows: tuple[int, int, int], columns: tuple[int, int]
) -> np.ndarray:
    """Return the places of all channels, some rows and some taps of each row: int64, flat.

    `rows` are the first one, how far apart they are, and their number; `columns` the first tap and
    their number.
    """
    channels, height, remainders, width, images = shape
    row = remainders * width * images
    first, apart, number = rows
    channel = np.arange(channels)[:, None, None] * (height * row)
    down = (first + apart * np.arange(number)[:, None]) * row
    tap = columns[0] + np.arange(columns[1])
    across = (tap % remainders * width + tap // remainders) * images
    return np.asarray(channel + down + across, np.int64).reshape(-1)
