"""The tumour in one slice, at the size and place that the slice has as an image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Resize
from synaxial.data.slices.axial import axial_slice
from synaxial.data.slices.resize_command import resize_page
from synaxial.io.images import HALF
from synaxial.io.stacks import INSIDE, OUTSIDE


def mask_page(labels: NDArray[Any], index: int, settings: Resize) -> NDArray[np.uint8]:
    """Return the mask of the whole tumour in one axial slice.

    It is resampled as the slice itself is, so that it lies on the image to the pixel, and then
    binary again: inside where the resampled share of tumour is at least a half.

    Parameters
    ----------
    labels
        (left, posterior, superior): the segmentation; any label above 0 is tumour.
    index
        Of the slice, from 0 at the most inferior.
    settings
        The study's, of the stage `resize`.

    Returns
    -------
    NDArray[np.uint8]
        (size, size), 255 inside the tumour and 0 outside.

    Raises
    ------
    SynaxialError
        Padding would have to cut off tumour.
    """
    native = binary(axial_slice(labels, index) > 0)
    return binary(resize_page(native, settings) >= HALF)


def binary(inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask's two values."""
    return np.where(inside, INSIDE, OUTSIDE).astype(np.uint8)
