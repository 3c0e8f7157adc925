"""The slices of a few pseudo-subjects, that metrics are tried on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.parallel import for_each, use_threads
from synaxial.data.phantom import make_phantom
from synaxial.data.slices.resize import resample
from synaxial.data.slices.slice import axial_slice
from synaxial.data.slices.window import conversion_of, find_window
from synaxial.io.images import ImageSet

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


def make_phantoms() -> Phantoms:
    """Make six subjects, every fourth slice of the paper's, as the pipeline makes images."""
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
