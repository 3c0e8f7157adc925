"""Images that every metric is tried on: phantoms' slices, and what is wrong in known ways."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from synaxial.acquire.phantom import make_phantom
from synaxial.functions.parallel import for_each, use_threads
from synaxial.metrics.images import ImageSet
from synaxial.resize.square import resample
from synaxial.slice.axial import axial_slice
from synaxial.slice.window import conversion_of, find_window

SUBJECTS = 6
SLICES = range(60, 108, 4)


@dataclass(frozen=True)
class Phantoms:
    """The slices of a few pseudo-subjects, with what is a tumour in them."""

    images: ImageSet
    tumours: NDArray[np.bool_]

    def half(self, which: int) -> ImageSet:
        """Return the images of the first or the second half of the subjects."""
        chosen = self.images.groups // (SUBJECTS // 2) == which
        return ImageSet(self.images.pixels[chosen], self.images.groups[chosen])


@pytest.fixture(scope="session")
def phantoms() -> Phantoms:
    """Six subjects, every fourth slice of the paper's, as the pipeline makes images of them."""
    pixels = np.empty((SUBJECTS, len(SLICES), 256, 256), np.uint8)
    tumours = np.empty(pixels.shape, np.bool_)

    def make(number: int) -> None:
        phantom = make_phantom(0, number)
        low, high = find_window(phantom.image, (0.5, 99.5), f"phantom {number}")
        convert = conversion_of(phantom.image, low, high)
        for at, index in enumerate(SLICES):
            pixels[number, at] = resample(
                convert(axial_slice(phantom.image, index)), 256, "bicubic"
            )
            labels = axial_slice(phantom.segmentation, index)
            tumours[number, at] = resample(labels, 256, "nearest") > 0

    with use_threads(2):
        for_each(make, list(range(SUBJECTS)))
    groups = np.repeat(np.arange(SUBJECTS, dtype=np.int64), len(SLICES))
    return Phantoms(ImageSet(pixels.reshape(-1, 256, 256), groups), tumours.reshape(-1, 256, 256))


@pytest.fixture(scope="session")
def controls(phantoms: Phantoms) -> dict[str, NDArray[np.uint8]]:
    """The second half of the subjects as it is, and spoilt: `others`, `blurred`, `grid`, `noise`.

    Compared with the first half, `others` is as near as real images of other subjects are.
    """
    others = phantoms.half(1).pixels
    generator = np.random.Generator(np.random.PCG64(5))
    return {
        "others": others,
        "blurred": blur(others, 2.0),
        "grid": planted_grid(others, 4, 24),
        "noise": generator.integers(0, 256, others.shape, np.uint8),
    }


def blur(pixels: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blur each image with a Gaussian of so many pixels."""
    smooth = gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma))
    return np.rint(smooth).astype(np.uint8)


def planted_grid(pixels: NDArray[np.uint8], period: int, amplitude: float) -> NDArray[np.uint8]:
    """Brighten every `period`-th row and column of the heads by so many grey levels."""
    side = pixels.shape[-1]
    lines = np.zeros((side, side), np.float32)
    lines[::period] += amplitude
    lines[:, ::period] += amplitude
    changed = np.where(pixels > 0, pixels + lines, 0)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def plant_grid() -> Callable[[NDArray[np.uint8], int, float], NDArray[np.uint8]]:
    """Return `planted_grid`."""
    return planted_grid
