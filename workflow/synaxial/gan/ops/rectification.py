"""Leaky ReLU, alone or before average pooling, differentiable any number of times.

Leaky ReLU multiplies x by a factor, which is `slope` where x is not positive, and 1 elsewhere. Its
gradient is a product with the same factors. So for a given x both are linear, and so is what comes
of the second derivative. Only x is kept for the backward pass.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.functions import apply
from synaxial.gan.ops.layout import images_first, images_last, on_cpu
from synaxial.gan.ops.linear import linear
from synaxial.gan.ops.pooling import average_pooling

F = chainer.functions

#: Values of a block that one core works on.
BLOCK = 1 << 16


def rectified(x: Any, slope: float) -> Any:
    """Apply Leaky ReLU to (N, C, …) in any memory layout."""
    return apply(Rectification(slope), x) if on_cpu(x) else F.leaky_relu(x, slope)


def rectified_pooling(x: Any, slope: float) -> Any:
    """Apply Leaky ReLU and average pooling: from (N, C, 2 H, 2 W) to (N, C, H, W).

    Height and width must be even.
    """
    if not on_cpu(x):
        return average_pooling(F.leaky_relu(x, slope))
    return apply(RectifiedPooling(slope), x)


class Rectification(chainer.FunctionNode):
    """From (x,) to (y,)."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Compute y."""
        self.retain_inputs((0,))
        return (rectify(*inputs, *inputs, self.slope),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of x."""
        x, slope = self.get_retained_inputs()[0].array, self.slope

        def times(v: np.ndarray) -> np.ndarray:
            return rectify(x, v, slope)

        return (linear(gradients[0], times, times),)


class RectifiedPooling(Rectification):
    """From (x,) to (y,), of half the height and width."""

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Compute y."""
        self.retain_inputs((0,))
        return (pool(*inputs, *inputs, self.slope),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of x."""
        x, slope = self.get_retained_inputs()[0].array, self.slope
        return (linear(gradients[0], lambda g: spread(x, g, slope), lambda v: pool(x, v, slope)),)


def rectify(x: np.ndarray, v: np.ndarray, slope: float) -> np.ndarray:
    """Multiply v by the factors of x, both (N, C, …)."""
    x, v = images_last(x), images_last(v)
    y = np.empty_like(v)
    of_x, of_v, of_y = x.reshape(-1), v.reshape(-1), y.reshape(-1)
    for_each(
        lambda some: rectify_values(of_x[some], of_v[some], slope, of_y[some]),
        cut(x.size, BLOCK),
    )
    return images_first(y)


def pool(x: np.ndarray, v: np.ndarray, slope: float) -> np.ndarray:
    """Return the means over 2 x 2 pixels of `rectify`."""
    x, v = images_last(x), images_last(v)
    channels, height, width, images = x.shape
    y = np.empty((channels, height // 2, width // 2, images), x.dtype)
    of_x, of_v, of_y = (a.reshape(-1, a.shape[2] * images) for a in (x, v, y))
    for_each(
        lambda some: pool_rows(of_x, of_v, slope, images, some.start, some.stop, of_y),
        cut(len(of_y), BLOCK // (2 * width * images)),
    )
    return images_first(y)


def spread(x: np.ndarray, g: np.ndarray, slope: float) -> np.ndarray:
    """Compute the transpose of `pool`, from g, (N, C, H, W), to the shape of x."""
    x, g = images_last(x), images_last(g)
    images = x.shape[3]
    v = np.empty_like(x)
    of_x, of_g, of_v = (a.reshape(-1, a.shape[2] * images) for a in (x, g, v))
    for_each(
        lambda some: spread_rows(of_x, of_g, slope, images, some.start, some.stop, of_v),
        cut(len(of_g), BLOCK // (2 * of_x.shape[1])),
    )
    return images_first(v)


@compiled
def rectify_values(x: np.ndarray, v: np.ndarray, slope: float, y: np.ndarray) -> None:
    """Compute y = v times the factors of x."""
    low, one, zero = x.dtype.type(slope), x.dtype.type(1), x.dtype.type(0)
    for k in range(len(x)):
        y[k] = v[k] * (one if x[k] > zero else low)


@compiled
def pool_rows(
    x: np.ndarray, v: np.ndarray, slope: float, images: int, first: int, last: int, y: np.ndarray
) -> None:
    """Compute rows `first` … `last` of y, (C H, W N), from x and v, both (2 C H, 2 W N)."""
    low, one, zero = x.dtype.type(slope), x.dtype.type(1), x.dtype.type(0)
    quarter = x.dtype.type(0.25)
    for r in range(first, last):
        upper, lower, target = x[2 * r], x[2 * r + 1], y[r]
        of_upper, of_lower = v[2 * r], v[2 * r + 1]
        for w in range(len(target) // images):
            left, to = 2 * w * images, w * images
            right = left + images
            for k in range(images):
                a = of_upper[left + k] * (one if upper[left + k] > zero else low)
                b = of_upper[right + k] * (one if upper[right + k] > zero else low)
                c = of_lower[left + k] * (one if lower[left + k] > zero else low)
                d = of_lower[right + k] * (one if lower[right + k] > zero else low)
                target[to + k] = quarter * (a + b + c + d)


@compiled
def spread_rows(
    x: np.ndarray, g: np.ndarray, slope: float, images: int, first: int, last: int, v: np.ndarray
) -> None:
    """Compute, from rows `first` … `last` of g, (C H, W N), those of v below; x is (2 C H, 2 W N).

    v has the shape of x.
    """
    whole, zero = x.dtype.type(0.25), x.dtype.type(0)
    part = x.dtype.type(0.25 * slope)
    for r in range(first, last):
        source = g[r]
        for side in range(2):
            row, target = x[2 * r + side], v[2 * r + side]
            for w in range(len(source) // images):
                left, start = 2 * w * images, w * images
                right = left + images
                for k in range(images):
                    value = source[start + k]
                    target[left + k] = value * (whole if row[left + k] > zero else part)
                    target[right + k] = value * (whole if row[right + k] > zero else part)
