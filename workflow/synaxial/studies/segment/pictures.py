"""Pictures of slices with outlines of masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.images import edges
from synaxial.io.sheets import make_sheet
from synaxial.studies.segment.slices import Slices

#: Slices side by side at most, and pixels that each is wide at least.
SHOWN, WIDTH = 8, 192

#: Of the outlines: of the first mask, and of the second.
FIRST, SECOND = (45, 212, 191), (251, 113, 133)


def fullest_slices(slices: Slices) -> NDArray[np.int64]:
    """Return, of the first `SHOWN` people with a tumour, the slice where it is largest."""
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
    """Draw images above, and below the same with the outlines of two masks each.

    Parameters
    ----------
    images
        uint8 (N, S, S), at least one.
    first, second
        bool (N, S, S).
    labels
        Above each image.
    title
        Above all.
    """
    times = max(1, -(-WIDTH // images.shape[1]))
    plain = _enlarged(images, times)
    drawn = np.repeat(plain[..., None], 3, axis=3)
    for masks, colour in ((first, FIRST), (second, SECOND)):
        drawn[edges(_enlarged(masks, times), width=2)] = colour
    above = np.repeat(plain[..., None], 3, axis=3)
    pages = np.concatenate([above, drawn])
    return make_sheet(pages, len(images), column_labels=labels, title=title)


def _enlarged(images: NDArray[Any], times: int) -> NDArray[Any]:
    return images.repeat(times, axis=1).repeat(times, axis=2)
