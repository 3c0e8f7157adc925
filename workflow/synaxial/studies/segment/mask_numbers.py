"""Numbers of masks: how well two match, and whether a mask lies on its image's tumour."""

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

#: The quantile that each number of the areas is; None is the mean.
AREAS = {"area": None, "area_lower": 0.25, "area_median": 0.5, "area_upper": 0.75}


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
    of_images = measure(slices)
    return {name: _with_interval(name, of_images, slices.groups) for name in NUMBERS}


def _with_interval(
    name: str, of_images: dict[str, NDArray[np.float64]], groups: NDArray[np.int64]
) -> dict[str, float] | None:
    kept = np.ones(len(groups), np.bool_)
    if name != "empty":
        kept = of_images["pixels"] > 0
    if name in ("contrast", "bright"):
        kept &= np.isfinite(of_images[name])
    if len(np.unique(groups[kept])) < 2:
        return None
    chosen = {key: values[kept] for key, values in of_images.items()}

    def statistic(at: NDArray[np.int64]) -> float:
        return _statistic(name, {key: values[at] for key, values in chosen.items()})

    interval = grouped_interval(statistic, groups[kept])
    value = statistic(np.arange(int(kept.sum())))
    # An area ends at 100 % of the image; all other numbers end at 1.
    most = 100.0 if name in AREAS else 1.0
    return {"value": value, "low": max(interval.low, 0.0), "high": min(interval.high, most)}


def _statistic(name: str, of_images: dict[str, NDArray[np.float64]]) -> float:
    if name == "empty":
        return float((of_images["pixels"] == 0).mean())
    if name == "outside":
        return float(of_images["outside"].sum() / of_images["pixels"].sum())
    if name in AREAS:
        share = AREAS[name]
        areas = of_images["area"]
        return float(areas.mean() if share is None else np.quantile(areas, share))
    return float(of_images[name].mean())
