"""Slices of a few pseudo-subjects, for the tests of the metrics.

They are kept as pictures, for making them takes a minute. `test_phantoms.py` checks that the
pipeline still makes them so; `python -m tests.unit.phantoms` makes them anew.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.data.phantom import make_phantom
from synaxial.data.slices.resize import resample
from synaxial.data.slices.slice import axial_slice
from synaxial.data.slices.window import conversion_of, find_window
from synaxial.io.images import ImageSet

KEPT = Path(__file__).with_name("phantoms.png")
KEPT_TUMOURS = Path(__file__).with_name("phantoms_tumours.png")

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


def read_phantoms() -> Phantoms:
    """Read the kept slices: six subjects, every fourth slice of the paper's."""
    pixels, tumours = (
        np.asarray(Image.open(path)).reshape(-1, 256, 256) for path in (KEPT, KEPT_TUMOURS)
    )
    groups = np.repeat(np.arange(SUBJECTS, dtype=np.int64), len(SLICES))
    return Phantoms(ImageSet(pixels, groups), tumours)


def make_phantom_slices(
    number: int, levels: range = SLICES, size: int = 256
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Make a subject's slices and their tumours, as the pipeline makes images."""
    phantom = make_phantom(0, number)
    low, high = find_window(phantom.image, (0.5, 99.5), f"phantom {number}")
    convert = conversion_of(phantom.image, low, high)
    images = [resample(convert(axial_slice(phantom.image, at)), size, "bicubic") for at in levels]
    labels = [resample(axial_slice(phantom.segmentation, at), size, "nearest") for at in levels]
    return np.stack(images), np.stack(labels) > 0


def main() -> None:
    """Make all subjects' slices, and keep them."""
    images, tumours = zip(*(make_phantom_slices(n) for n in range(SUBJECTS)), strict=True)
    for path, pages in ((KEPT, images), (KEPT_TUMOURS, tumours)):
        Image.fromarray(np.concatenate(pages).reshape(-1, 256)).save(path, optimize=True)


if __name__ == "__main__":
    main()
