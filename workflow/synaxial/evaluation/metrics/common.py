"""What the metrics share: rows of measurements, features, weights, and statistics of two sets."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What a metric measured: arrays by name, one row per image.
Rows = dict[str, NDArray[Any]]

#: float32 or float64 (N, D): one row per image.
Features = NDArray[np.floating]

#: How often each image counts: float64 (N,), not negative. None counts every image once.
Weights = NDArray[np.float64] | None

#: What a metric returns: numbers by name.
Numbers = dict[str, float]

#: The numbers of two fixed sets, as a function of the weights of their images.
Statistic = Callable[[Weights, Weights], Numbers]


def shares(weights: Weights, images: int) -> NDArray[np.float64]:
    """Return the weights divided by their sum, float64 (N,)."""
    if weights is None:
        return np.full(images, 1 / images)
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def checked(
    generated: Features, reference: Features, least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both feature matrices as float64; a set of fewer than `least` images is refused."""
    for name, features in (("generated", generated), ("reference", reference)):
        if len(features) < least:
            raise ValueError(f"{len(features)} {name} images, expected at least {least}")
    return generated.astype(np.float64), reference.astype(np.float64)
