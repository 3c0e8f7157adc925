"""Intensity and anatomy: grey levels, size, position and symmetry of the brain, and lesions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.stats import wasserstein_distance

from synaxial.compute.parallel import for_each
from synaxial.evaluation.metrics.brain_masks import brain_mask, hyperintense_mask, symmetry
from synaxial.evaluation.metrics.common import Numbers, Rows, Weights, shares

NAME = "anatomy"
TITLE = "anatomy"
EXPLANATION = (
    "What a reader of the images would check first: the grey levels of the brain, its area and "
    "position, whether the background is exactly black and nothing lies away from the brain, how "
    "symmetric the brain is, and how much of it is as bright as a tumour on FLAIR, and where. The "
    "distribution of each quantity over the images is compared with that of real images by the "
    "Wasserstein distance, in the unit of the quantity. The bright parts are found by a threshold "
    "on the median and spread of the brain, which a bright artefact passes too: on two real "
    "volumes the mean Dice coefficient with the segmentation by experts is 0.86 and 0.88, and "
    "below 0.7 in one slice of ten. A distance says how far a quantity is off on average, not "
    "whether an image is anatomically possible. A value near the distance of two disjoint sets of "
    "real subjects is good."
)
SOURCE = (
    "Wasserstein-1 distances of distributions (Villani 2003; SciPy's wasserstein_distance); the "
    "quantities are defined in synaxial.evaluation.metrics.anatomy and .brain_masks"
)

#: Numbers of each image, and what they are.
QUANTITIES = {
    "area": "the brain, % of the image",
    "background": "pixels that are exactly 0, % of the image",
    "row": "the centroid of the brain from the top, % of the side of the image",
    "column": "the centroid of the brain from the left, % of the side of the image",
    "stray": "100 if a pixel that is not 0 lies away from the brain, else 0",
    "symmetry": "of the brain, left to right, %",
    "hyperintense": "tumour-like part, % of the brain",
}

#: Numbers of each image that has a tumour-like part.
POSITIONS = {
    "hyperintense_row": "its centroid below that of the brain, % of the side of the image",
    "hyperintense_column": "its centroid to the right of that of the brain, % of the side",
    "hyperintense_right": "its part in the right half of the picture, %",
}

#: What is farther than this share of the side from the brain is away from it. Nothing is in 720
#: slices of 15 patients of BraTS 2018; at half of this distance, something is in 1.7 %.
AWAY = 1 / 16

#: The distance of the positions, in %, where one set has no tumour-like part at all.
FARTHEST = 100.0


def measure(pixels: NDArray[np.uint8]) -> Rows:
    """Return `QUANTITIES` and `POSITIONS` of each image uint8 (N, S, S), in %, float64 (N,) each.

    Positions are 0 without a tumour-like part. `histogram`, int32 (N, 256), is the number of pixels
    of the brain at each grey level.
    """
    names = [*QUANTITIES, *POSITIONS]
    table = np.empty((len(pixels), len(names)))
    histogram = np.empty((len(pixels), 256), np.int32)

    def measure_image(at: int) -> None:
        brain = brain_mask(pixels[at])
        histogram[at] = np.bincount(pixels[at][brain], minlength=256)
        table[at] = _numbers_of(pixels[at], brain)

    for_each(measure_image, range(len(pixels)))
    return {"histogram": histogram, **dict(zip(names, table.T.copy(), strict=True))}


def _numbers_of(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> list[float]:
    """Return the numbers of one image, in the order of `QUANTITIES` and `POSITIONS`."""
    side = image.shape[0]
    bright = hyperintense_mask(image, brain)
    row, column = _centroid(brain)
    bright_row, bright_column = _centroid(bright)
    found = bool(bright.any())
    in_right_half = np.nonzero(bright)[1] > column
    return [
        100 * brain.mean(),
        100 * float((image == 0).mean()),
        100 * row / side,
        100 * column / side,
        100.0 * _has_stray_pixels(image, brain),
        100 * symmetry(image, brain),
        100 * bright.sum() / max(int(brain.sum()), 1),
        100 * (bright_row - row) / side if found else 0.0,
        100 * (bright_column - column) / side if found else 0.0,
        100 * float(in_right_half.mean()) if found else 0.0,
    ]


def _has_stray_pixels(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> bool:
    """Return whether pixels that are not 0 lie away from the brain, along rows or columns.

    Without a brain, all do.
    """
    near = maximum_filter(brain, 2 * round(AWAY * image.shape[0]) + 1)
    return bool(image[~near].any())


def _centroid(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the mean row and column of a mask; the middle of the image for an empty mask."""
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return (mask.shape[0] - 1) / 2, (mask.shape[1] - 1) / 2
    return float(rows.mean()), float(columns.mean())


def compare(generated: Rows, reference: Rows, p: Weights = None, q: Weights = None) -> Numbers:
    """Return the Wasserstein-1 distance of the distributions of each quantity.

    `anatomy_histogram` is that of the pixels of the brains, in grey levels. Positions are compared
    over the images with a tumour-like part. Their distance is `FARTHEST` if one set has no such
    image, and 0 if both have none.
    """
    both = (generated, reference)
    weights = shares(p, len(generated["area"])), shares(q, len(reference["area"]))
    bright = [share * (rows["hyperintense"] > 0) for rows, share in zip(both, weights, strict=True)]
    distances = {
        f"{NAME}_{name}": _distance(generated[name], reference[name], *counted)
        for names, counted in ((QUANTITIES, weights), (POSITIONS, bright))
        for name in names
    }
    levels = np.arange(256)
    counts = [share @ rows["histogram"] for rows, share in zip(both, weights, strict=True)]
    # An image without a brain counts as a black brain of the mean size of the others.
    for rows, share, count in zip(both, weights, counts, strict=True):
        without = share @ (rows["area"] == 0)
        count[0] += without * (count.sum() / (1 - without) if without < 1 else 1)
    distances[f"{NAME}_histogram"] = _distance(levels, levels, *counts)
    return distances


def _distance(
    first: NDArray[Any],
    second: NDArray[Any],
    first_weights: NDArray[np.float64],
    second_weights: NDArray[np.float64],
) -> float:
    """Return the distance of weighted values; all weights of one or both sets may be 0."""
    if first_weights.any() and second_weights.any():
        return float(wasserstein_distance(first, second, first_weights, second_weights))
    return FARTHEST if first_weights.any() or second_weights.any() else 0.0
