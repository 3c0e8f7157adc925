"""The values of a volume: finite, background 0, brain above 0."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import BadVolumeError

#: Interpolation leaves a few negative voxels at the edge of the brain. More than this share of the
#: voxels that are not 0 means another intensity scale.
LARGEST_RINGING_SHARE = 0.05

#: The border of a skull-stripped volume is background, unless the field of view cuts the brain. A
#: value that fills a smaller share of the border is not background.
SMALLEST_BACKGROUND_SHARE = 0.5

#: Where the background lies between the values of the brain, the lowest voxel of the brain becomes
#: this share of its range: above 0, but below one step of an 8-bit slice.
FLOOR_SHARE = 0.001

#: Largest absolute value: stored with 32 bits, with room for a shift.
LARGEST_VALUE = float(np.finfo(np.float32).max) / 4

#: Whole numbers below this are counted, which takes half of the time of NumPy's percentiles.
MOST_COUNTED = 1 << 16

#: Voxels in memory and in a file.
Voxels = NDArray[np.int16] | NDArray[np.float32]


#: The warning about a volume without background.
NOT_STRIPPED = "not skull-stripped? most of the border of the volume is not background"


def make_positive(voxels: NDArray[Any], where: str) -> tuple[Voxels, list[str], list[str]]:
    """Return a 3-D volume with background 0 and brain above 0, notes of what changed, and warnings.

    It is int16 if all values are integers that fit, else float32.

    Raises
    ------
    BadVolumeError
        A value is NaN, infinite or too large, the background is not clear, or there is no brain.
    """
    _check_finite(voxels, where)
    if not voxels.any():
        raise BadVolumeError(where, "every voxel is 0", "a brain")
    background, share = find_background(voxels)
    negative = int(np.count_nonzero(voxels < 0)) if voxels.min() < 0 else 0
    few = negative <= LARGEST_RINGING_SHARE * np.count_nonzero(voxels)
    if share < SMALLEST_BACKGROUND_SHARE:
        if not few:
            raise BadVolumeError(
                where,
                f"{negative} negative voxels, and no background: the most common value of the "
                f"border, {background:.4g}, fills {share:.0%} of it",
                "a skull-stripped volume with one background value",
            )
        return *_clipped(voxels, negative, where), [NOT_STRIPPED]
    if background == 0 and few:
        return *_clipped(voxels, negative, where), []
    return *_shifted(voxels, background, where), []


def find_background(voxels: NDArray[Any]) -> tuple[float, float]:
    """Return the most common value of the six faces of a volume, and its share of them."""
    faces = [np.moveaxis(voxels, axis, 0)[side].ravel() for axis in range(3) for side in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    most = int(counts.argmax())
    return float(values[most]), float(counts[most] / counts.sum())


def brain_percentiles(volume: NDArray[Any], percentiles: Sequence[float]) -> NDArray[Any] | None:
    """Return percentiles (0 to 100) of the values above 0 with linear interpolation.

    They are float64, or of the dtype of a floating-point volume; None if no value is above 0.
    """
    # In the order of the memory, which is several times as fast as the order of the indices.
    flat = volume.ravel(order="K")
    brain = flat[flat > 0]
    if brain.size == 0:
        return None
    if brain.dtype.kind in "iu" and brain.max() < MOST_COUNTED:
        return _counted_percentiles(brain, percentiles)
    found: NDArray[Any] = np.percentile(brain, percentiles, overwrite_input=True)
    return found


def _counted_percentiles(
    values: NDArray[np.integer[Any]], percentiles: Sequence[float]
) -> NDArray[np.float64]:
    """Return what NumPy's `percentile` does, of few different values from 0: by counting them."""
    below = np.cumsum(np.bincount(values))
    places = np.asarray(percentiles) / 100 * (len(values) - 1)
    first = np.floor(places)
    # The value at a place of the sorted values, counted from 0.
    low, high = (np.searchsorted(below, place, "right") for place in (first, np.ceil(places)))
    share, step = places - first, high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def _check_finite(voxels: NDArray[Any], where: str) -> None:
    if voxels.dtype.kind != "f":
        return
    bad = int(np.count_nonzero(~np.isfinite(voxels)))
    if bad:
        raise BadVolumeError(where, f"{bad} voxels are NaN or infinite", "finite values")
    largest = float(np.abs(voxels).max())
    if largest > LARGEST_VALUE:
        raise BadVolumeError(where, f"values up to {largest:.3g}", "values of a 32-bit number")


def _clipped(voxels: NDArray[Any], negative: int, where: str) -> tuple[Voxels, list[str]]:
    """Set the negative voxels to 0."""
    if not negative:
        return _stored(voxels, where), []
    notes = [f"{negative} negative voxels (interpolation) set to 0"]
    return _stored(np.maximum(voxels, 0), where), notes


def _shifted(voxels: NDArray[Any], background: float, where: str) -> tuple[Voxels, list[str]]:
    """Set the background to 0 and shift the brain, which is all the rest, above 0.

    The background of a z-scored copy lies below the values of the brain, or is 0 among them. In the
    second case a voxel of the brain with exactly the value of the background counts as background.
    """
    values = voxels.astype(np.float64)
    brain = values != background
    if not brain.any():
        raise BadVolumeError(where, f"every voxel is {background:.4g}", "a brain")
    lowest, highest = float(values[brain].min()), float(values[brain].max())
    if lowest > background:
        zero, how = background, f"the background, {background:.4g}, was subtracted"
    else:
        zero = lowest - (FLOOR_SHARE * (highest - lowest) or 1.0)
        how = (
            f"values of {lowest:.4g} to {highest:.4g} around a background of {background:.4g}"
            f" were shifted by {-zero:.4g}"
        )
    return _stored(np.where(brain, values - zero, 0.0), where), [f"rescaled copy: {how}"]


def _stored(voxels: NDArray[Any], where: str) -> Voxels:
    """Return non-negative voxels as int16 if that is exact, else as float32."""
    whole = voxels.dtype.kind in "iu" or bool(np.array_equal(voxels, np.rint(voxels)))
    stored: Voxels
    if whole and voxels.max() <= np.iinfo(np.int16).max:
        stored = voxels.astype(np.int16, copy=False)
    else:
        # Plus 0: no negative zeros.
        stored = voxels.astype(np.float32) + np.float32(0)
    if not stored.any():
        raise BadVolumeError(where, "no voxel is above the background", "a brain")
    return stored
