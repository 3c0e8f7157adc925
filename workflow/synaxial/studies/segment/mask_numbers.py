"""Numbers of masks: how well two masks match, and whether a mask lies on the tumour."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from synaxial.evaluation.metrics.brain_masks import brain_mask, hyperintense_mask
from synaxial.studies.segment.intervals import grouped_interval
from synaxial.studies.segment.slices import Slices

#: The numbers of a set of masks. All but the first are of images whose mask is not empty.
NUMBERS = {
    "empty": "share of images with an empty mask",
    "outside": "share of mask pixels outside the brain",
    "contrast": "AUC of the grey level, inside against outside the mask, within the brain",
    "bright": "Dice coefficient of the mask with the pixels as bright as a tumour",
    "area": "mean area of the mask, % of the image",
    "area_lower": "lower quartile of the area",
    "area_median": "median of the area",
    "area_upper": "upper quartile of the area",
}

#: A number of the images with these indices.
Statistic = Callable[[NDArray[np.int64]], float]


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return 2 |A and B| / (|A| + |B|) (Dice, Ecology 26, 1945); NaN if both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def dice_of_people(found: NDArray[np.bool_], truth: Slices) -> dict[str, float]:
    """Return each person's Dice coefficient, over all pixels of all slices of the person.

    `found`, bool (N, S, S), are masks of the images of `truth`. People without a tumour in any
    slice are left out: one wrong pixel would make their Dice 0.
    """
    result = {}
    for group in np.unique(truth.groups):
        own = truth.groups == group
        if truth.masks[own].any():
            result[truth.names[group]] = dice(found[own], truth.masks[own])
    return result


def pixels_of(slices: Slices, person: str) -> int:
    """Return how many pixels the masks of a person's slices have."""
    return int(slices.masks[slices.groups == slices.names.index(person)].sum())


def bright_masks(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the pixels of each image that a threshold finds as bright as a tumour."""
    return np.stack([hyperintense_mask(image, brain_mask(image)) for image in images])


def contrast(image: NDArray[np.uint8], mask: NDArray[np.bool_], brain: NDArray[np.bool_]) -> float:
    """Return the probability that a pixel inside the mask is brighter than one outside it.

    Only pixels of the brain count, and a tie counts one half: this is the area under the ROC curve
    (Hanley and McNeil, Radiology 143, 1982). NaN if no pixel is inside, or none outside. All arrays
    are (S, S).
    """
    values, inside = image[brain], mask[brain]
    positive = int(inside.sum())
    negative = len(values) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    ranks = rankdata(values)[inside].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def measure(slices: Slices) -> dict[str, NDArray[np.float64]]:
    """Return numbers of each image, float64 (N,), NaN where an image has none.

    They are `pixels` of the mask, those of them `outside` the brain, the mask's `area` in % of the
    image, `contrast`, and `bright`: the Dice coefficient with `hyperintense_mask`.
    """
    rows = []
    for image, mask in zip(slices.images, slices.masks, strict=True):
        brain = brain_mask(image)
        pixels = int(mask.sum())
        bright = dice(mask, hyperintense_mask(image, brain)) if pixels else float("nan")
        rows.append(
            [
                pixels,
                int((mask & ~brain).sum()),
                100 * pixels / mask.size,
                contrast(image, mask, brain),
                bright,
            ]
        )
    names = ("pixels", "outside", "area", "contrast", "bright")
    return dict(zip(names, np.array(rows, np.float64).T, strict=True))


def summarise(slices: Slices) -> dict[str, dict[str, float] | None]:
    """Return each of `NUMBERS` with its interval; None where fewer than two groups have it."""
    found = measure(slices)
    pixels, areas, contrasts = found["pixels"], found["area"], found["contrast"]
    every, filled = np.ones(len(slices), np.bool_), pixels > 0

    def mean_of(values: NDArray[Any]) -> Statistic:
        return lambda at: float(values[at].mean())

    def quantile_of_areas(share: float) -> Statistic:
        return lambda at: float(np.quantile(areas[at], share))

    def outside(at: NDArray[np.int64]) -> float:
        return float(found["outside"][at].sum() / pixels[at].sum())

    # Each with the images that have it, and the largest value there can be.
    numbers = {
        "empty": (mean_of(pixels == 0), every, 1.0),
        "outside": (outside, filled, 1.0),
        "contrast": (mean_of(contrasts), filled & np.isfinite(contrasts), 1.0),
        "bright": (mean_of(found["bright"]), filled, 1.0),
        "area": (mean_of(areas), filled, 100.0),
        "area_lower": (quantile_of_areas(0.25), filled, 100.0),
        "area_median": (quantile_of_areas(0.5), filled, 100.0),
        "area_upper": (quantile_of_areas(0.75), filled, 100.0),
    }
    return {name: _with_interval(*numbers[name], slices.groups) for name in NUMBERS}


def _with_interval(
    statistic: Statistic, kept: NDArray[np.bool_], most: float, groups: NDArray[np.int64]
) -> dict[str, float] | None:
    if len(np.unique(groups[kept])) < 2:
        return None
    images = np.flatnonzero(kept)
    interval = grouped_interval(lambda at: statistic(images[at]), groups[kept])
    low, high = max(interval.low, 0.0), min(interval.high, most)
    return {"value": statistic(images), "low": low, "high": high}
