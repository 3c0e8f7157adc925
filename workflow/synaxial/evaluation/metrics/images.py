"""The images that a metric sees."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageSet:
    """Grey images, and which of them belong together.

    Attributes
    ----------
    pixels
        uint8 (N, H, W), 0 for the background.
    groups
        int64 (N,): the subject's number for real images, an image's own for generated ones. Images
        of one subject resemble each other, so a set is drawn anew by group, never by image.
    """

    pixels: NDArray[np.uint8]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)


def subset(images: ImageSet, chosen: NDArray[np.int64]) -> ImageSet:
    """Return some of the images, in memory."""
    return ImageSet(np.ascontiguousarray(images.pixels[chosen]), images.groups[chosen])


#: How often each image counts: float64 (N,), not negative; None is once each.
Weights = NDArray[np.float64] | None


def shares(weights: Weights, images: int) -> NDArray[np.float64]:
    """Return the weights so that they sum to 1, float64 (N,)."""
    if weights is None:
        return np.full(images, 1 / images)
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def as_grey(pages: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return colour images as the mean of their channels, rounded, and grey ones as they are.

    Parameters
    ----------
    pages
        uint8 (N, H, W, 3) or (N, H, W).
    """
    if pages.ndim == 3:
        return pages
    total = pages.sum(axis=3, dtype=np.uint16)
    grey: NDArray[np.uint8] = ((2 * total + 3) // 6).astype(np.uint8)
    return grey


def groups_of(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Return the number of each image's group, int64 (N,), from what the groups are called."""
    numbers = {name: at for at, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)
