"""Convolutions with 3 rows of taps and stride 1: two rows of pixels with 4 products in place of 6.

The method is Winograd's minimal filtering F(2, 3) along one axis (Lavin and Gray, 2016, "Fast
Algorithms for Convolutional Neural Networks", section 4.1). For the rows a, b, c, d of the image
and the rows f, g, h of the kernel, the two rows of the result are

    p + q + r  and  q - r - s,  where  p = (a - c) f,           q = (b + c) (f + g + h) / 2,
                                       s = (b - d) h,           r = (c - b) (f - g + h) / 2.

The rows are combined once for all outputs, the weights once for all pixels. Each product is a sum
over channels and the taps of a row, as in `direct.py`. The gradient of the weights has the same
combinations, transposed. Rounding is that of a few additions more.
"""

import math
from functools import lru_cache

import numpy as np

from synaxial.compute.parallel import cut, for_each, scratch, workers
from synaxial.gan.ops.direct import BLOCK, sum_in_groups
from synaxial.gan.ops.layout import Geometry
from synaxial.gan.ops.rows import (
    combine_gradients,
    combine_pixels,
    correlate_rows,
    multiply_pairs,
    pack_combined_weights,
)
from synaxial.gan.ops.tiles import lanes

#: With fewer channels or outputs, the additions cost what the products save; with fewer pixels, the
#: combined weights do.
LEAST_CHANNELS, LEAST_PIXELS = 16, 512


def suits(weights: tuple[int, ...], geometry: Geometry) -> bool:
    """Return whether pairs of rows are the faster way for weights of this shape, (O, C, …)."""
    return geometry.stride == 1 and geometry.height == 3 and min(weights[:2]) >= LEAST_CHANNELS


def correlate_in_pairs(
    x: np.ndarray,
    weights: np.ndarray,
    first: tuple[int, int],
    bias: np.ndarray | None,
    y: np.ndarray,
) -> None:
    """Compute y[o, p] = bias[o] + sum over c and taps of weights[o, c, tap] x[c, p + first + tap].

    x is (C, H, W, N), `weights` (O, C, 3, kernel width), y (O, rows, columns, N).
    """
    outputs, rows, columns, images = y.shape
    tiles = pack_combined_weights(weights)
    if bias is None:
        bias = np.zeros(outputs, y.dtype)
    width = columns + weights.shape[3] - 1
    row = width * images
    pairs = -(-rows // 2)

    def multiply(some: slice) -> None:
        count = some.stop - some.start
        combined = scratch(x.dtype, len(x), 4, count, width, images)
        combine_pixels(x, first[0] + 2 * some.start, first[1], combined)
        offsets = offsets_of(len(x), 4 * count * row, weights.shape[3], images)
        lines = y.reshape(outputs, rows, -1)
        multiply_pairs(combined.reshape(-1), row, offsets, tiles, bias, lines, some.start, count)

    of_cache = BLOCK // (4 * len(x) * row)
    for_each(multiply, cut(pairs, min(of_cache, -(-pairs // (2 * workers.threads)))))


@lru_cache
def offsets_of(channels: int, channel: int, taps: int, images: int) -> np.ndarray:
    """Return where each channel and tap of a row sees the first place: int64 (C taps,)."""
    return (np.arange(channels)[:, None] * channel + np.arange(taps) * images).reshape(-1)


def weight_gradient_in_pairs(x: np.ndarray, gy: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Compute what `convolution.weight_gradient` does."""
    outputs, rows, columns, images = gy.shape
    vector, taps = lanes(x.dtype), geometry.width
    width, longer = columns + taps - 1, -(-columns * images // vector) * vector
    row = width * images
    lines = gy.reshape(outputs, rows, -1)

    def add(some: slice, of_outputs: slice, sums: np.ndarray) -> None:
        pairs = some.stop - some.start
        size = (len(x), 4, pairs, width, images)
        gradients = (of_outputs.stop - of_outputs.start, 4, pairs, longer)
        # A vector more, because the last one of a row may end behind it.
        memory = scratch(x.dtype, math.prod(size) + vector + math.prod(gradients))
        pixels, of_gy = np.split(memory, [math.prod(size) + vector])
        pixels[-vector:] = 0
        first = 2 * some.start
        combine_pixels(x, first - geometry.pad, -geometry.pad, pixels[:-vector].reshape(size))
        of_kinds = of_gy.reshape(gradients)
        combine_gradients(lines[of_outputs], first, of_kinds)
        offsets = offsets_of(len(x), 4 * pairs * row, taps, images)
        for kind in range(4):
            correlate_rows(
                of_kinds[:, kind],
                pixels,
                row,
                offsets + kind * pairs * row,
                longer // vector,
                sums[of_outputs, kind],
            )

    shape = (outputs, 4, len(x) * taps)
    sums = sum_in_groups(-(-rows // 2), 2 * columns * images, shape, x.dtype, add)
    p, q, r, s = np.moveaxis(sums.reshape(outputs, 4, len(x), taps), 1, 0)
    half = x.dtype.type(0.5)
    return np.stack([p + half * (q + r), half * (q - r), half * (q + r) + s], axis=2)
