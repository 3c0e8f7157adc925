"""How well one mask matches another."""

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.brain_masks import brain_mask, hyperintense_mask
from synaxial.studies.segment.slices import Slices


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return 2 |A and B| / (|A| + |B|) (Dice, Ecology 26, 1945); NaN if both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def dice_of_people(found: NDArray[np.bool_], truth: Slices) -> dict[str, float]:
    """Return each person's Dice coefficient, of all pixels of all their slices.

    People without a tumour in any slice have none: it would be 0 for a single wrong pixel.

    Parameters
    ----------
    found
        bool (N, S, S): the masks of the images of `truth`.
    truth
        What they are held against.
    """
    result = {}
    for group in np.unique(truth.groups):
        own = truth.groups == group
        if truth.masks[own].any():
            result[truth.names[group]] = dice(found[own], truth.masks[own])
    return result


def bright_masks(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what is bright as a tumour in each image, by a threshold without any training."""
    return np.stack([hyperintense_mask(image, brain_mask(image)) for image in images])
