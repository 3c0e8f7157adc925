"""Pictures of slices with the outlines of masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.images import edges
from synaxial.io.sheets import make_sheet
from synaxial.studies.segment.slices import Slices

#: The largest number of slices of a picture, and the smallest width of each in pixels.
SHOWN, WIDTH = 8, 192

#: The colours of the outlines of the first and of the second mask.
FIRST, SECOND = (45, 212, 191), (251, 113, 133)


def fullest_slices(slices: Slices) -> NDArray[np.int64]:
    """Return the slice with the largest tumour of each of the first `SHOWN` people with one."""
    areas = slices.masks.sum(axis=(1, 2))
    best = []
    for group in np.unique(slices.groups):
        own = np.flatnonzero(slices.groups == group)
        if areas[own].any():
            best.append(own[areas[own].argmax()])
    return np.array(best[:SHOWN], np.int64)


def draw_outlines(
    images: NDArray[np.uint8],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    labels: list[str],
    title: str,
) -> Image.Image:
    """Draw a row of images, and below it the same images with the outlines of two masks each.

    Images are uint8 and masks bool, (N, S, S), at least one.
    """
    times = max(1, -(-WIDTH // images.shape[1]))
    plain = np.repeat(_enlarged(images, times)[..., None], 3, axis=3)
    outlined = plain.copy()
    for masks, colour in ((first, FIRST), (second, SECOND)):
        outlined[edges(_enlarged(masks, times), width=2)] = colour
    pages = np.concatenate([plain, outlined])
    return make_sheet(pages, len(images), column_labels=labels, title=title)


def _enlarged(images: NDArray[Any], times: int) -> NDArray[Any]:
    return images.repeat(times, axis=1).repeat(times, axis=2)
