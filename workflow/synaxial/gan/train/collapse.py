"""Mode collapse: whether generated images resemble each other more than real ones do.

The similarity of a set is the mean MS-SSIM of its pairs. A row of the log has the similarity of
generated images and that of real images. `collapse_of` puts the similarity of generated images on a
scale from 0 (as varied as real images) to 1 (all equal).
"""

import logging

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.diversity import QUICK_SIZE, collapse_score
from synaxial.gan.ops.enlargement import area_means
from synaxial.io.images import as_grey, evenly_spaced

log = logging.getLogger(__name__)

#: The number of real images that represent the data set.
IMAGES = 16

#: Images with a collapse above `COLLAPSED` resemble each other; up to `VARIED` they are varied.
COLLAPSED, VARIED = 0.5, 0.25

#: The iterations in which a lack of variety is normal: at the start of a training all images look
#: alike (for 324 iterations in the demo).
BEGINNING = 500


def similarity_of(images: NDArray[np.uint8]) -> float:
    """Return the mean MS-SSIM of pairs of images, 1 for equal ones; see `metrics.diversity`.

    Images are uint8 (N, S, S) or (N, S, S, channels), N at least 2. A second of two channels is a
    mask and is left out. Images below `QUICK_SIZE` pixels a side are enlarged by repeating pixels.
    """
    has_grey = images.ndim == 4 and images.shape[-1] < 3
    grey = as_grey(images[..., 0] if has_grey else images)
    factor = -(-QUICK_SIZE // grey.shape[1])
    return collapse_score(grey.repeat(factor, axis=1).repeat(factor, axis=2))


def similarity_of_some(images: NDArray[np.uint8], width: int) -> float:
    """Return the similarity of evenly spaced images of a data set, uint8 (N, S, S).

    They are first reduced to `width`, of which S is a multiple: fewer details make images alike.
    """
    if len(images) < 2:
        return 1.0
    some = np.asarray(images[evenly_spaced(len(images), IMAGES)])
    if some.shape[1] > width:
        some = np.rint(area_means(some[:, None], width)[:, 0]).astype(np.uint8)
    return similarity_of(some)


def collapse_of(row: dict[str, float]) -> float:
    """Return the collapse of generated images: 0 as varied as real ones, 1 all equal."""
    real = row["similarity_real"]
    return (row["similarity_generated"] - real) / max(1 - real, 1e-9)


def has_collapsed(rows: list[dict[str, float]]) -> bool:
    """Return whether images that were varied have collapsed in the last epoch of a log."""
    found = [collapse_of(row) for row in rows]
    return found[-1] > COLLAPSED and min(found) <= VARIED and found[-2] <= COLLAPSED


def has_never_varied(rows: list[dict[str, float]]) -> bool:
    """Return whether images that were never varied still resemble each other.

    It is true of one epoch of a log only, the first one after `BEGINNING`.
    """
    found = [collapse_of(row) for row in rows]
    late = [row["iteration"] >= BEGINNING for row in rows]
    alike = [after and value > COLLAPSED for after, value in zip(late, found, strict=True)]
    return alike[-1] and min(found) > VARIED and not any(alike[:-1])


def warn_of_collapse(rows: list[dict[str, float]]) -> None:
    """Log a warning if the images of the last epoch of a log resemble each other."""
    row = rows[-1]
    if has_collapsed(rows):
        what = "resemble each other", "the generator may have collapsed to a few images"
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
