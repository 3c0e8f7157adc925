"""Whether the generator still makes different images: pairs of them, and of real ones."""

import logging

import numpy as np
from numpy.typing import NDArray

from synaxial.metrics.diversity import QUICK_SIZE, collapse_score
from synaxial.metrics.images import as_grey

log = logging.getLogger(__name__)

#: So many images stand for all.
IMAGES = 16

#: The part of the way from the real images' similarity to 1, equal images, that is too far.
TOO_FAR = 0.5


def similarity_of(images: NDArray[np.uint8]) -> float:
    """Return the mean MS-SSIM of pairs of images, 1 for equal ones; see `metrics.diversity`.

    Parameters
    ----------
    images
        uint8 (N, S, S) or (N, S, S, channels), N at least 2. Those of less than `QUICK_SIZE`
        pixels a side are enlarged by whole pixels.
    """
    grey = as_grey(images if images.shape[-1] != 1 else images[..., 0])
    factor = -(-QUICK_SIZE // grey.shape[1])
    return collapse_score(grey.repeat(factor, axis=1).repeat(factor, axis=2))


def similarity_of_some(images: NDArray[np.uint8]) -> float:
    """Return the similarity of images that are evenly chosen from a dataset, uint8 (N, S, S)."""
    if len(images) < 2:
        return 1.0
    chosen = np.linspace(0, len(images) - 1, min(IMAGES, len(images))).round().astype(int)
    return similarity_of(np.asarray(images[chosen]))


def has_collapsed(rows: list[dict[str, float]]) -> bool:
    """Tell whether in the last epoch the generated images became too similar.

    Only after they had been different enough: at a training's beginning they all look alike.

    Parameters
    ----------
    rows
        Of the training's log, with `similarity_generated` and `similarity_real`.
    """
    alike = [
        row["similarity_generated"]
        > row["similarity_real"] + TOO_FAR * (1 - row["similarity_real"])
        for row in rows
    ]
    return alike[-1] and not all(alike) and not alike[-2]


def warn_of_collapse(rows: list[dict[str, float]]) -> None:
    """Say so in the log if the last epoch's images are too similar."""
    if has_collapsed(rows):
        row = rows[-1]
        log.warning(
            "epoch %d: the generated images resemble each other (MS-SSIM of pairs %.2f, of real "
            "images %.2f); the generator may have collapsed to few images: look at the previews",
            row["epoch"],
            row["similarity_generated"],
            row["similarity_real"],
        )
