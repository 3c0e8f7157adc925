"""Nearest-neighbour up-sampling and the 3 x 3 convolution after it, as one transposed convolution.

The enlarged image is made of pixels in fours, so that of the nine that the kernel sees only four
differ: each output pixel is made of 2 x 2 small ones, with sums of the weights. These sums are a
4 x 4 kernel of stride 2. The result is the same, up to rounding and at the border too, with 4 in
place of 9 multiplications, and the enlarged image is never made.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.convolution import transposed_convolution

#: Along one axis: which of the three weights each of the four taps is the sum of. Both pixels d, 0
#: and 1, that a small one becomes are seen by weight t from the output pixel at d - t + 1, which is
#: where tap d - t + 2 of a transposed convolution padded by 1 lands.
SUMS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])

#: Weights of a block that one core works on.
BLOCK = 1 << 18


def nearest_convolution(x: Any, W: Any, b: Any) -> Any:
    """Double the width of images by repeating their pixels, then convolve, padded by 1.

    Parameters
    ----------
    x
        (N, C, H, W) of any layout in memory.
    W
        (O, C, 3, 3).
    b
        (O,), or None.

    Returns
    -------
    Variable
        (N, O, 2 H, 2 W).
    """
    return transposed_convolution(x, SumTaps().apply((W,))[0], b, stride=2, pad=1)


class SumTaps(chainer.FunctionNode):
    """From (W,), (O, C, 3, 3), to the weights of the transposed convolution, (C, O, 4, 4)."""

    def forward(self, inputs: tuple[Any]) -> tuple[Any]:
        """Add the weights up."""
        return (combine_taps(inputs[0], np.kron(SUMS, SUMS).T, 4),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of W."""
        return SpreadTaps().apply(gradients)


class SpreadTaps(chainer.FunctionNode):
    """The transpose of `SumTaps`: from (C, O, 4, 4) to (O, C, 3, 3)."""

    def forward(self, inputs: tuple[Any]) -> tuple[Any]:
        """Add up, for each weight, the values of the taps that it is in."""
        return (combine_taps(inputs[0], np.kron(SUMS, SUMS), 3),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of the taps."""
        return SumTaps().apply(gradients)


def combine_taps(weights: Any, combinations: np.ndarray, width: int) -> Any:
    """Multiply the taps of each kernel by a matrix, and exchange the first two axes.

    Parameters
    ----------
    weights
        (A, B, kernel height, kernel width), float32 or float64.
    combinations
        (taps before, taps after).
    width
        Width and height of the kernel after.

    Returns
    -------
    array
        (B, A, width, width).
    """
    xp = chainer.backend.get_array_module(weights)
    first, second = weights.shape[:2]
    matrix = xp.asarray(combinations, weights.dtype)
    kernels = weights.reshape(first, second, -1).swapaxes(0, 1)
    if xp is not np:
        return xp.matmul(kernels, matrix).reshape(second, first, width, width)
    result = np.empty((second, first, width**2), weights.dtype)

    def multiply(some: slice) -> None:
        np.matmul(kernels[some], matrix, out=result[some])

    for_each(multiply, cut(second, BLOCK // (first * width**2)))
    return result.reshape(second, first, width, width)
