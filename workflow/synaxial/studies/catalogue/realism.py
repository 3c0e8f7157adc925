"""The realism score of single images."""

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.features.rows import Features, checked
from synaxial.evaluation.metrics.neighbours import NEIGHBOURS, distances

#: An image on top of a real one would have an endless score.
HIGHEST = 1000.0


def realism(
    generated: Features, reference: Features, groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how realistic each image is, (N,): 1 or more is within the manifold of real ones.

    The largest, over the reference's images, of the radius of an image's ball over the distance
    to it. A ball reaches to the fifth nearest image of another subject, as in `precision`. The half
    of the balls that are larger than the median are left out, for around outliers everything would
    seem real. Kynkäänniemi et al., NeurIPS 2019, arXiv 1904.06991, section 5, with k = 5 for 3 and
    neighbours of other subjects, because slices of one are so much alike.

    Parameters
    ----------
    generated, reference
        (N, D) and (M, D): features of frozen networks.
    groups
        (M,): the subject of each image of the reference.

    Raises
    ------
    ValueError
        The features are different ones, or fewer than five images are of other subjects.
    """
    real, made = checked(reference, generated, least=1)
    between = distances(real, real)
    between[groups[:, None] == groups] = np.inf
    if len(real) <= NEIGHBOURS:
        raise ValueError(f"{len(real)} reference images, expected {NEIGHBOURS + 1} or more")
    radii = np.partition(between, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    if not np.isfinite(radii).all():
        raise ValueError(f"a reference with fewer than {NEIGHBOURS} images of other subjects")
    kept = radii <= np.median(radii)
    apart = np.maximum(distances(real[kept], made), np.finfo(np.float64).tiny)
    scores: NDArray[np.float64] = np.minimum((radii[kept, None] / apart).max(axis=0), HIGHEST)
    return scores
