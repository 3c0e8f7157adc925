"""How often each image of a set counts."""

import numpy as np
from numpy.typing import NDArray

#: How often each image counts: float64 (N,), not negative; None is once each.
Weights = NDArray[np.float64] | None


def shares(weights: Weights, images: int) -> NDArray[np.float64]:
    """Return the weights so that they sum to 1, float64 (N,)."""
    if weights is None:
        return np.full(images, 1 / images)
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised
