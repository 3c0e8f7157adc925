"""Whether the generator still makes different images: pairs of them, and of real ones."""

import logging

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.diversity import QUICK_SIZE, collapse_score
from synaxial.io.images import as_grey, evenly_spaced

log = logging.getLogger(__name__)

#: So many images stand for all.
IMAGES = 16

#: The part of the way from the real images' similarity to 1, equal images, that is too far.
TOO_FAR = 0.5

#: The part of that way up to which images are varied.
VARIED = 0.25

#: After so many iterations images that never varied are a matter of concern: at a training's
#: beginning they all look alike, in that of the demo for 324 iterations.
BEGINNING = 500


def similarity_of(images: NDArray[np.uint8]) -> float:
    """Return the mean MS-SSIM of pairs of images, 1 for equal ones; see `metrics.diversity`.

    Parameters
    ----------
    images
        uint8 (N, S, S) or (N, S, S, channels), N at least 2. Of two channels the second is a mask,
        which does not count. Those of less than `QUICK_SIZE` pixels a side are enlarged by whole
        pixels.
    """
    one_of_grey = images.ndim == 4 and images.shape[-1] < 3
    grey = as_grey(images[..., 0] if one_of_grey else images)
    factor = -(-QUICK_SIZE // grey.shape[1])
    return collapse_score(grey.repeat(factor, axis=1).repeat(factor, axis=2))


def similarity_of_some(images: NDArray[np.uint8]) -> float:
    """Return the similarity of images that are evenly chosen from a dataset, uint8 (N, S, S)."""
    if len(images) < 2:
        return 1.0
    return similarity_of(np.asarray(images[evenly_spaced(len(images), IMAGES)]))


def part_of_the_way(row: dict[str, float]) -> float:
    """Return where the generated images are between the real ones, 0, and equal ones, 1."""
    real = row["similarity_real"]
    return (row["similarity_generated"] - real) / max(1 - real, 1e-9)


def has_collapsed(rows: list[dict[str, float]]) -> bool:
    """Tell whether in the last epoch images that had been varied became too similar.

    Parameters
    ----------
    rows
        Of the training's log, with `similarity_generated` and `similarity_real`.
    """
    parts = [part_of_the_way(row) for row in rows]
    alike = parts[-1] > TOO_FAR and min(parts) <= VARIED
    return alike and parts[-2] <= TOO_FAR


def has_never_varied(rows: list[dict[str, float]]) -> bool:
    """Tell whether images are still too similar that never were varied; true of one epoch only.

    Parameters
    ----------
    rows
        Of the training's log, with `iteration` and the similarities.
    """
    parts = [part_of_the_way(row) for row in rows]
    told = any(
        row["iteration"] >= BEGINNING and part > TOO_FAR
        for row, part in zip(rows[:-1], parts, strict=False)
    )
    late = rows[-1]["iteration"] >= BEGINNING
    return late and parts[-1] > TOO_FAR and min(parts) > VARIED and not told


def warn_of_collapse(rows: list[dict[str, float]]) -> None:
    """Say so in the log if the last epoch's images are too similar."""
    row = rows[-1]
    if has_collapsed(rows):
        what = "resemble each other", "the generator may have collapsed to few images"
    elif has_never_varied(rows):
        what = "still resemble each other", "the generator has never varied as real images do"
    else:
        return
    log.warning(
        "epoch %d: the generated images %s (MS-SSIM of pairs %.2f, of real images %.2f); %s: "
        "look at the previews",
        row["epoch"],
        what[0],
        row["similarity_generated"],
        row["similarity_real"],
        what[1],
    )
