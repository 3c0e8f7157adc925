"""Connected parts of masks."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask."""
    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    result: NDArray[np.bool_] = parts == sizes.argmax()
    return result


def part_around(mask: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the parts of a mask that touch the core."""
    parts, _ = ndimage.label(mask | core)
    kept = np.unique(parts[core])
    result: NDArray[np.bool_] = np.isin(parts, kept[kept > 0])
    return result
