"""From a volume's intensities to 8 bits.

The paper leaves the window open. Percentiles of the brain's voxels, rather than of all voxels,
make it independent of how much background a volume has, and cutting both ends off keeps a few
extreme voxels from darkening all others.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.data.brain_values import brain_percentiles
from synaxial.io.errors import BadVolumeError

#: The 8-bit value of the window's lower end; 0 is kept for the background.
DARKEST_BRAIN = 1

#: The 8-bit value of the window's upper end.
BRIGHTEST_BRAIN = 255


def find_window(
    volume: NDArray[Any], percentiles: tuple[float, float], where: str
) -> tuple[float, float]:
    """Return the intensities at two percentiles of the voxels above 0.

    Parameters
    ----------
    volume
        Intensities of any shape and real dtype, background 0.
    percentiles
        Lower and upper one, in 0 to 100; between two voxels' intensities NumPy's linear
        interpolation is taken.
    where
        The subject or file, for the error.

    Raises
    ------
    BadVolumeError
        No voxel is above 0.
    """
    # Of 32-bit numbers in double precision: NumPy interpolates in the dtype of its input.
    exact = volume.astype(np.float64) if volume.dtype.kind == "f" else volume
    found = brain_percentiles(exact, percentiles)
    if found is None:
        raise BadVolumeError(where, "has no voxel above 0", "a brain")
    return float(found[0]), float(found[1])


def conversion_of(
    volume: NDArray[Any], low: float, high: float
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return the function `to_eight_bits` of one window for the voxels of one volume.

    Parameters
    ----------
    volume
        Of any real dtype, nowhere below 0. 16-bit integers are looked up in a table of all their
        values, which is quicker.
    low, high
        The window.
    """
    if volume.dtype.kind in "iu" and volume.dtype.itemsize <= 2:
        return to_eight_bits(np.arange(int(volume.max()) + 1), low, high).take
    return lambda intensities: to_eight_bits(intensities, low, high)


def to_eight_bits(intensities: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map intensities linearly to 1..255 between two ends, and 0 to 0.

    An intensity v above 0 becomes 1 + round(254 (v - low) / (high - low)), v first clipped to
    [low, high], and halves rounded to the even number. Where both ends are the same (a brain of
    one intensity), what is at or above them becomes 255 and what is below 1.

    Parameters
    ----------
    intensities
        Of any shape and real dtype, background 0.
    low, high
        The window, in the same units.

    Returns
    -------
    NDArray[np.uint8]
        Of the same shape; 0 exactly where `intensities` is 0 or less.
    """
    exact = intensities.astype(np.float64)
    if high > low:
        share = (np.clip(exact, low, high) - low) / (high - low)
    else:
        share = (exact >= high).astype(np.float64)
    values = DARKEST_BRAIN + np.rint((BRIGHTEST_BRAIN - DARKEST_BRAIN) * share)
    return np.where(intensities > 0, values, 0).astype(np.uint8)
