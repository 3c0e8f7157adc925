"""Whether the pipelines that are compared do the same."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Slices before resampling may differ by this much: one grey value, where 32-bit arithmetic
#: falls on the other side of a half.
GREY_TOLERANCE = 1

#: Images may differ by this much on average, in grey values of 255: the filters are different
#: ones (Pillow's bicubic, a = -0.5; torch's, a = -0.75; ITK's B-spline).
MEAN_TOLERANCE = 1.0


@dataclass(frozen=True)
class Agreement:
    """How far two pipelines' results are apart, in grey values of 255.

    Attributes
    ----------
    native
        Largest difference before resampling.
    mean
        Mean absolute difference of the images.
    largest
        Largest difference of the images.
    """

    native: int
    mean: float
    largest: int

    def __str__(self) -> str:
        return (
            f"the same slices (largest difference {self.native} of 255), images after different "
            f"bicubic or linear filters {self.mean:.2f} of 255 apart on average, "
            f"{self.largest} at most"
        )


def compare(
    name: str,
    native: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    images: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> Agreement:
    """Compare ours with another's, and refuse a comparison of different work.

    Parameters
    ----------
    name
        The other pipeline.
    native
        Ours and its slices at native size, uint8 (N, H, W).
    images
        Ours and its images, uint8 (M, size, size).

    Raises
    ------
    RuntimeError
        Shapes, slices or images differ by more than the tolerances.
    """
    for ours, theirs in (native, images):
        if ours.shape != theirs.shape:
            raise RuntimeError(f"{name}: shape {theirs.shape}, expected {ours.shape} as ours")
    apart = _apart(*images)
    found = Agreement(int(_apart(*native).max()), float(apart.mean()), int(apart.max()))
    if found.native > GREY_TOLERANCE or found.mean > MEAN_TOLERANCE:
        raise RuntimeError(f"{name} does not do the same work: {found}")
    return found


def load(path: Path) -> NDArray[np.uint8]:
    """Read an array file of images."""
    images: NDArray[np.uint8] = np.load(path)
    return images


def _apart(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int16]:
    apart: NDArray[np.int16] = np.abs(first.astype(np.int16) - second.astype(np.int16))
    return apart
