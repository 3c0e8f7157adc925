"""The steps of a hidden layer on one block of a matrix (channels, values), one pass each.

`mean`, `scale` and `shift` are (channels,), those of the rows of the block.
"""

import numpy as np

from synaxial.compute.compiled import compiled


@compiled
def scale_and_rectify(
    x: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    low: float,
    out: np.ndarray,
) -> None:
    """Compute z = (x - mean) scale + shift, times `low` where z is negative."""
    zero, one, factor = x.dtype.type(0), x.dtype.type(1), x.dtype.type(low)
    for c in range(len(x)):
        m, a, b = mean[c], scale[c], shift[c]
        row, result = x[c], out[c]
        if factor == one:
            for k in range(len(row)):
                result[k] = (row[k] - m) * a + b
        elif factor == zero:
            # Not a product: 0 times infinity is NaN.
            for k in range(len(row)):
                z = (row[k] - m) * a + b
                result[k] = zero if z < 0 else z
        else:
            for k in range(len(row)):
                z = (row[k] - m) * a + b
                result[k] = z * factor if z < 0 else z


@compiled
def rectified_gradient(
    x: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    low: float,
    gradient: np.ndarray,
) -> None:
    """Multiply the gradient by the derivative of `scale_and_rectify` with respect to z.

    At 0 it is that of negative values, as in Chainer.
    """
    one, factor = x.dtype.type(1), x.dtype.type(low)
    for c in range(len(x)):
        m, a, b = mean[c], scale[c], shift[c]
        row, result = x[c], gradient[c]
        for k in range(len(row)):
            z = (row[k] - m) * a + b
            result[k] *= factor if z <= 0 else one


@compiled
def drop(kept: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Multiply values by `factor` if their bit in `kept` is set, and by 0 if not."""
    whole = out.dtype.type(factor)
    values = out.shape[1]
    for c in range(len(out)):
        row, bits = out[c], kept[c]
        for byte in range(values // 8):
            some, first = np.int32(bits[byte]), 8 * byte
            for k in range(8):
                row[first + k] *= whole * out.dtype.type((some >> (7 - k)) & 1)
        for k in range(values // 8 * 8, values):
            row[k] *= whole * out.dtype.type((bits[k // 8] >> (7 - k % 8)) & 1)


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
def sum_gradient(
    gradient: np.ndarray, x: np.ndarray, mean: np.ndarray, total: np.ndarray, along: np.ndarray
) -> None:
    """Compute the sum of the gradient in each row, and of the gradient times (x - mean)."""
    zero = x.dtype.type(0)
    for c in range(len(x)):
        m = mean[c]
        row, values = x[c], gradient[c]
        all_g, all_gx = zero, zero
        for first in range(0, len(row), 1024):
            g, gx = zero, zero
            for k in range(first, min(first + 1024, len(row))):
                g += values[k]
                gx += values[k] * (row[k] - m)
            all_g += g
            all_gx += gx
        total[c], along[c] = all_g, all_gx


@compiled
def through_statistics(
    gradient: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    slope: np.ndarray,
    offset: np.ndarray,
) -> None:
    """Replace the gradient g by (g - slope (x - mean) - offset) scale."""
    for c in range(len(x)):
        m, a, b, d = mean[c], scale[c], slope[c], offset[c]
        row, values = x[c], gradient[c]
        for k in range(len(row)):
            values[k] = (values[k] - (row[k] - m) * b - d) * a


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
