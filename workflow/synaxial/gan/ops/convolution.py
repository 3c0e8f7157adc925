"""Convolution and transposed convolution, differentiable any number of times.

The gradients of each of these three functions are the other two:

    y = Convolution(x, W)              gx = Transposed(gy, W)    gW = WeightGradient(x, gy)
    x = Transposed(y, W)               gy = Convolution(gx, W)   gW = WeightGradient(gx, y)
    W = WeightGradient(x, y)           gx = Transposed(y, gW)    gy = Convolution(x, gW)

On a GPU, Chainer's own functions are used instead. On the CPU the three are `correlate`, its
transpose `scatter`, and `weight_gradient`, on arrays in the layout (channels, height, width,
images): products of plain matrices, in blocks that fit into a core's cache and that the cores
share. The blocks depend on the shapes alone.
"""

import math
import threading
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import (
    Geometry,
    add_patches,
    images_first,
    images_last,
    on_cpu,
    take_patches,
)

F = chainer.functions

#: Values of a block of patches: 1 MB, the size of a core's own cache. In a convolution, whose
#: results do not depend on it, a quarter: where channels are few, the result needs room there too.
BLOCK, BLOCK_OF_CONVOLUTION = 1 << 18, 1 << 16
#: Products of matrices with fewer columns or rows are slow.
LEAST_COLUMNS, LEAST_ROWS = 512, 256
#: The most rows of patches in one product, if the channels are cut.
WIDEST = 512
#: Up to this number of weights, each of `GROUPS` groups of rows of pixels has a sum of its own.
SMALL_WEIGHTS, GROUPS = 1 << 18, 8

_memory = threading.local()


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


def scratch(dtype: np.dtype, *shape: int) -> np.ndarray:
    """Return uninitialised memory of this thread, which the next call reuses."""
    size = math.prod(shape) * dtype.itemsize
    memory = getattr(_memory, "bytes", None)
    if memory is None or memory.size < size:
        memory = _memory.bytes = np.empty(size, np.uint8)
    return memory[:size].view(dtype).reshape(shape)


def see(x: np.ndarray, geometry: Geometry, rows: slice, columns: int) -> np.ndarray:
    """Return the patches in some rows of places, in `scratch`: (C taps, rows columns N)."""
    kernel = (geometry.height, geometry.width)
    shape = (len(x), *kernel, rows.stop - rows.start, columns, x.shape[3])
    patches = scratch(x.dtype, *shape)
    take_patches(x, geometry.stride, geometry.pad, rows.start, patches)
    return patches.reshape(len(x) * geometry.taps, -1)


def correlate(
    x: np.ndarray, weights: np.ndarray, geometry: Geometry, bias: np.ndarray | None = None
) -> np.ndarray:
    """Compute y[o] = bias[o] + sum over c and taps of weights[o, c, tap] x[c, at that tap].

    x is (C, H, W, N), `weights` (O, C, kernel height, kernel width), `bias` (O,), and the result
    (O, rows, columns, N).
    """
    rows, columns = geometry.places(*x.shape[1:3])
    row = columns * x.shape[3]
    matrix = weights.reshape(len(weights), -1)
    y = np.empty((len(weights), rows, columns, x.shape[3]), x.dtype)
    result = y.reshape(len(y), -1)

    def multiply(outputs: slice, patches: np.ndarray, pixels: slice) -> None:
        part = result[outputs, pixels]
        np.matmul(matrix[outputs], patches, out=part)
        if bias is not None:
            part += bias[outputs, None]

    def of_rows(some: slice) -> None:
        patches = see(x, geometry, some, columns)
        multiply(slice(None), patches, slice(some.start * row, some.stop * row))

    blocks = cut(rows, max(LEAST_COLUMNS, BLOCK_OF_CONVOLUTION // matrix.shape[1]) // row)
    if len(blocks) >= 4:
        for_each(of_rows, blocks)
        return y

    # Few pixels, and usually many weights: the patches are made once for all products.
    patches = np.empty((len(x), *weights.shape[2:], rows, columns, x.shape[3]), x.dtype)
    for_each(
        lambda some: take_patches(x[some], geometry.stride, geometry.pad, 0, patches[some]),
        cut(len(x), -(-len(x) // 8)),
    )
    seen = patches.reshape(len(x) * geometry.taps, -1)
    tiles = [
        (outputs, pixels)
        for pixels in cut(rows * row, LEAST_COLUMNS // 2)
        for outputs in cut(len(y), LEAST_ROWS)
    ]
    for_each(lambda tile: multiply(tile[0], seen[:, tile[1]], tile[1]), tiles)
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
    rows, columns, images = y.shape[1:]
    row = columns * images
    matrix = weights.reshape(len(weights), -1)
    values = y.reshape(len(y), -1)
    x = np.empty((channels, *size, images), y.dtype)

    def begin(some: slice) -> None:
        x[some] = 0 if bias is None else bias[some, None, None, None]

    def add(block: tuple[slice, slice]) -> None:
        some, part = block
        kernel = (geometry.height, geometry.width)
        shape = (some.stop - some.start, *kernel, part.stop - part.start, columns, images)
        patches = scratch(y.dtype, *shape)
        np.matmul(
            matrix[:, some.start * taps : some.stop * taps].T,
            values[:, part.start * row : part.stop * row],
            out=patches.reshape(shape[0] * taps, -1),
        )
        add_patches(patches, geometry.stride, geometry.pad, part.start, x[some])

    together = max(1, WIDEST // taps)
    tallest = max(LEAST_COLUMNS, BLOCK // (taps * min(channels, together))) // row
    overlap = (geometry.height - 1) // geometry.stride
    # 3/2 because `cut` makes some blocks shorter, and an inner one must not be below `overlap`.
    blocks = cut(rows, max(tallest, 3 * overlap // 2, 1))
    for_each(begin, cut(channels, -(-channels // 8)))
    # Neighbouring blocks of rows overlap in the image: first all even ones, then all odd ones.
    for first in (0, 1):
        for_each(add, [(c, r) for r in blocks[first::2] for c in cut(channels, together)])
    return x


def weight_gradient(x: np.ndarray, gy: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Compute the gradient of sum(gy * correlate(x, weights)) with respect to the weights.

    x is (C, H, W, N), gy (O, rows, columns, N), the result (O, C, kernel height, kernel width).
    """
    channels, taps = len(x), geometry.taps
    outputs, rows, columns, images = gy.shape
    row = columns * images
    values = gy.reshape(outputs, -1)
    shape = (outputs, channels, geometry.height, geometry.width)

    if outputs * channels * taps <= SMALL_WEIGHTS and rows >= GROUPS:
        sums = np.zeros((GROUPS, channels * taps, outputs), x.dtype)
        groups = cut(rows, -(-rows // GROUPS))
        tallest = max(LEAST_COLUMNS, BLOCK // (channels * taps)) // row

        def of_rows(group: int) -> None:
            first, last = groups[group].start, groups[group].stop
            for part in cut(last - first, tallest):
                pixels = slice(first + part.start, first + part.stop)
                patches = see(x, geometry, pixels, columns)
                sums[group] += patches @ values[:, pixels.start * row : pixels.stop * row].T

        for_each(of_rows, range(len(groups)))
        return np.ascontiguousarray(sums.sum(axis=0).T).reshape(shape)

    gradient = np.empty((outputs, channels * taps), x.dtype)

    def of_channels(some: slice) -> None:
        patches = see(x[some], geometry, slice(0, rows), columns)
        np.matmul(values, patches.T, out=gradient[:, some.start * taps : some.stop * taps])

    for_each(of_channels, cut(channels, max(1, WIDEST // taps)))
    return gradient.reshape(shape)
