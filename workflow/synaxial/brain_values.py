"""The intensities of a volume's brain and their percentiles, in one pass over the memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def brain_values(volume: NDArray[Any]) -> NDArray[Any]:
    """Return the values above 0 of an array of any shape and layout, in no particular order."""
    # In the order of the memory, which is seven times as fast as the order of the indices.
    flat = volume.ravel(order="K")
    above: NDArray[Any] = flat[flat > 0]
    return above


def percentiles_of(values: NDArray[Any], percentiles: Sequence[float]) -> NDArray[Any]:
    """Return percentiles with NumPy's linear interpolation.

    Those of 16-bit integers are found by counting each value, and are what `np.percentile`
    returns, which takes four times as long.

    Parameters
    ----------
    values
        1-D, at least one, 0 or more.
    percentiles
        In 0 to 100.

    Returns
    -------
    NDArray
        As many; float64, or for floating-point values their own dtype.
    """
    found: NDArray[Any]
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        found = np.percentile(values, percentiles)
        return found
    up_to = np.cumsum(np.bincount(values))
    position = np.asarray(percentiles, np.float64) / 100 * (values.size - 1)
    before = np.floor(position)
    # The sorted values on both sides of each position, and the place between them.
    lower = np.searchsorted(up_to, before, side="right")
    upper = np.searchsorted(up_to, np.minimum(before + 1, values.size - 1), side="right")
    share, step = position - before, upper - lower
    # Counted from the nearer side, as NumPy does to the same last bit.
    found = np.where(share < 0.5, lower + step * share, upper - step * (1 - share))
    return found
