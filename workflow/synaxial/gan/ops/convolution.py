"""Convolution and transposed convolution, differentiable any number of times.

The gradients of each of these three functions are the other two:

    y = Convolution(x, W)              gx = Transposed(gy, W)    gW = WeightGradient(x, gy)
    x = Transposed(y, W)               gy = Convolution(gx, W)   gW = WeightGradient(gx, y)
    W = WeightGradient(x, y)           gx = Transposed(y, gW)    gy = Convolution(x, gW)

Each may have a scale, by which its product is multiplied; so then are its gradients.

On a GPU, Chainer's own functions are used instead. On the CPU the three are `correlate`, its
transpose `scatter`, and `weight_gradient`, on arrays in the layout (channels, height, width,
images), all float32 or all float64. Where there are few pixels, and usually many weights, they are
products of plain matrices: each weight is used too seldom to be worth sorting. All others are
computed by `direct.py`. The way depends on the shapes alone.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import cut, for_each, scratch
from synaxial.gan.ops.direct import apply_kernels, weight_gradient_directly
from synaxial.gan.ops.functions import apply
from synaxial.gan.ops.kernels import kernel_of, transposed_kernels
from synaxial.gan.ops.layout import (
    Geometry,
    add_patches,
    images_first,
    images_last,
    on_cpu,
    take_patches,
)
from synaxial.gan.ops.rows import least_row

F = chainer.functions

#: With fewer pixels, or rows shorter than a vector, matrices are faster.
LEAST_PIXELS = 512
#: The largest part of a product that one core computes: outputs, pixels, channels times taps.
OUTPUTS, PIXELS, WIDEST = 256, 256, 512


def convolution(x: Any, W: Any, b: Any, stride: int, pad: int, scale: float = 1.0) -> Any:
    """Convolve images, as `chainer.functions.convolution_2d` does, with weights `scale` W.

    x is (N, C, H, W) in any memory layout, W (O, C, kernel height, kernel width), b (O,) or None,
    and the result (N, O, rows, columns).
    """
    if not on_cpu(x):
        return F.convolution_2d(x, W * scale, b, stride, pad)
    inputs = (x, W) if b is None else (x, W, b)
    return apply(Convolution(Geometry(W.shape[2], W.shape[3], stride, pad), scale), *inputs)


def transposed_convolution(x: Any, W: Any, b: Any, stride: int, pad: int) -> Any:
    """Compute a transposed convolution, as `chainer.functions.deconvolution_2d` does.

    x is (N, C, H, W) in any memory layout, W (C, O, kernel height, kernel width), b (O,) or None.
    The result is (N, O, stride (H - 1) + kernel height - 2 pad, the same for the width).
    """
    if not on_cpu(x):
        return F.deconvolution_2d(x, W, b, stride, pad)
    geometry = Geometry(W.shape[2], W.shape[3], stride, pad)
    inputs = (x, W) if b is None else (x, W, b)
    return apply(TransposedConvolution(geometry, geometry.covered(*x.shape[2:])), *inputs)


class Convolution(chainer.FunctionNode):
    """From (x, W) or (x, W, b) to (y,)."""

    def __init__(self, geometry: Geometry, scale: float = 1.0) -> None:
        super().__init__()
        self.geometry = geometry
        self.scale = scale

    def forward_cpu(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
        """Compute y."""
        x, W, *b = inputs
        self.retain_inputs((0, 1))
        return (images_first(correlate(images_last(x), scaled(W, self.scale), self.geometry, *b)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of x, W and b, as far as they are requested."""
        x, W = self.get_retained_inputs()
        (gy,) = gradients
        parts = {
            0: lambda: TransposedConvolution(self.geometry, x.shape[2:], self.scale).apply((gy, W))[
                0
            ],
            1: lambda: WeightGradient(self.geometry, self.scale).apply((x, gy))[0],
            2: lambda: sum_of_channels(gy),
        }
        return [parts[index]() for index in indexes]


class TransposedConvolution(chainer.FunctionNode):
    """From (y, W) or (y, W, b) to (x,), of the height and width given."""

    def __init__(self, geometry: Geometry, size: tuple[int, int], scale: float = 1.0) -> None:
        super().__init__()
        self.geometry = geometry
        self.size = size
        self.scale = scale

    def forward_cpu(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
        """Compute x."""
        y, W, *b = inputs
        self.retain_inputs((0, 1))
        weights = scaled(W, self.scale)
        return (images_first(scatter(images_last(y), weights, self.geometry, self.size, *b)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of y, W and b, as far as they are requested."""
        y, W = self.get_retained_inputs()
        (gx,) = gradients
        parts = {
            0: lambda: Convolution(self.geometry, self.scale).apply((gx, W))[0],
            1: lambda: WeightGradient(self.geometry, self.scale).apply((gx, y))[0],
            2: lambda: sum_of_channels(gx),
        }
        return [parts[index]() for index in indexes]


class WeightGradient(chainer.FunctionNode):
    """From (x, y) to (W,)."""

    def __init__(self, geometry: Geometry, scale: float = 1.0) -> None:
        super().__init__()
        self.geometry = geometry
        self.scale = scale

    def forward_cpu(self, inputs: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray]:
        """Compute the gradient of W."""
        x, y = inputs
        self.retain_inputs((0, 1))
        gradient = weight_gradient(images_last(x), images_last(y), self.geometry)
        return (scaled(gradient, self.scale),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of x and y, as far as they are requested."""
        x, y = self.get_retained_inputs()
        (gW,) = gradients
        parts = {
            0: lambda: TransposedConvolution(self.geometry, x.shape[2:], self.scale).apply((y, gW))[
                0
            ],
            1: lambda: Convolution(self.geometry, self.scale).apply((x, gW))[0],
        }
        return [parts[index]() for index in indexes]


def scaled(weights: np.ndarray, scale: float) -> np.ndarray:
    """Multiply weights by a scale."""
    return weights if scale == 1 else weights * weights.dtype.type(scale)


def sum_of_channels(g: Any) -> Any:
    """Sum (N, C, H, W) over all but the channels."""
    return F.sum(g, axis=(0, 2, 3))


def many_pixels(y: np.ndarray, row: int, outputs: int, geometry: Geometry) -> bool:
    """Return whether `direct.py` computes a convolution to y, (O, rows, columns, N), or from it.

    `row` are the values of the shortest row that is computed, `outputs` its channels.
    """
    wide = min(geometry.height, geometry.width) >= geometry.stride
    return wide and row >= least_row(outputs, y.dtype) and y[0].size >= LEAST_PIXELS


def correlate(
    x: np.ndarray, weights: np.ndarray, geometry: Geometry, bias: np.ndarray | None = None
) -> np.ndarray:
    """Compute y[o] = bias[o] + sum over c and taps of weights[o, c, tap] x[c, at that tap].

    x is (C, H, W, N), `weights` (O, C, kernel height, kernel width), `bias` (O,), and the result
    (O, rows, columns, N).
    """
    rows, columns = geometry.places(*x.shape[1:3])
    y = np.empty((len(weights), rows, columns, x.shape[3]), x.dtype)
    if many_pixels(y, columns * x.shape[3], len(y), geometry):
        apply_kernels(x, [kernel_of(weights, geometry, (rows, columns))], bias, y)
        return y

    # The patches are made once for all products.
    patches = np.empty((len(x), *weights.shape[2:], rows, columns, x.shape[3]), x.dtype)
    for_each(
        lambda some: take_patches(x[some], geometry.stride, geometry.pad, 0, patches[some]),
        cut(len(x), -(-len(x) // 8)),
    )
    matrix = weights.reshape(len(weights), -1)
    seen = patches.reshape(len(x) * geometry.taps, -1)
    result = y.reshape(len(y), -1)

    def multiply(tile: tuple[slice, slice]) -> None:
        np.matmul(matrix[tile[0]], seen[:, tile[1]], out=result[tile])
        if bias is not None:
            result[tile] += bias[tile[0], None]

    tiles = [(o, p) for p in cut(result.shape[1], PIXELS) for o in cut(len(y), OUTPUTS)]
    for_each(multiply, tiles)
    return y


def scatter(
    y: np.ndarray,
    weights: np.ndarray,
    geometry: Geometry,
    size: tuple[int, int],
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the transpose of `correlate`: every y[o] adds its weights to the pixels it saw.

    y is (O, rows, columns, N), `weights` (O, C, kernel height, kernel width), `bias` (C,), `size`
    the height and width of the result, which is (C, height, width, N).
    """
    channels, taps = weights.shape[1], geometry.taps
    x = np.empty((channels, *size, y.shape[3]), y.dtype)
    kernels = list(transposed_kernels(weights, geometry, size))
    shortest = min(kernel.places[1] for kernel in kernels) * y.shape[3]
    if many_pixels(y, shortest, len(x), geometry):
        apply_kernels(y, kernels, bias, x)
        return x
    matrix, values = weights.reshape(len(weights), -1), y.reshape(len(y), -1)

    def add(some: slice) -> None:
        x[some] = 0 if bias is None else bias[some, None, None, None]
        kernel = (geometry.height, geometry.width)
        patches = scratch(y.dtype, some.stop - some.start, *kernel, *y.shape[1:])
        columns = slice(some.start * taps, some.stop * taps)
        product = patches.reshape((some.stop - some.start) * taps, -1)
        np.matmul(matrix[:, columns].T, values, out=product)
        add_patches(patches, geometry.stride, geometry.pad, 0, x[some])

    for_each(add, cut(channels, max(1, WIDEST // taps)))
    return x


def weight_gradient(x: np.ndarray, gy: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Compute the gradient of sum(gy * correlate(x, weights)) with respect to the weights.

    x is (C, H, W, N), gy (O, rows, columns, N), the result (O, C, kernel height, kernel width).
    """
    if many_pixels(gy, gy.shape[2] * gy.shape[3], len(gy), geometry):
        weights = np.empty((len(gy), len(x), geometry.height, geometry.width), x.dtype)
        return weight_gradient_directly(x, gy, kernel_of(weights, geometry, gy.shape[1:3]))
    channels, taps = len(x), geometry.taps
    values = gy.reshape(len(gy), -1)
    gradient = np.empty((len(gy), channels * taps), x.dtype)

    def of_channels(some: slice) -> None:
        kernel = (geometry.height, geometry.width)
        patches = scratch(x.dtype, some.stop - some.start, *kernel, *gy.shape[1:])
        take_patches(x[some], geometry.stride, geometry.pad, 0, patches)
        seen = patches.reshape((some.stop - some.start) * taps, -1)
        np.matmul(values, seen.T, out=gradient[:, some.start * taps : some.stop * taps])

    for_each(of_channels, cut(channels, max(1, WIDEST // taps)))
    return gradient.reshape(len(gy), channels, geometry.height, geometry.width)
