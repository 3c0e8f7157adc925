"""Whether masks lie where their images say."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from synaxial.evaluation.metrics.brain_masks import brain_mask, hyperintense_mask
from synaxial.studies.segment.dice import dice
from synaxial.studies.segment.intervals import grouped_interval
from synaxial.studies.segment.slices import Slices

#: The numbers, with what they are; the last ones of images whose mask is not empty.
NUMBERS = {
    "empty": "share of images whose mask is empty",
    "outside": "share of the masks' pixels that lie outside the brain",
    "contrast": "AUC of the grey level, inside against outside the mask, within the brain",
    "bright": "Dice coefficient of the mask with what is bright as a tumour",
    "area": "mean area of the mask, % of the image",
    "area_lower": "lower quartile of the area",
    "area_median": "median of the area",
    "area_upper": "upper quartile of the area",
}

#: The quantile that each number of areas is; the mean for None.
AREAS = {"area": None, "area_lower": 0.25, "area_median": 0.5, "area_upper": 0.75}


def contrast(image: NDArray[np.uint8], mask: NDArray[np.bool_], brain: NDArray[np.bool_]) -> float:
    """Return the probability that a pixel inside the mask is brighter than one outside it.

    Both within the brain; equal ones count a half: the area under the ROC curve (Hanley and McNeil,
    Radiology 143, 1982). NaN if there are none inside or none outside.

    Parameters
    ----------
    image
        uint8 (S, S).
    mask, brain
        bool (S, S).
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

    Returns
    -------
    dict
        `pixels` of the mask, those of them `outside` the brain, the mask's `area` in % of the
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
    """Return each of `NUMBERS` with its interval, drawn by group; None if no image has it.

    Raises
    ------
    ValueError
        There are fewer than two groups to draw from.
    """
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
    # Where values end, the interval does: at 100 % of the image, and else at 1.
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
