"""Real images, and the best and the worst of the generated ones."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import cdist

from synaxial.io.images import evenly_spaced
from synaxial.io.sheets import make_sheet

#: Images in a row.
SHOWN = 8

#: Of a real image's neighbours, the one whose distance is the size of its surroundings.
NEIGHBOURS = 5


def realism(
    generated: NDArray[np.floating], reference: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return how realistic each generated image is.

    The largest, over real images, of the ratio of the real image's distance to its k-th nearest
    real neighbour and its distance to the generated one: above 1, the generated image lies in
    the surroundings of a real one. Only the half of the real images with the smaller surroundings
    is used, for outliers' are too large to say anything. Source: Kynkäänniemi et al., NeurIPS
    2019, arXiv 1904.06991, section 4 (realism score).

    Parameters
    ----------
    generated, reference
        Features (N, D) and (M, D), M above `NEIGHBOURS`.

    Returns
    -------
    float64 (N,)
    """
    among = np.sort(cdist(reference, reference), axis=1)[:, NEIGHBOURS]
    kept = among <= np.median(among)
    distances = np.maximum(cdist(generated, reference[kept]), np.finfo(float).tiny)
    score: NDArray[np.float64] = (among[kept] / distances).max(axis=1)
    return score


def draw_cases(
    real: NDArray[np.uint8], generated: NDArray[np.uint8], scores: NDArray[np.float64]
) -> Image.Image:
    """Draw a row of real images, one of the most and one of the least realistic generated ones.

    Parameters
    ----------
    real, generated
        uint8 (M, S, S) and (N, S, S).
    scores
        float64 (N,), of `realism`.
    """
    order = np.argsort(-scores, kind="stable")
    shown = evenly_spaced(len(real), SHOWN)
    columns = min(len(shown), len(order))
    rows = [real[shown[:columns]], generated[order[:columns]], generated[order[::-1][:columns]]]
    return make_sheet(
        np.concatenate(rows), columns, row_labels=["real", "most\nrealistic", "least\nrealistic"]
    )
