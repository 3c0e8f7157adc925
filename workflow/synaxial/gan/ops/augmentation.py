"""Intensity, flip, translation and cutout of images, in one pass.

A pixel of the result is one pixel of the image, mapped by a piecewise linear curve, or background.
So for given `Changes` the map is affine almost everywhere, and can be differentiated any number of
times: the gradient of its derivative is the transpose, and that of the transpose the derivative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import images_first, images_last
from synaxial.gan.ops.linear import linear

#: Values of a block of rows: fewer are done before another thread has started.
PIECE = 1 << 18


@dataclass(frozen=True)
class Changes:
    """The changes of each of N images, in this order.

    Values of `toned` images, bool (N,), are mapped by a continuous curve. Its `slopes`, (N, 2), are
    those from `background`, the value of empty pixels, to `knee`, and above; background stays.
    `mirrored`, bool (N,), exchanges left and right. `shifts`, int (N, 2), are pixels downwards and
    to the right. `covered`, int (N, 2, 2), are first and last + 1 of the rows, and of the columns,
    that become background.
    """

    background: float
    knee: float
    toned: Any
    slopes: Any
    mirrored: Any
    shifts: Any
    covered: Any


def change(images: Any, changes: Changes) -> Any:
    """Change images, float (N, C, H, W) in any memory layout; `slopes` must be of the same type."""
    return Change(changes).apply((images,))[0]


class Change(chainer.FunctionNode):
    """From (x,) to (y,)."""

    def __init__(self, changes: Changes) -> None:
        super().__init__()
        self.changes = changes

    def forward(self, inputs: tuple[Any]) -> tuple[Any]:
        """Compute y."""
        self.retain_inputs((0,))
        (x,) = inputs
        return (gather(x, x, self.changes, *curve_of(self.changes, x.dtype)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of x."""
        changes, x = self.changes, self.get_retained_inputs()[0].array

        def derivative(v: Any) -> Any:
            return gather(x, v, changes, *no_offset(changes, v.dtype))

        return (linear(gradients[0], lambda g: give_back(x, g, changes), derivative),)


def curve_of(changes: Changes, dtype: Any) -> tuple[Any, Any, Any]:
    """Return the lines of the curves, value = base + slope (x - origin), and the background.

    `origin`, (2,), is the start of each line, and `base`, (N, 2), the value there. So background
    keeps its value to the last bit.
    """
    xp = chainer.backend.get_array_module(changes.slopes)
    low, knee = changes.background, changes.knee
    at_knee = low + changes.slopes[:, 0] * (knee - low)
    base = xp.stack([xp.full_like(at_knee, low), at_knee], axis=1)
    return xp.array([low, knee], dtype), base.astype(dtype), np.dtype(dtype).type(low)


def no_offset(changes: Changes, dtype: Any) -> tuple[Any, Any, Any]:
    """Return the same for the linear part: lines through 0."""
    xp = chainer.backend.get_array_module(changes.slopes)
    return xp.zeros(2, dtype), xp.zeros(changes.slopes.shape, dtype), np.dtype(dtype).type(0)


def along_rows(
    compute: Callable[..., None], x: np.ndarray, v: np.ndarray, changes: Changes, *lines: Any
) -> np.ndarray:
    """Compute all rows of the result from x and v, (N, C, H, W), in blocks."""
    x, v = images_last(x), images_last(v)
    out = np.empty_like(v)
    channels, height, width, images = x.shape
    knee, slopes = x.dtype.type(changes.knee), changes.slopes.astype(x.dtype, copy=False)

    def compute_some(rows: slice) -> None:
        compute(
            *(rows.start, rows.stop, x.shape, x.reshape(-1), v.reshape(-1)),
            *(changes.toned, knee, slopes, changes.mirrored, changes.shifts, changes.covered),
            *(*lines, out.reshape(-1)),
        )

    for_each(compute_some, cut(channels * height, PIECE // (width * images)))
    return images_first(out)


@compiled
def gather_rows(
    start: int,
    stop: int,
    shape: tuple[int, int, int, int],
    x: np.ndarray,
    v: np.ndarray,
    toned: np.ndarray,
    knee: float,
    slopes: np.ndarray,
    mirrored: np.ndarray,
    shifts: np.ndarray,
    covered: np.ndarray,
    origin: np.ndarray,
    base: np.ndarray,
    fill: float,
    out: np.ndarray,
) -> None:
    """Compute rows `start` … `stop` of the C H rows: each pixel from v, by the line of its x.

    x, v and out are (C, H, W, N) in one dimension. Indices are unsigned, because Numba spends time
    on signed ones, which count from the end if they are negative.
    """
    _, height, width, images = shape
    for row in range(start, stop):
        i, of_row = row % height, row * width * images
        for n in range(images):
            down, right = shifts[n, 0], shifts[n, 1]
            # Column j takes from column begin + step j, if there is one.
            begin, step = (width - 1 + right, -1) if mirrored[n] else (-right, 1)
            first, last = max(0, right), min(width, width + right)
            if i - down < 0 or i - down >= height:
                first, last = width, width
            for j in range(first):
                out[np.uint64(of_row + j * images + n)] = fill
            source = ((row - down) * width + begin + step * first) * images + n
            target = of_row + first * images + n
            if toned[n]:
                # Read here: for all Numba knows, the loop may overwrite them.
                first_slope, first_base, first_origin = slopes[n, 0], base[n, 0], origin[0]
                slope, second_base, second_origin = slopes[n, 1], base[n, 1], origin[1]
                for _ in range(first, last):
                    value = v[np.uint64(source)]
                    below = first_base + first_slope * (value - first_origin)
                    above = second_base + slope * (value - second_origin)
                    out[np.uint64(target)] = above if x[np.uint64(source)] >= knee else below
                    source += step * images
                    target += images
            else:
                for _ in range(first, last):
                    out[np.uint64(target)] = v[np.uint64(source)]
                    source += step * images
                    target += images
            for j in range(last, width):
                out[np.uint64(of_row + j * images + n)] = fill
            if covered[n, 0, 0] <= i < covered[n, 0, 1]:
                for j in range(covered[n, 1, 0], covered[n, 1, 1]):
                    out[np.uint64(of_row + j * images + n)] = fill


@compiled
def return_rows(
    start: int,
    stop: int,
    shape: tuple[int, int, int, int],
    x: np.ndarray,
    g: np.ndarray,
    toned: np.ndarray,
    knee: float,
    slopes: np.ndarray,
    mirrored: np.ndarray,
    shifts: np.ndarray,
    covered: np.ndarray,
    out: np.ndarray,
) -> None:
    """Compute rows `start` … `stop` of the C H rows: each pixel from where `gather_rows` put it.

    x, g and out are (C, H, W, N) in one dimension.
    """
    _, height, width, images = shape
    zero = g.dtype.type(0)
    for row in range(start, stop):
        i, of_row = row % height, row * width * images
        for n in range(images):
            down, right = shifts[n, 0], shifts[n, 1]
            # Column j was put into column begin + step j, if there is one.
            begin, step = (width - 1 + right, -1) if mirrored[n] else (right, 1)
            moved = right if mirrored[n] else -right
            first, last = max(0, moved), min(width, width + moved)
            if i + down < 0 or i + down >= height:
                first, last = width, width
            for j in range(first):
                out[np.uint64(of_row + j * images + n)] = zero
            source = ((row + down) * width + begin + step * first) * images + n
            target = of_row + first * images + n
            if toned[n]:
                lower, upper = slopes[n, 0], slopes[n, 1]
                for _ in range(first, last):
                    slope = upper if x[np.uint64(target)] >= knee else lower
                    out[np.uint64(target)] = slope * g[np.uint64(source)]
                    source += step * images
                    target += images
            else:
                for _ in range(first, last):
                    out[np.uint64(target)] = g[np.uint64(source)]
                    source += step * images
                    target += images
            for j in range(last, width):
                out[np.uint64(of_row + j * images + n)] = zero
            if covered[n, 0, 0] <= i + down < covered[n, 0, 1]:
                for k in range(covered[n, 1, 0], covered[n, 1, 1]):
                    j = step * (k - begin)
                    if 0 <= j < width:
                        out[np.uint64(of_row + j * images + n)] = zero


def gather(x: Any, v: Any, changes: Changes, origin: Any, base: Any, fill: float) -> Any:
    """Compute the changed v, (N, C, H, W): by `gather_rows`, or on a GPU on whole arrays."""
    if isinstance(v, np.ndarray):
        return along_rows(gather_rows, x, v, changes, origin, base, fill)
    return gather_anywhere(x, v, changes, origin, base, fill)


def gather_anywhere(x: Any, v: Any, changes: Changes, origin: Any, base: Any, fill: float) -> Any:
    """Compute `gather` on whole arrays, on any device."""
    xp = chainer.backend.get_array_module(x)
    above = x >= changes.knee
    value = xp.where(above, v - origin[1], v - origin[0])
    line = xp.where(above, spread(base[:, 1]), spread(base[:, 0]))
    y = xp.where(spread(changes.toned), line + slope_of(above, changes) * value, v)
    rows, columns, inside = places(x, changes, -1)
    y = xp.take_along_axis(xp.take_along_axis(y, rows, axis=2), columns, axis=3)
    return xp.where(inside & uncovered(x, changes), y, fill).astype(v.dtype)


def give_back(x: Any, g: Any, changes: Changes) -> Any:
    """Compute the transpose, (N, C, H, W): by `return_rows`, or on a GPU on whole arrays."""
    if isinstance(g, np.ndarray):
        return along_rows(return_rows, x, g, changes)
    return give_back_anywhere(x, g, changes)


def give_back_anywhere(x: Any, g: Any, changes: Changes) -> Any:
    """Compute `give_back` on whole arrays, on any device."""
    xp = chainer.backend.get_array_module(x)
    rows, columns, inside = places(x, changes, 1)
    g = xp.where(uncovered(x, changes), g, 0)
    g = xp.take_along_axis(xp.take_along_axis(g, rows, axis=2), columns, axis=3)
    factor = xp.where(spread(changes.toned), slope_of(x >= changes.knee, changes), 1)
    return xp.where(inside, g * factor, 0).astype(x.dtype)


def spread(values: Any) -> Any:
    """Return (N,) as (N, 1, 1, 1)."""
    return values[:, None, None, None]


def slope_of(above: Any, changes: Changes) -> Any:
    """Return the slope at each pixel, depending on whether it is above the knee."""
    xp = chainer.backend.get_array_module(above)
    return xp.where(above, spread(changes.slopes[:, 1]), spread(changes.slopes[:, 0]))


def places(x: Any, changes: Changes, direction: int) -> tuple[Any, Any, Any]:
    """Return the row and column from which each pixel is taken, and whether they exist.

    With direction -1 they are the pixels of the result, with 1 those of the image.
    """
    xp = chainer.backend.get_array_module(x)
    height, width = x.shape[2:]
    rows = xp.arange(height)[None] + direction * changes.shifts[:, :1]
    columns = xp.arange(width)[None]
    right = changes.shifts[:, 1:]
    if direction < 0:
        columns = columns - right
    mirrored = xp.where(changes.mirrored[:, None], width - 1 - columns, columns)
    columns = mirrored if direction < 0 else mirrored + right
    rows, columns = rows[:, None, :, None], columns[:, None, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return rows.clip(0, height - 1), columns.clip(0, width - 1), inside


def uncovered(x: Any, changes: Changes) -> Any:
    """Return the pixels of the result that are not covered: bool (N, 1, H, W)."""
    xp = chainer.backend.get_array_module(x)
    height, width = x.shape[2:]
    (top, bottom), (left, right) = changes.covered.transpose(1, 2, 0)[..., None]
    rows, columns = xp.arange(height), xp.arange(width)
    of_rows, of_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    return ~(of_rows[:, None, :, None] & of_columns[:, None, None, :])


def means_above(images: Any, threshold: float) -> Any:
    """Return the mean of each image's values above a threshold, float64 (N,).

    If an image, of (N, C, H, W), has no such value, it is the threshold.
    """
    if not isinstance(images, np.ndarray):
        return means_anywhere(images, threshold)
    x = images_last(images)
    channels, height, width, number = x.shape
    total, count = np.zeros((2, channels * height, number), x.dtype)

    def sum_some(rows: slice) -> None:
        part = x.reshape(-1, width, number)[rows]
        sum_rows(part, x.dtype.type(threshold), total[rows], count[rows])

    # One sum a row; they are added in the order of the rows.
    for_each(sum_some, cut(channels * height, PIECE // (width * number)))
    counts, totals = count.sum(axis=0, dtype=np.float64), total.sum(axis=0, dtype=np.float64)
    return np.where(counts > 0, totals / np.maximum(counts, 1), threshold)


@compiled
def sum_rows(x: np.ndarray, threshold: float, total: np.ndarray, count: np.ndarray) -> None:
    """Sum and count the values above a threshold of each row of (rows, W, N): (rows, N)."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for row in range(len(x)):
        for j in range(x.shape[1]):
            values = x[row, j]
            for n in range(len(values)):
                above = values[n] > threshold
                total[row, n] += values[n] if above else zero
                count[row, n] += one if above else zero


def means_anywhere(images: Any, threshold: float) -> Any:
    """Compute `means_above` on whole arrays, on any device."""
    xp = chainer.backend.get_array_module(images)
    above = images > threshold
    counts = above.sum(axis=(1, 2, 3))
    totals = xp.where(above, images, 0).sum(axis=(1, 2, 3), dtype=np.float64)
    return xp.where(counts > 0, totals / xp.maximum(counts, 1), threshold)
