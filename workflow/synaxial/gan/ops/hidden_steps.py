"""The steps of a hidden layer on a part of a matrix (channels, values).

A part is some columns of some rows; a `Part` has the bounds of both. `mean`, `scale` and `shift`
are (channels,). Each of these functions does all that it can in one call, which takes Python's lock
only once, and row after row, so that a row stays in the cache. The functions below them take one
row.
"""

import numpy as np

from synaxial.compute.compiled import compiled

#: First and last row and column of a part; the last ones do not belong to it.
Part = tuple[int, int, int, int]


@compiled
def activate(
    x: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    low: float,
    kept: np.ndarray,
    factor: float,
    out: np.ndarray,
    part: Part,
) -> None:
    """Compute z = (x - mean) scale + shift, times `low` where z is negative; then drop values.

    What is dropped, see `drop_row`; with a factor of 0 nothing is.
    """
    top, bottom, left, right = part
    for c in range(top, bottom):
        row = out[c][left:right]
        scale_and_rectify(x[c][left:right], mean[c], scale[c], shift[c], low, row)
        if factor != 0:
            drop_row(kept[c][left // 8 :], factor, row)


@compiled
def differentiate(
    gradient: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    low: float,
    kept: np.ndarray,
    factor: float,
    out: np.ndarray,
    total: np.ndarray,
    along: np.ndarray,
    part: Part,
) -> None:
    """Compute the gradient with respect to z of `activate` from that of its result.

    `total` and `along`, (channels,), become its sum in each row, and that of the gradient times
    (x - mean). Of size 0 they stay so.
    """
    top, bottom, left, right = part
    for c in range(top, bottom):
        of_x, row = x[c][left:right], out[c][left:right]
        copy_row(gradient[c][left:right], row)
        if factor != 0:
            drop_row(kept[c][left // 8 :], factor, row)
        if low != 1:
            rectified_gradient(of_x, mean[c], scale[c], shift[c], low, row)
        if len(total) > 0:
            total[c], along[c] = sum_gradient(row, of_x, mean[c])


@compiled
def drop(kept: np.ndarray, factor: float, out: np.ndarray, part: Part) -> None:
    """Drop values of a part as `activate` does."""
    top, bottom, left, right = part
    for c in range(top, bottom):
        if factor != 0:
            drop_row(kept[c][left // 8 :], factor, out[c][left:right])


@compiled
def through_statistics(
    gradient: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    slope: np.ndarray,
    offset: np.ndarray,
    part: Part,
) -> None:
    """Replace the gradient g by (g - slope (x - mean) - offset) scale."""
    top, bottom, left, right = part
    for c in range(top, bottom):
        m, a, b, d = mean[c], scale[c], slope[c], offset[c]
        row, values = x[c][left:right], gradient[c][left:right]
        for k in range(len(row)):
            values[k] = (values[k] - (row[k] - m) * b - d) * a


@compiled
def measure_rows(x: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> None:
    """Compute the mean of each row, and the mean squared distance from it."""
    values = x.dtype.type(x.shape[1])
    for c in range(len(x)):
        row = x[c]
        total = x.dtype.type(0)
        for first in range(0, len(row), 1024):
            # A sum of partial sums is about as exact as pairwise summation.
            part = x.dtype.type(0)
            for k in range(first, min(first + 1024, len(row))):
                part += row[k]
            total += part
        m = total / values
        total = x.dtype.type(0)
        for first in range(0, len(row), 1024):
            part = x.dtype.type(0)
            for k in range(first, min(first + 1024, len(row))):
                part += (row[k] - m) * (row[k] - m)
            total += part
        mean[c], variance[c] = m, total / values


@compiled
def scale_and_rectify(
    x: np.ndarray, mean: float, scale: float, shift: float, low: float, out: np.ndarray
) -> None:
    """Do the first step of `activate` on a row."""
    zero, one, factor = x.dtype.type(0), x.dtype.type(1), x.dtype.type(low)
    if factor == one:
        for k in range(len(x)):
            out[k] = (x[k] - mean) * scale + shift
    elif factor == zero:
        # Not a product: 0 times infinity is NaN.
        for k in range(len(x)):
            z = (x[k] - mean) * scale + shift
            out[k] = zero if z < 0 else z
    else:
        for k in range(len(x)):
            z = (x[k] - mean) * scale + shift
            out[k] = z * factor if z < 0 else z


@compiled
def rectified_gradient(
    x: np.ndarray, mean: float, scale: float, shift: float, low: float, gradient: np.ndarray
) -> None:
    """Multiply a row of the gradient by the derivative of `scale_and_rectify` with respect to z.

    At 0 it is that of negative values, as in Chainer.
    """
    one, factor = x.dtype.type(1), x.dtype.type(low)
    for k in range(len(x)):
        z = (x[k] - mean) * scale + shift
        gradient[k] *= factor if z <= 0 else one


@compiled
def copy_row(values: np.ndarray, out: np.ndarray) -> None:
    """Copy a row."""
    for k in range(len(out)):
        out[k] = values[k]


@compiled
def drop_row(kept: np.ndarray, factor: float, row: np.ndarray) -> None:
    """Multiply values by `factor` if their bit in `kept` is set, and by 0 if not."""
    whole = row.dtype.type(factor)
    values = len(row)
    for byte in range(values // 8):
        some, first = np.int32(kept[byte]), 8 * byte
        for k in range(8):
            row[first + k] *= whole * row.dtype.type((some >> (7 - k)) & 1)
    for k in range(values // 8 * 8, values):
        row[k] *= whole * row.dtype.type((kept[k // 8] >> (7 - k % 8)) & 1)


@compiled
def sum_gradient(gradient: np.ndarray, x: np.ndarray, mean: float) -> tuple[float, float]:
    """Return the sum of a row of the gradient, and of the gradient times (x - mean)."""
    zero = x.dtype.type(0)
    total, along = zero, zero
    for first in range(0, len(x), 1024):
        g, gx = zero, zero
        for k in range(first, min(first + 1024, len(x))):
            g += gradient[k]
            gx += gradient[k] * (x[k] - mean)
        total += g
        along += gx
    return total, along


def activate_block(z: np.ndarray, name: str | None) -> None:
    """Apply elu, tanh or sigmoid to a block in place."""
    if name == "elu":
        negative = np.expm1(np.minimum(z, 0))
        np.maximum(z, 0, out=z)
        z += negative
    elif name == "tanh":
        np.tanh(z, out=z)
    else:
        # The sigmoid, by the hyperbolic tangent as in Chainer, without overflow.
        z *= 0.5
        np.tanh(z, out=z)
        z *= 0.5
        z += 0.5


def differentiate_block(z: np.ndarray, name: str | None) -> None:
    """Replace the values of a block by the derivatives of the activation there."""
    if name == "elu":
        np.exp(np.minimum(z, 0), out=z)
        return
    activate_block(z, name)
    if name == "tanh":
        np.multiply(z, z, out=z)
        np.subtract(1, z, out=z)
    else:
        z *= 1 - z
