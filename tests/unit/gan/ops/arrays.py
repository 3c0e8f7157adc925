"""Arrays to try functions on."""

import numpy as np

#: (N, C, H, W): one pixel, one row, odd sizes, batches of eight, and more than one block of rows.
SHAPES = [(1, 4, 1, 1), (2, 4, 1, 5), (3, 8, 5, 1), (3, 4, 7, 6), (8, 4, 3, 3), (5, 4, 96, 80)]


def normal(shape, dtype=np.float32):
    """Return standard normal values, always the same for a shape."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def layouts(array):
    """Return the same values as they lie in the networks, with gaps, and backwards."""
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)
    return [last, np.repeat(array, 2, axis=-1)[..., ::2], array[::-1].copy()[::-1]]
