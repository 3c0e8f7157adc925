"""The percentiles of a volume's brain, without large arrays beside the volume."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: So many voxels are looked at at a time, which stay in a processor's cache.
BLOCK = 2**16


def brain_percentiles(volume: NDArray[Any], percentiles: Sequence[float]) -> NDArray[Any] | None:
    """Return percentiles of the values above 0, with NumPy's linear interpolation.

    Those of 16-bit integers are found by counting each value, and are what `np.percentile`
    returns, which takes several times as long.

    Parameters
    ----------
    volume
        Of any shape, layout and real dtype.
    percentiles
        In 0 to 100.

    Returns
    -------
    NDArray or None
        As many; float64, or for floating-point volumes their own dtype. None if no value is
        above 0.
    """
    # In the order of the memory, which is several times as fast as the order of the indices.
    flat = volume.ravel(order="K")
    if volume.dtype.kind in "iu" and volume.dtype.itemsize <= 2:
        return _percentiles_of_counts(_count_above_0(flat), percentiles)
    brain = flat[flat > 0]
    if brain.size == 0:
        return None
    found: NDArray[Any] = np.percentile(brain, percentiles, overwrite_input=True)
    return found


def _count_above_0(values: NDArray[Any]) -> NDArray[np.int64]:
    """Count the values above 0 of a 1-D array of integers; entry v is how often v is there."""
    counts = np.zeros(max(int(values.max(initial=0)), 0) + 1, np.int64)
    for begin in range(0, values.size, BLOCK):
        block = values[begin : begin + BLOCK]
        counts += np.bincount(block[block > 0], minlength=counts.size)
    return counts


def _percentiles_of_counts(
    counts: NDArray[np.int64], percentiles: Sequence[float]
) -> NDArray[np.float64] | None:
    """Return the percentiles of values of which `counts[v]` are v; None if there is none."""
    up_to = np.cumsum(counts)
    last = int(up_to[-1]) - 1
    if last < 0:
        return None
    position = np.asarray(percentiles, np.float64) / 100 * last
    before = np.floor(position)
    # The sorted values on both sides of each position, and the place between them.
    lower = np.searchsorted(up_to, before, side="right")
    upper = np.searchsorted(up_to, np.minimum(before + 1, last), side="right")
    share, step = position - before, upper - lower
    found: NDArray[np.float64]
    # Counted from the nearer side, as NumPy does to the same last bit.
    found = np.where(share < 0.5, lower + step * share, upper - step * (1 - share))
    return found
