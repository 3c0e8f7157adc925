"""The percentiles of the brain in a volume."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def brain_percentiles(volume: NDArray[Any], percentiles: Sequence[float]) -> NDArray[Any] | None:
    """Return percentiles (0 to 100) of the values above 0 with linear interpolation.

    They are float64, or of the dtype of a floating-point volume; None if no value is above 0.
    """
    # In the order of the memory, which is several times as fast as the order of the indices.
    flat = volume.ravel(order="K")
    brain = flat[flat > 0]
    if brain.size == 0:
        return None
    found: NDArray[Any] = np.percentile(brain, percentiles, overwrite_input=True)
    return found
