"""Feature matrices as the metrics of distributions take them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.images import Weights

#: float32 or float64 (N, D): one row an image.
Features = NDArray[np.floating]

#: Makes numbers of two sets that it knows, given how often each of their images counts.
Statistic = Callable[[Weights, Weights], dict[str, float]]


def checked(
    generated: Features, reference: Features, least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both matrices as float64.

    Parameters
    ----------
    least
        How many images each set must have.

    Raises
    ------
    ValueError
        A set is smaller, the features are different ones, or some are no numbers.
    """
    for name, features in (("generated", generated), ("reference", reference)):
        if features.ndim != 2 or len(features) < least:
            raise ValueError(
                f"{name} features of the shape {features.shape}, expected (N, D) with N at least "
                f"{least}"
            )
        if not np.isfinite(features).all():
            raise ValueError(f"{name} features that are no numbers")
    if generated.shape[1] != reference.shape[1]:
        raise ValueError(
            f"{generated.shape[1]} generated and {reference.shape[1]} reference features an image"
        )
    return generated.astype(np.float64), reference.astype(np.float64)
