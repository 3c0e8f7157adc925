"""A picture of the images that are nearest to a training image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.evaluation.measurement_files import Measurements
from synaxial.evaluation.metrics import memorisation
from synaxial.io.sheets import make_sheet

#: So many pairs are shown, an image above and its nearest training image below.
PAIRS = 8


def draw_nearest(
    images: NDArray[np.uint8],
    training: NDArray[np.uint8],
    measurements: Measurements,
    threshold: float,
) -> Image.Image:
    """Draw the pairs, the nearest at the left, with their correlations.

    Parameters
    ----------
    images
        uint8 (N, S, S): the set that was measured.
    training
        uint8 (M, S, S).
    measurements
        Of the set.
    threshold
        The correlation beyond which an image counts as too near.
    """
    pairs = memorisation.closest_pairs(measurements[memorisation.NAME], PAIRS)
    above = [images[pair.image] for pair in pairs]
    below = [memorisation.laid_over(training, pair) for pair in pairs]
    return make_sheet(
        np.stack([*above, *below]),
        len(pairs),
        row_labels=["image", "nearest in\ntraining"],
        column_labels=[f"{pair.correlation:.3f}" for pair in pairs],
        title=f"Correlation of each image with the training image nearest to it; beyond "
        f"{threshold:.3f}, the 99th percentile of the reference, it counts as too near.",
    )
