"""Rows of convolutions, in tiles: the compiled loops of `direct.py`."""

import numpy as np

from synaxial.compute.compiled import compiled, inlined
from synaxial.gan.ops.layout import clear, copy, copy_runs
from synaxial.gan.ops.tiles import WIDE, correlate_tile, lanes, multiply_tile

#: Values of a vector of float32, for compiled code.
LANES = lanes(np.dtype(np.float32))
#: Vectors of a tile of four outputs.
LONGEST = 4 if WIDE else 2


@compiled
def tile_height(outputs: int) -> int:
    """Return the height of the next tile, if so many outputs are left."""
    if WIDE and outputs >= 8:
        return 8
    return 4 if outputs >= 4 else 2 if outputs >= 2 else 1


@compiled
def pack_weights(weights: np.ndarray) -> np.ndarray:
    """Sort (O, C, height, width) by tiles of outputs, as `multiply_rows` reads them: flat.

    In a tile of R outputs, the R weights of a term follow each other.
    """
    outputs, channels, rows, columns = weights.shape
    packed = np.empty(weights.size, weights.dtype)
    o, to = 0, 0
    while o < outputs:
        height = tile_height(outputs - o)
        for c in range(channels):
            for i in range(rows):
                for j in range(columns):
                    for m in range(height):
                        packed[to] = weights[o + m, c, i, j]
                        to += 1
        o += height
    return packed


@compiled
def pad_rows(
    x: np.ndarray, stride: int, first_row: int, first_column: int, padded: np.ndarray
) -> None:
    """Copy rows of x, (C, H, W, N), with zeros around it, and sort their columns by remainder.

    padded[c, r, f, k] = x[c, first_row + r, first_column + stride k + f].
    """
    channels, rows, remainders, columns, images = padded.shape
    height, width = x.shape[1], x.shape[2]
    run, skip = np.uintp(images), np.uintp(stride * images)
    for c in range(channels):
        for r in range(rows):
            h = first_row + r
            if h < 0 or h >= height:
                padded[c, r] = 0
                continue
            source = x[c, h].reshape(-1)
            for f in range(remainders):
                begin = first_column + f
                left = min(columns, max(0, -(begin // stride)))
                right = max(left, min(columns, (width - 1 - begin) // stride + 1))
                target = padded[c, r, f].reshape(-1)
                to, end = np.uintp(left * images), np.uintp(right * images)
                start = np.uintp((begin + stride * left) * images)
                clear(target, np.uintp(0), to)
                clear(target, end, np.uintp(columns * images) - end)
                if stride == 1:
                    copy(target, to, source, start, end - to)
                else:
                    copy_runs(target, to, run, source, start, skip, run, right - left)


@compiled
def multiply_rows(
    padded: np.ndarray,
    padded_row: int,
    offsets: np.ndarray,
    tiles: np.ndarray,
    bias: np.ndarray,
    y: np.ndarray,
    images: int,
    first_row: int,
    first_column: int,
    spread: int,
    rows: int,
    columns: int,
    width: int,
) -> None:
    """Compute y, (O, rows of `width` N), at `rows` x `columns` places from (first_row, …) on."""
    outputs, length = len(y), columns * images
    target, channel = y.reshape(-1), y.shape[1]
    line = np.empty(8 * length if spread > 1 else 0, y.dtype)
    o = 0
    while o < outputs:
        height = tile_height(outputs - o)
        for r in range(rows):
            pixel = r * padded_row
            to = o * channel + ((first_row + spread * r) * width + first_column) * images
            if spread == 1:
                multiply_row(
                    height, padded, pixel, tiles, bias, o, offsets, target, to, channel, length
                )
                continue
            multiply_row(height, padded, pixel, tiles, bias, o, offsets, line, 0, length, length)
            run, skip = np.uintp(images), np.uintp(spread * images)
            for m in range(height):
                place, start = np.uintp(to + m * channel), np.uintp(m * length)
                copy_runs(target, place, skip, line, start, run, run, columns)
        o += height


@compiled
def multiply_row(
    height: int,
    padded: np.ndarray,
    pixel: int,
    tiles: np.ndarray,
    bias: np.ndarray,
    o: int,
    offsets: np.ndarray,
    target: np.ndarray,
    to: int,
    channel: int,
    length: int,
) -> None:
    """Compute a row of `height` outputs, from output `o` on."""
    x, k, t = padded, offsets, target
    vector = LANES if padded.itemsize == 4 else LANES // 2
    if height == 8 and length >= 2 * vector:
        multiply_tiles(8, 2, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    elif height == 8:
        multiply_tiles(8, 1, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    elif height == 4 and length >= LONGEST * vector:
        multiply_tiles(4, LONGEST, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    elif height == 4:
        multiply_tiles(4, 1, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    elif height == 2 and length >= 4 * vector:
        multiply_tiles(2, 4, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    elif height == 2:
        multiply_tiles(2, 1, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    elif length >= 4 * vector:
        multiply_tiles(1, 4, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)
    else:
        multiply_tiles(1, 1, vector, x, pixel, tiles, bias, o, k, t, to, channel, length)


@inlined
def multiply_tiles(
    height: int,
    vectors: int,
    vector: int,
    padded: np.ndarray,
    pixel: int,
    tiles: np.ndarray,
    bias: np.ndarray,
    o: int,
    offsets: np.ndarray,
    target: np.ndarray,
    to: int,
    channel: int,
    length: int,
) -> None:
    """Compute a row in tiles of some vectors. The last one may overlap the one before it."""
    weights, last = o * len(offsets), length - vectors * vector
    j = 0
    while j < length:
        j = min(j, last)
        multiply_tile(
            height,
            vectors,
            padded,
            pixel + j,
            offsets,
            tiles,
            weights,
            bias,
            o,
            target,
            to + j,
            channel,
        )
        j += vectors * vector


@compiled
def correlate_rows(
    gradients: np.ndarray,
    padded: np.ndarray,
    padded_row: int,
    offsets: np.ndarray,
    vectors: int,
    sums: np.ndarray,
) -> None:
    """Add to sums, (O, terms), the products of gradients, (O, rows, length), with what taps see."""
    outputs, rows = gradients.shape[0], gradients.shape[1]
    terms = len(offsets)
    o = 0
    while o < outputs:
        height = 4 if outputs - o >= 4 else 2 if outputs - o >= 2 else 1
        k = 0
        while k < terms:
            width = 4 if terms - k >= 4 else 1
            g, x, n = gradients, padded, padded_row
            if height == 4 and width == 4:
                correlate_tile(4, 4, g, o, x, offsets, k, n, rows, vectors, sums)
            elif height == 4:
                correlate_tile(4, 1, g, o, x, offsets, k, n, rows, vectors, sums)
            elif height == 2 and width == 4:
                correlate_tile(2, 4, g, o, x, offsets, k, n, rows, vectors, sums)
            elif height == 2:
                correlate_tile(2, 1, g, o, x, offsets, k, n, rows, vectors, sums)
            elif width == 4:
                correlate_tile(1, 4, g, o, x, offsets, k, n, rows, vectors, sums)
            else:
                correlate_tile(1, 1, g, o, x, offsets, k, n, rows, vectors, sums)
            k += width
        o += height
