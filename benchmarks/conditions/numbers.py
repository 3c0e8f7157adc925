"""The numbers: images that were asked for, beside real slices of people whom no network has seen.

Two measures find tumours: their brightness, and a U-Net that was trained on half of the held-out
people. Both are judged on the real slices of the other half too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.devices import prepare_alone
from synaxial.config.model import Segment
from synaxial.data.dataset.labels import ONE_SIDE, SIDE, SIZE, TUMOUR, diameter_of
from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.conditions import Labels, numbers_of, read_asked, share
from synaxial.evaluation.conditions import read_real as read_unseen
from synaxial.evaluation.controls import half_of
from synaxial.evaluation.features.judge import Network
from synaxial.evaluation.metrics.brain_masks import brain_mask
from synaxial.io.pages import markdown_of
from synaxial.studies.segment.slices import Slices, read_real, reduced
from synaxial.studies.segment.slices import read_generated as read_generated_slices
from synaxial.studies.segment.unet import UNet, segment, train

#: A mask of fewer pixels, of 256 x 256, is no tumour. Fixed before anything was measured.
FEWEST = 25

#: The U-Net that finds tumours: that of the segmentation study, on images of half the width.
FINDER = Segment(reduction=2)

#: The meaning of each number, in the order of the table.
MEANINGS = {
    "with_tumour": "asked with a tumour: share with a bright part",
    "without_tumour": "asked without: share with a bright part",
    "found_with_tumour": "asked with a tumour: share in which the U-Net finds one",
    "found_without_tumour": "asked without: share in which the U-Net finds one",
    "side": "asked for one side: share of the bright parts on that side",
    "found_side": "asked for one side: share of the U-Net's masks on that side",
    "mask_without_tumour": "asked without: share whose own mask shows a tumour",
    "tumour_auc": "AUC of the judge, asked with against asked without",
    "level_error": "mean difference between the level asked for and the judge's estimate, mm",
    "size_error": "mean difference between the size asked for and that of the own mask, mm",
    "too_near": "share too near to a training image",
}

#: The numbers that are not shares.
PLAIN = ("tumour_auc", "level_error", "size_error")


@dataclass(frozen=True)
class Asked:
    """Images uint8 (N, S, S), their labels float32 (N, LABEL), and their masks bool (N, S, S)."""

    pixels: NDArray[np.uint8]
    labels: Labels
    masks: NDArray[np.bool_]


def read_generated(paths: Sequence[Path]) -> Asked:
    """Return the images of some stacks, what was asked of each, and the masks that they have."""
    pixels, labels = read_asked(paths)
    masks = read_generated_slices(list(paths), pixels.shape[1]).masks
    return Asked(pixels, labels, masks)


def read_held_out(folder: Path) -> Asked:
    """Return the half of the held-out slices that no network has seen, the U-Net included."""
    pixels, labels = read_unseen(folder)
    images, _ = read_dataset(folder)
    return Asked(pixels, labels, read_real(folder).masks[half_of(images, 1)])


def train_finder(folder: Path, threads: int) -> UNet:
    """Train the U-Net on the other half of the held-out slices."""
    images, _ = read_dataset(folder)
    slices, half = read_real(folder), half_of(images, 0)
    own = Slices(slices.images[half], slices.masks[half], slices.groups[half], slices.names)
    device, _ = prepare_alone("cpu", threads)
    return train([reduced(own, FINDER.reduction)], FINDER, 1, device)


def find(finder: UNet, asked: Asked, threads: int) -> NDArray[np.bool_]:
    """Return the masks that the U-Net finds, bool (N, S, S)."""
    device, _ = prepare_alone("cpu", threads)
    slices = Slices(asked.pixels, asked.masks, np.arange(len(asked.pixels)), [])
    times = FINDER.reduction
    found = segment(finder, reduced(slices, times).images, device)
    return found.repeat(times, axis=1).repeat(times, axis=2)


def measure(asked: Asked, found: NDArray[np.bool_], network: Network | None) -> dict[str, Any]:
    """Return the numbers of images and of the masks that the U-Net finds in them.

    They are those of `MEANINGS`. A number that cannot be known is None.
    """
    tumour = asked.labels[:, TUMOUR] > 0
    one_side = tumour & (np.abs(asked.labels[:, SIDE]) > ONE_SIDE)
    shown = found.sum(axis=(1, 2)) >= FEWEST
    on_left = np.array([is_on_left(*each) for each in zip(asked.pixels, found, strict=True)])
    on_side = on_left == (asked.labels[:, SIDE] > 0)
    own = asked.masks.sum(axis=(1, 2)) >= FEWEST
    return {
        **numbers_of(asked.pixels, asked.labels, network),
        "found_with_tumour": share(shown[tumour]),
        "found_without_tumour": share(shown[~tumour]),
        "found_side": share(on_side[one_side & shown]),
        "mask_without_tumour": share(own[~tumour]),
    }


def size_errors(generated: Asked, real: Asked) -> dict[str, float]:
    """Return the mean difference between the sizes in labels and those of masks, in mm.

    It is that of images with a tumour in both. The size of a pixel is that which fits real slices
    best.
    """
    sizes = {}
    for kind, asked in (("generated", generated), ("real", real)):
        areas = asked.masks.sum(axis=(1, 2))
        shown = (asked.labels[:, TUMOUR] > 0) & (areas > 0)
        diameters = np.array([diameter_of(area) for area in areas[shown]])
        sizes[kind] = diameters, asked.labels[shown, SIZE]
    pixel = np.median(sizes["real"][1] / sizes["real"][0])
    return {
        kind: float(np.abs(diameters * pixel - labels).mean())
        for kind, (diameters, labels) in sizes.items()
    }


def is_on_left(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> bool:
    """Tell whether most of a mask is on the patient's left, the right half of the picture."""
    columns = np.nonzero(brain_mask(image))[1]
    middle = columns.mean() if len(columns) else image.shape[1] / 2
    return bool((np.nonzero(mask)[1] > middle).mean() > 0.5) if mask.any() else False


def table_of_conditions(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table in Markdown: the numbers of generated images beside those of real slices."""
    rows = [["number", "generated", "real"]]
    for name, meaning in MEANINGS.items():
        rows.append([meaning, *(_cell(name, numbers[kind][name]) for kind in rows[0][1:])])
    return markdown_of(rows)


def table_of_neighbours(numbers: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return the table in Markdown: how alike slices of one head are, beside real heads."""
    rows = [["slices", "generated", "real"]]
    for name in numbers["generated"]:
        apart = name.removesuffix("_mm")
        meaning = "two heads, one level" if name == "other_heads" else f"{apart} mm apart"
        found = (numbers[kind][name] for kind in rows[0][1:])
        rows.append([meaning, *("none" if value is None else f"{value:.3f}" for value in found)])
    return markdown_of(rows)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.3g}" if name in PLAIN else f"{100 * value:.1f} %"
