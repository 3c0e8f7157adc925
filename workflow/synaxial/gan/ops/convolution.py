"""Convolution and transposed convolution, differentiable any number of times.

The gradients of each of these three functions are the other two:

    y = Convolution(x, W)              gx = Transposed(gy, W)    gW = WeightGradient(x, gy)
    x = Transposed(y, W)               gy = Convolution(gx, W)   gW = WeightGradient(gx, y)
    W = WeightGradient(x, y)           gx = Transposed(y, gW)    gy = Convolution(x, gW)

On a GPU, Chainer's own functions are used instead.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.correlation import correlate, scatter, weight_gradient
from synaxial.gan.ops.layout import Geometry, images_first, images_last, on_cpu

F = chainer.functions


def convolution(x: Any, W: Any, b: Any, stride: int, pad: int) -> Any:
    """Convolve images, as `chainer.functions.convolution_2d` does.

    x is (N, C, H, W) in any memory layout, W (O, C, kernel height, kernel width), b (O,) or None,
    and the result (N, O, rows, columns).
    """
    if not on_cpu(x):
        return F.convolution_2d(x, W, b, stride, pad)
    inputs = (x, W) if b is None else (x, W, b)
    return Convolution(Geometry(W.shape[2], W.shape[3], stride, pad)).apply(inputs)[0]


def transposed_convolution(x: Any, W: Any, b: Any, stride: int, pad: int) -> Any:
    """Compute a transposed convolution, as `chainer.functions.deconvolution_2d` does.

    x is (N, C, H, W) in any memory layout, W (C, O, kernel height, kernel width), b (O,) or None.
    The result is (N, O, stride (H - 1) + kernel height - 2 pad, the same for the width).
    """
    if not on_cpu(x):
        return F.deconvolution_2d(x, W, b, stride, pad)
    geometry = Geometry(W.shape[2], W.shape[3], stride, pad)
    inputs = (x, W) if b is None else (x, W, b)
    return TransposedConvolution(geometry, geometry.covered(*x.shape[2:])).apply(inputs)[0]


class Convolution(chainer.FunctionNode):
    """From (x, W) or (x, W, b) to (y,)."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry

    def forward_cpu(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
        """Compute y."""
        x, W, *b = inputs
        self.retain_inputs((0, 1))
        return (images_first(correlate(images_last(x), W, self.geometry, *b)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of x, W and b, as far as they are requested."""
        x, W = self.get_retained_inputs()
        (gy,) = gradients
        parts = {
            0: lambda: TransposedConvolution(self.geometry, x.shape[2:]).apply((gy, W))[0],
            1: lambda: WeightGradient(self.geometry).apply((x, gy))[0],
            2: lambda: sum_of_channels(gy),
        }
        return [parts[index]() for index in indexes]


class TransposedConvolution(chainer.FunctionNode):
    """From (y, W) or (y, W, b) to (x,), of the height and width given."""

    def __init__(self, geometry: Geometry, size: tuple[int, int]) -> None:
        super().__init__()
        self.geometry = geometry
        self.size = size

    def forward_cpu(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
        """Compute x."""
        y, W, *b = inputs
        self.retain_inputs((0, 1))
        return (images_first(scatter(images_last(y), W, self.geometry, self.size, *b)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of y, W and b, as far as they are requested."""
        y, W = self.get_retained_inputs()
        (gx,) = gradients
        parts = {
            0: lambda: Convolution(self.geometry).apply((gx, W))[0],
            1: lambda: WeightGradient(self.geometry).apply((gx, y))[0],
            2: lambda: sum_of_channels(gx),
        }
        return [parts[index]() for index in indexes]


class WeightGradient(chainer.FunctionNode):
    """From (x, y) to (W,)."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry

    def forward_cpu(self, inputs: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray]:
        """Compute the gradient of W."""
        x, y = inputs
        self.retain_inputs((0, 1))
        return (weight_gradient(images_last(x), images_last(y), self.geometry),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of x and y, as far as they are requested."""
        x, y = self.get_retained_inputs()
        (gW,) = gradients
        parts = {
            0: lambda: TransposedConvolution(self.geometry, x.shape[2:]).apply((y, gW))[0],
            1: lambda: Convolution(self.geometry).apply((x, gW))[0],
        }
        return [parts[index]() for index in indexes]


def sum_of_channels(g: Any) -> Any:
    """Sum (N, C, H, W) over all but the channels."""
    return F.sum(g, axis=(0, 2, 3))
