"""The layout that the functions here compute in, under Chainer's own shapes.

Chainer's arrays have the shape (N, C, H, W) or (N, C). Ours lie in memory as (C, H, W, N): channels
first, images last. Each channel is then one contiguous row, which is what normalisation needs, and
a convolution is a product of plain matrices. What Chainer sees is a transposed view, so that any of
its functions works on it too.
"""

import numpy as np


def images_last(x: np.ndarray) -> np.ndarray:
    """Return (N, C, …) as a contiguous (C, …, N), a view where it lies so already."""
    return np.ascontiguousarray(np.moveaxis(x, 0, -1))


def images_first(x: np.ndarray) -> np.ndarray:
    """Return (C, …, N) as a view (N, C, …)."""
    return np.moveaxis(x, -1, 0)


def by_channel(x: np.ndarray) -> np.ndarray:
    """Return (N, C, …) as a contiguous matrix (C, values of a channel)."""
    return images_last(x).reshape(x.shape[1], -1)


def from_channels(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the matrix of `by_channel` as a view of this shape (N, C, …)."""
    return images_first(matrix.reshape(*shape[1:], shape[0]))
