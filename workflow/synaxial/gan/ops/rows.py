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
def pack_combined_weights(weights: np.ndarray) -> np.ndarray:
    """Combine the rows f, g, h of each (O, C, 3, width), and sort them as `pack_weights` does.

    The four kinds are f, (f + g + h) / 2, (f - g + h) / 2 and -h.
    """
    outputs, channels, _, columns = weights.shape
    kind = outputs * channels * columns
    packed = np.empty(4 * kind, weights.dtype)
    half = weights.dtype.type(0.5)
    o, to = 0, 0
    while o < outputs:
        height = tile_height(outputs - o)
        for c in range(channels):
            for j in range(columns):
                for m in range(o, o + height):
                    upper, lower = weights[m, c, 0, j], weights[m, c, 2, j]
                    middle = weights[m, c, 1, j]
                    packed[to] = upper
                    packed[to + kind] = half * (upper + lower + middle)
                    packed[to + 2 * kind] = half * (upper + lower - middle)
                    packed[to + 3 * kind] = -lower
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
    x, t, k, b = padded, tiles, offsets, bias
    flat, channel = y.reshape(-1), y.shape[1]
    line = np.empty(8 * length if spread > 1 else 0, y.dtype)
    run, skip = np.uintp(images), np.uintp(spread * images)
    o = 0
    while o < outputs:
        height = tile_height(outputs - o)
        for r in range(rows):
            p, c = r * padded_row, channel
            to = o * c + ((first_row + spread * r) * width + first_column) * images
            if spread == 1:
                multiply_row(1, height, x, p, 0, t, 0, b, o, k, flat, to, c, 0, length)
                continue
            multiply_row(1, height, x, p, 0, t, 0, b, o, k, line, 0, length, 0, length)
            for m in range(height):
                place, start = np.uintp(to + m * c), np.uintp(m * length)
                copy_runs(flat, place, skip, line, start, run, run, columns)
        o += height


@compiled
def multiply_pairs(
    combined: np.ndarray,
    row: int,
    offsets: np.ndarray,
    tiles: np.ndarray,
    bias: np.ndarray,
    y: np.ndarray,
    first: int,
    pairs: int,
) -> None:
    """Compute pairs of rows of y, (O, rows, length), from pair `first` on.

    `combined` are the four kinds of combined rows of each channel and pair, each `row` values long;
    `tiles` are the weights of the four kinds.
    """
    outputs, rows, length = y.shape
    target, channel, kind = y.reshape(-1), rows * length, len(tiles) // 4
    o = 0
    while o < outputs:
        height = tile_height(outputs - o)
        for q in range(pairs):
            upper = 2 * (first + q)
            to = o * channel + upper * length
            # Where there is no lower row, the upper one is written over it.
            down = length if upper + 1 < rows else 0
            x, k, b, w = combined, offsets, bias, length
            p, step = q * row, pairs * row
            multiply_row(4, height, x, p, step, tiles, kind, b, o, k, target, to, channel, down, w)
        o += height


@inlined
def multiply_row(
    kinds: int,
    height: int,
    padded: np.ndarray,
    pixel: int,
    pixel_kind: int,
    tiles: np.ndarray,
    tile_kind: int,
    bias: np.ndarray,
    o: int,
    offsets: np.ndarray,
    target: np.ndarray,
    to: int,
    channel: int,
    down: int,
    length: int,
) -> None:
    """Compute a row, or a pair of rows, of `height` outputs, from output `o` on."""
    x, p, pk, t, tk, b, k, y = padded, pixel, pixel_kind, tiles, tile_kind, bias, offsets, target
    v = LANES if padded.itemsize == 4 else LANES // 2
    n, c, d, w = kinds, channel, down, length
    if height == 8 and length >= 2 * v:
        multiply_tiles(n, 8, 2, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    elif height == 8:
        multiply_tiles(n, 8, 1, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    elif height == 4 and length >= LONGEST * v:
        multiply_tiles(n, 4, LONGEST, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    elif height == 4:
        multiply_tiles(n, 4, 1, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    elif height == 2 and length >= 4 * v:
        multiply_tiles(n, 2, 4, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    elif height == 2:
        multiply_tiles(n, 2, 1, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    elif length >= 4 * v:
        multiply_tiles(n, 1, 4, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)
    else:
        multiply_tiles(n, 1, 1, v, x, p, pk, t, tk, b, o, k, y, to, c, d, w)


@inlined
def multiply_tiles(
    kinds: int,
    height: int,
    vectors: int,
    vector: int,
    padded: np.ndarray,
    pixel: int,
    pixel_kind: int,
    tiles: np.ndarray,
    tile_kind: int,
    bias: np.ndarray,
    o: int,
    offsets: np.ndarray,
    target: np.ndarray,
    to: int,
    channel: int,
    down: int,
    length: int,
) -> None:
    """Compute a row in tiles of some vectors. The last one may overlap the one before it."""
    last = length - vectors * vector
    j = 0
    while j < length:
        j = min(j, last)
        multiply_tile(
            kinds,
            height,
            vectors,
            padded,
            pixel + j,
            pixel_kind,
            offsets,
            tiles,
            o * len(offsets),
            tile_kind,
            bias,
            o,
            target,
            to + j,
            channel,
            down,
        )
        j += vectors * vector


@compiled
def combine_pixels(x: np.ndarray, first_row: int, first_column: int, combined: np.ndarray) -> None:
    """Combine rows of x, (C, H, W, N), with zeros around it, for pairs of rows.

    Pair q sees the rows a, b, c, d from `first_row` + 2 q on. Its four kinds are a - c, b + c,
    c - b and b - d: combined[c, kind, q], each (columns, N), from `first_column` on.
    """
    channels, _, pairs, columns, images = combined.shape
    width = x.shape[2]
    left = min(columns, max(0, -first_column))
    right = max(left, min(columns, width - first_column))
    begin, count = left * images, (right - left) * images
    start = (first_column + left) * images
    nothing = np.zeros(width * images, x.dtype)
    for channel in range(channels):
        for q in range(pairs):
            h = first_row + 2 * q
            a, b, c, d = (
                row_or(x, channel, h, nothing)[start:],
                row_or(x, channel, h + 1, nothing)[start:],
                row_or(x, channel, h + 2, nothing)[start:],
                row_or(x, channel, h + 3, nothing)[start:],
            )
            for kind in range(4):
                target = combined[channel, kind, q].reshape(-1)
                clear(target, np.uintp(0), np.uintp(begin))
                end = begin + count
                clear(target, np.uintp(end), np.uintp(columns * images - end))
            zero = combined[channel, 0, q].reshape(-1)[begin:]
            one = combined[channel, 1, q].reshape(-1)[begin:]
            two = combined[channel, 2, q].reshape(-1)[begin:]
            three = combined[channel, 3, q].reshape(-1)[begin:]
            for k in range(np.uintp(count)):
                zero[k] = a[k] - c[k]
                one[k] = b[k] + c[k]
                two[k] = c[k] - b[k]
                three[k] = b[k] - d[k]


@inlined
def row_or(x: np.ndarray, channel: int, h: int, nothing: np.ndarray) -> np.ndarray:
    """Return a row of a channel of x, flat, or `nothing` where there is none."""
    return x[channel, h].reshape(-1) if 0 <= h < x.shape[1] else nothing


@compiled
def combine_gradients(gy: np.ndarray, first: int, combined: np.ndarray) -> None:
    """Combine pairs of rows of gy, (O, rows, length), from row `first` on.

    The rows a and b become a, a + b, a - b and -b: combined[o, kind, pair], with zeros behind them.
    """
    outputs, _, pairs, longer = combined.shape
    rows, length = gy.shape[1], gy.shape[2]
    nothing = np.zeros(length, gy.dtype)
    for o in range(outputs):
        for q in range(pairs):
            r = first + 2 * q
            a, b = gy[o, r], gy[o, r + 1] if r + 1 < rows else nothing
            zero, one = combined[o, 0, q], combined[o, 1, q]
            two, three = combined[o, 2, q], combined[o, 3, q]
            for k in range(np.uintp(length)):
                zero[k] = a[k]
                one[k] = a[k] + b[k]
                two[k] = a[k] - b[k]
                three[k] = -b[k]
            for kind in range(4):
                combined[o, kind, q, length:longer] = 0


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
