"""Axial slices as they are shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def axial_slice(volume: NDArray[Any], index: int) -> NDArray[Any]:
    """Return one axial slice in radiological display: anterior up, the patient's right at left.

    In a volume whose axes run to the left, to posterior and to superior, the first column of
    the picture is the rightmost of the patient and its first row the most anterior, so that the
    slice only has to be transposed.

    Parameters
    ----------
    volume
        (left, posterior, superior) voxels.
    index
        Of the slice, from 0 at the most inferior.

    Returns
    -------
    NDArray
        (posterior, left): rows and columns of the picture, at native size.
    """
    return np.ascontiguousarray(volume[:, :, index].T)
