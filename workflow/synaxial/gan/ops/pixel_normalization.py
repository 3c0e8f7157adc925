"""Noise, Leaky ReLU and pixel normalisation after a convolution, as one function.

From x, (N, C, H, W), it makes

    u = f(x + s n),  f Leaky ReLU,      y = u / sqrt(mean over the channels of u^2 + epsilon)

with one number of noise n for each pixel and one strength s for each channel (StyleGAN, Karras et
al., 2019), and the pixel normalisation of Karras et al., 2018. Both passes take a block that fits
into a core's cache through all steps. Only the input and the noise are kept for the backward pass.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.functions import apply
from synaxial.gan.ops.layout import by_channel, from_channels, on_cpu

F = chainer.functions

#: Added to the mean square (Karras et al., 2018).
EPSILON = 1e-8

#: Values of a block that one core works on.
BLOCK = 1 << 16


def pixel_normalization(x: Any, strengths: Any, noise: Any, slope: float) -> Any:
    """Add noise, rectify and normalise (N, C, H, W).

    `strengths`, (C,), is that of the noise in each channel, and `noise`, an array (N, 1, H, W), is
    not differentiated; both may be None. `slope` is that of Leaky ReLU. A matrix (N, C) is taken
    as images of one pixel.
    """
    if strengths is None or noise is None:
        inputs: tuple[Any, ...] = (x,)
    else:
        inputs = (x, strengths, noise)
    function = PixelNormalization(slope)
    return apply(function, *inputs) if on_cpu(x) else function.composed(*inputs)


class PixelNormalization(chainer.FunctionNode):
    """From (x,) or (x, strengths, noise) to (y,)."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward_cpu(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
        """Compute y."""
        self.retain_inputs(tuple(range(len(inputs))))
        x, strengths, noise = flat(inputs)
        y = np.empty_like(x)

        def compute(columns: slice) -> None:
            normalize(x[:, columns], strengths, noise[columns], self.slope, y[:, columns])

        for_each(compute, cut(x.shape[1], max(1, BLOCK // len(x))))
        return (from_channels(y, inputs[0].shape),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the requested gradients of x and the strengths; that of the noise is None."""
        inputs = self.get_retained_inputs()
        if chainer.config.enable_backprop:
            # The gradient will be differentiated.
            wanted = [inputs[index] for index in indexes if index < 2]
            found = chainer.grad(
                [self.composed(*inputs)], wanted, list(gradients), enable_double_backprop=True
            )
            return [*found, *[None for index in indexes if index == 2]]
        x, strengths, noise = flat([v.array for v in inputs])
        gy = by_channel(gradients[0].array)
        gx = np.empty_like(x)
        blocks = cut(x.shape[1], max(1, BLOCK // len(x)))
        # One sum a block; they are added in the order of the blocks.
        sums = np.zeros((len(blocks), len(x)), x.dtype)

        def compute(number: int) -> None:
            columns = blocks[number]
            parts = x[:, columns], gy[:, columns]
            differentiate(
                *parts, strengths, noise[columns], self.slope, gx[:, columns], sums[number]
            )

        for_each(compute, range(len(blocks)))
        arrays = [from_channels(gx, inputs[0].shape), sums.sum(axis=0), None]
        return [
            None if arrays[index] is None else chainer.as_variable(arrays[index])
            for index in indexes
        ]

    def composed(self, x: Any, strengths: Any = None, noise: Any = None) -> Any:
        """Compute y with Chainer's own functions, on any device."""
        if strengths is not None:
            x = x + F.broadcast_to(F.reshape(strengths, (1, -1, 1, 1)), x.shape) * F.broadcast_to(
                noise, x.shape
            )
        u = F.leaky_relu(x, self.slope)
        power = F.mean(u * u, axis=1, keepdims=True)
        return u / F.broadcast_to(F.sqrt(power + EPSILON), u.shape)


def flat(inputs: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x as (C, values), the strengths, (C,), and the noise, (values,), or zeros."""
    x = by_channel(inputs[0])
    if len(inputs) == 1:
        return x, np.zeros(len(x), x.dtype), np.zeros(x.shape[1], x.dtype)
    return x, inputs[1], by_channel(inputs[2]).reshape(-1)


@compiled
def normalize(
    x: np.ndarray, strengths: np.ndarray, noise: np.ndarray, slope: float, y: np.ndarray
) -> None:
    """Compute y, (C, values), of x."""
    channels, values = x.shape
    low, zero, one = x.dtype.type(slope), x.dtype.type(0), x.dtype.type(1)
    share, epsilon = one / x.dtype.type(channels), x.dtype.type(EPSILON)
    power = np.zeros(values, x.dtype)
    for c in range(channels):
        row, result, s = x[c], y[c], strengths[c]
        for k in range(values):
            u = row[k] + s * noise[k]
            u = u * low if u < zero else u
            result[k] = u
            power[k] += u * u
    for k in range(values):
        power[k] = one / np.sqrt(power[k] * share + epsilon)
    for c in range(channels):
        result = y[c]
        for k in range(values):
            result[k] *= power[k]


@compiled
def differentiate(
    x: np.ndarray,
    gy: np.ndarray,
    strengths: np.ndarray,
    noise: np.ndarray,
    slope: float,
    gx: np.ndarray,
    along: np.ndarray,
) -> None:
    """Compute the gradient of x, (C, values), and add that of the strengths to `along`, (C,).

    With r = 1 / sqrt(mean(u^2) + epsilon), the gradient of u is r gy - u r^3 mean(gy u).
    """
    channels, values = x.shape
    low, zero, one = x.dtype.type(slope), x.dtype.type(0), x.dtype.type(1)
    share, epsilon = one / x.dtype.type(channels), x.dtype.type(EPSILON)
    power, product = np.zeros(values, x.dtype), np.zeros(values, x.dtype)
    for c in range(channels):
        row, gradient, s = x[c], gy[c], strengths[c]
        for k in range(values):
            u = row[k] + s * noise[k]
            u = u * low if u < zero else u
            power[k] += u * u
            product[k] += gradient[k] * u
    for k in range(values):
        r = one / np.sqrt(power[k] * share + epsilon)
        power[k] = r
        product[k] *= r * r * r * share
    for c in range(channels):
        row, gradient, result, s = x[c], gy[c], gx[c], strengths[c]
        total = zero
        for k in range(values):
            z = row[k] + s * noise[k]
            factor = low if z <= zero else one
            g = (power[k] * gradient[k] - z * factor * product[k]) * factor
            result[k] = g
            total += g * noise[k]
        along[c] += total
