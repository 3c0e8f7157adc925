"""Rows of convolutions: the compiled loops of `direct.py` and `kernels.py`."""

import numpy as np

from synaxial.compute.compiled import compiled, inlined
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import clear, copy, copy_runs
from synaxial.gan.ops.tiles import WIDE, correlate_tile, lanes, multiply_tile

#: Values of a vector of float32, for compiled code.
LANES = lanes(np.dtype(np.float32))
#: Outputs of the tallest tile.
TALLEST = 8 if WIDE else 4
#: Weights that a core packs at a time.
PACKED = 1 << 16


@compiled
def tile_height(outputs: int) -> int:
    """Return the height of the next tile, if so many outputs are left."""
    if outputs >= TALLEST:
        return TALLEST
    return 4 if outputs >= 4 else 2 if outputs >= 2 else 1


def least_row(outputs: int, dtype: np.dtype) -> int:
    """Return the values of the shortest row that `multiply_rows` can compute.

    Tiles of 1 and 2 outputs are 4 vectors long, the others 2. Each more would have to be compiled.
    """
    return (4 if outputs % 4 else 2) * lanes(dtype)


def pack_weights(weights: np.ndarray, stride: int, kinds: int) -> np.ndarray:
    """Combine the rows of (O, C, height, width), and sort them by tiles of outputs: flat.

    The terms are the channels, the remainders of rows and the taps of a row; in a tile of R
    outputs, the R weights of a term follow each other. With 3 rows f, g, h of a remainder, the
    four kinds are f, (f + g + h) / 2, (f - g + h) / 2 and -h; with 2 rows the three are f, f + g
    and g. With one kind, nothing is combined: the terms are the channels and all taps.
    """
    outputs, channels, rows, columns = weights.shape
    remainders = rows if kinds == 1 else stride
    terms = channels * remainders * columns
    packed = np.empty(kinds * outputs * terms, weights.dtype)

    def pack(tiles: slice) -> None:
        some = slice(tiles.start * TALLEST, min(tiles.stop * TALLEST, outputs))
        pack_outputs(weights, stride, kinds, some.start, some.stop, packed)

    for_each(pack, cut(-(-outputs // TALLEST), max(1, PACKED // (TALLEST * terms))))
    return packed


@compiled
def pack_outputs(
    weights: np.ndarray, stride: int, kinds: int, first: int, last: int, packed: np.ndarray
) -> None:
    """Do what `pack_weights` says for the outputs from `first`, a multiple of `TALLEST`, to `last`.

    Only the last outputs of all may be fewer than a whole tile.
    """
    outputs, channels, rows, columns = weights.shape
    remainders = rows if kinds == 1 else stride
    kind = outputs * channels * remainders * columns
    half = weights.dtype.type(0.5)
    o, to = first, first * channels * remainders * columns
    while o < last:
        height = tile_height(last - o)
        for c in range(channels):
            for i in range(remainders):
                for j in range(columns):
                    for m in range(o, o + height):
                        f = weights[m, c, i, j]
                        packed[to] = f
                        if kinds == 3:
                            g = weights[m, c, i + stride, j]
                            packed[to + kind] = f + g
                            packed[to + 2 * kind] = g
                        elif kinds == 4:
                            g, h = weights[m, c, i + stride, j], weights[m, c, i + 2 * stride, j]
                            packed[to + kind] = half * (f + h + g)
                            packed[to + 2 * kind] = half * (f + h - g)
                            packed[to + 3 * kind] = -h
                        to += 1
        o += height


@compiled
def pad_rows(
    x: np.ndarray, stride: int, first_row: int, first_column: int, padded: np.ndarray
) -> None:
    """Copy rows of x, (C, H, W, N), with zeros around it, and sort their columns by remainder.

    padded[c, r, f, k] = x[c, first_row + r, first_column + stride k + f].
    """
    channels, rows, _, columns, images = padded.shape
    target = padded.reshape(-1)
    whole, to = np.uintp(columns * images), np.uintp(0)
    for c in range(channels):
        for r in range(rows):
            for f in range(stride):
                pad_row(x, c, first_row + r, first_column + f, stride, target, to, columns)
                to += whole


@compiled
def pad_row(
    x: np.ndarray,
    c: int,
    h: int,
    first: int,
    stride: int,
    target: np.ndarray,
    to: np.uintp,
    columns: int,
) -> None:
    """Copy every `stride`-th pixel of a row of x, from column `first` on, zero outside of x."""
    height, width, images = x.shape[1], x.shape[2], x.shape[3]
    run = np.uintp(images)
    if h < 0 or h >= height:
        clear(target, to, np.uintp(columns) * run)
        return
    left = min(columns, max(0, -(first // stride)))
    right = max(left, min(columns, (width - 1 - first) // stride + 1))
    begin, end = to + np.uintp(left) * run, to + np.uintp(right) * run
    start = np.uintp((c * height + h) * width + first + stride * left) * run
    clear(target, to, begin - to)
    clear(target, end, np.uintp(columns - right) * run)
    if stride == 1:
        copy(target, begin, x.reshape(-1), start, end - begin)
    else:
        skip = np.uintp(stride) * run
        copy_runs(target, begin, run, x.reshape(-1), start, skip, run, right - left)


@compiled
def combine_rows(
    x: np.ndarray, stride: int, first_row: int, first_column: int, combined: np.ndarray
) -> None:
    """Combine rows of x, (C, H, W, N), with zeros around it, and sort them by remainder.

    `combined` is (C, remainders of rows, kinds, pairs, remainders of columns, columns, N). Pair q
    of remainder i sees the rows a, b, c, d that are `stride` apart, from `first_row` + i +
    2 `stride` q on. Its four kinds are a - c, b + c, c - b and b - d, or its three a - b, b, c - b.
    """
    channels, _, kinds, pairs, _, columns, images = combined.shape
    height, width = x.shape[1], x.shape[2]
    # Places in flat arrays: a view of each row would take longer than a short row.
    source, target = x.reshape(-1), combined.reshape(-1)
    run, whole = np.uintp(images), np.uintp(columns * images)
    kind, row = np.uintp(pairs * stride) * whole, np.uintp(width) * run
    # Between these columns all rows of x can be read where they are.
    left = min(columns, max(0, -first_column))
    right = max(left, min(columns, width - first_column))
    begin, length = np.uintp(left) * run, np.uintp(right - left) * run
    rest = whole - begin - length
    memory = np.empty(4 * columns * images, x.dtype)
    for channel in range(channels):
        for i in range(stride):
            for q in range(pairs):
                h = first_row + i + 2 * stride * q
                for f in range(stride):
                    place = ((channel * stride + i) * kinds * pairs + q) * stride + f
                    to = np.uintp(place) * whole
                    if stride == 1 and h >= 0 and h + kinds <= height:
                        for t in range(np.uintp(kinds)):
                            clear(target, to + t * kind, begin)
                            clear(target, to + t * kind + begin + length, rest)
                        start = np.uintp((channel * height + h) * width + first_column + left) * run
                        combine(source, start, row, kinds, length, target, to + begin, kind)
                        continue
                    for t in range(kinds):
                        down, at = h + stride * t, np.uintp(t) * whole
                        pad_row(x, channel, down, first_column + f, stride, memory, at, columns)
                    combine(memory, np.uintp(0), whole, kinds, whole, target, to, kind)


@compiled
def combine(
    rows: np.ndarray,
    a: np.uintp,
    row: np.uintp,
    kinds: int,
    length: np.uintp,
    target: np.ndarray,
    to: np.uintp,
    kind: np.uintp,
) -> None:
    """Combine the rows at `a`, `a` + `row`, …, of this length; the kinds are `kind` apart."""
    b, c = a + row, a + row + row
    d = c + row
    two, three = to + kind, to + kind + kind
    four = three + kind
    if kinds == 3:
        for k in range(length):
            target[to + k] = rows[a + k] - rows[b + k]
            target[two + k] = rows[b + k]
            target[three + k] = rows[c + k] - rows[b + k]
    else:
        for k in range(length):
            target[to + k] = rows[a + k] - rows[c + k]
            target[two + k] = rows[b + k] + rows[c + k]
            target[three + k] = rows[c + k] - rows[b + k]
            target[four + k] = rows[b + k] - rows[d + k]


@compiled
def combine_gradients(gy: np.ndarray, first: int, combined: np.ndarray) -> None:
    """Copy or combine rows of gy, (O, rows, length), from row `first` on, with zeros behind them.

    The result is `combined`, (O, kinds, steps, longer). Of the rows a and b of a step, the four
    kinds are a, a + b, a - b and -b, the three are a, a + b and b; the only one is the only row.
    """
    outputs, kinds, steps, longer = combined.shape
    rows, length = gy.shape[1], gy.shape[2]
    nothing = np.zeros(length, gy.dtype)
    of_step = 1 if kinds == 1 else 2
    for o in range(outputs):
        for q in range(steps):
            r = first + of_step * q
            a, b = gy[o, r], gy[o, r + 1] if r + 1 < rows else nothing
            one, two = combined[o, 0, q], combined[o, min(1, kinds - 1), q]
            three, four = combined[o, min(2, kinds - 1), q], combined[o, kinds - 1, q]
            one[:length] = a
            if kinds == 3:
                for k in range(np.uintp(length)):
                    two[k] = a[k] + b[k]
                    four[k] = b[k]
            elif kinds == 4:
                for k in range(np.uintp(length)):
                    two[k] = a[k] + b[k]
                    three[k] = a[k] - b[k]
                    four[k] = -b[k]
            for kind in range(kinds):
                combined[o, kind, q, length:longer] = 0


@compiled
def multiply_rows(
    kinds: int,
    laid_out: np.ndarray,
    step: int,
    kind: int,
    offsets: np.ndarray,
    tiles: np.ndarray,
    bias: np.ndarray,
    y: np.ndarray,
    begin: tuple[int, int],
    spread: int,
    first: int,
    last: int,
    places: tuple[int, int],
) -> None:
    """Compute the places of y, (O, H, W, N), in the steps `first` … `last`, which are laid out.

    A step is a row of places, or two where there are several kinds of combined rows. Place (r, c)
    is the pixel (begin + spread r, begin + spread c).
    """
    outputs, width, images = len(y), y.shape[2], y.shape[3]
    length, flat, channel = places[1] * images, y.reshape(-1), y[0].size
    line, c = np.empty(16 * length, y.dtype), len(tiles) // kinds
    run, skip = np.uintp(images), np.uintp(spread * images)
    x, t, k, b = laid_out, tiles, offsets, bias
    o = 0
    while o < outputs:
        height = tile_height(outputs - o)
        for q in range(first, last):
            r = q if kinds == 1 else 2 * q
            rows = min(1 if kinds == 1 else 2, places[0] - r)
            if rows <= 0:
                break
            to = o * channel + ((begin[0] + spread * r) * width + begin[1]) * images
            target, at, apart, down = flat, to, channel, length
            if spread > 1:
                target, at, apart, down = line, 0, length, 8 * length
            if rows == 1:
                # The lower row is written first, and the upper one over it.
                down = 0
            p = (q - first) * step
            if kinds == 1:
                multiply_row(height, x, p, t, b, o, k, target, at, apart, length)
            elif kinds == 3:
                n = TALLEST
                multiply_tiles(3, n, 2, x, p, kind, t, c, b, o, k, target, at, apart, down, length)
            else:
                n = TALLEST
                multiply_tiles(4, n, 2, x, p, kind, t, c, b, o, k, target, at, apart, down, length)
            if spread > 1:
                for row in range(rows):
                    for m in range(height):
                        place = np.uintp(to + m * channel + row * spread * width * images)
                        start = np.uintp((8 * row + m) * length)
                        copy_runs(flat, place, skip, line, start, run, run, places[1])
        o += height


@inlined
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
    """Compute a row of places of `height` outputs, from output `o` on."""
    x, p, t, b, k, y, c, w = padded, pixel, tiles, bias, offsets, target, channel, length
    if height == TALLEST:
        multiply_tiles(1, TALLEST, 2, x, p, 0, t, 0, b, o, k, y, to, c, 0, w)
    elif height == 4:
        multiply_tiles(1, 4, 2, x, p, 0, t, 0, b, o, k, y, to, c, 0, w)
    elif height == 2:
        multiply_tiles(1, 2, 4, x, p, 0, t, 0, b, o, k, y, to, c, 0, w)
    else:
        multiply_tiles(1, 1, 4, x, p, 0, t, 0, b, o, k, y, to, c, 0, w)


@inlined
def multiply_tiles(
    kinds: int,
    height: int,
    vectors: int,
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
    vector = LANES if padded.itemsize == 4 else LANES // 2
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
        height = 4 if outputs - o >= 4 else 1
        k = 0
        while k < terms:
            width = 4 if terms - k >= 4 else 1
            g, x, n = gradients, padded, padded_row
            if height == 4 and width == 4:
                correlate_tile(4, 4, g, o, x, offsets, k, n, rows, vectors, sums)
            elif height == 4:
                correlate_tile(4, 1, g, o, x, offsets, k, n, rows, vectors, sums)
            elif width == 4:
                correlate_tile(1, 4, g, o, x, offsets, k, n, rows, vectors, sums)
            else:
                correlate_tile(1, 1, g, o, x, offsets, k, n, rows, vectors, sums)
            k += width
        o += height
