"""The intensity window: from the intensities of a volume to 8 bits.

The paper leaves the window open. Unlike percentiles of all voxels, percentiles of the brain do not
depend on the amount of background. Because the extremes are cut off, a few very bright voxels do
not darken all others.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.data.volumes.intensities import brain_percentiles
from synaxial.io.errors import BadVolumeError

#: The 8-bit values of the lower and the upper end of the window; 0 is the background.
DARKEST_BRAIN, BRIGHTEST_BRAIN = 1, 255


def find_window(
    volume: NDArray[Any], percentiles: tuple[float, float], where: str
) -> tuple[float, float]:
    """Return the intensities at two percentiles (0 to 100) of the voxels above 0.

    Between the intensities of two voxels NumPy interpolates linearly.

    Raises
    ------
    BadVolumeError
        No voxel is above 0; `where` names the subject or the file.
    """
    # NumPy interpolates in the dtype of its input, so 32-bit numbers become double precision.
    exact = volume.astype(np.float64) if volume.dtype.kind == "f" else volume
    found = brain_percentiles(exact, percentiles)
    if found is None:
        raise BadVolumeError(where, "has no voxel above 0", "a brain")
    return float(found[0]), float(found[1])


def conversion_of(
    volume: NDArray[Any], low: float, high: float
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return the function `to_eight_bits` with one window, for the voxels of one volume.

    16-bit integers, which must not be negative, are looked up in a table of all their values; that
    is faster.
    """
    if volume.dtype.kind in "iu" and volume.dtype.itemsize <= 2:
        return to_eight_bits(np.arange(int(volume.max()) + 1), low, high).take
    return lambda intensities: to_eight_bits(intensities, low, high)


def to_eight_bits(intensities: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map intensities above 0 linearly from the window (low, high) to 1..255, and others to 0.

    An intensity v above 0 becomes 1 + round(254 (v - low) / (high - low)). Before, v is clipped to
    [low, high]. Halves are rounded to the even number. If low equals high (a brain of one
    intensity), v becomes 255 at or above it and 1 below.
    """
    exact = intensities.astype(np.float64)
    if high > low:
        share = (np.clip(exact, low, high) - low) / (high - low)
    else:
        share = (exact >= high).astype(np.float64)
    values = DARKEST_BRAIN + np.rint((BRIGHTEST_BRAIN - DARKEST_BRAIN) * share)
    return np.where(intensities > 0, values, 0).astype(np.uint8)
