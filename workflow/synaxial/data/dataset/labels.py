"""Labels: what a slice shows, as four numbers.

They are the level in mm above the lowest slice, 1 with a tumour and 0 without, the side of the
tumour from -1 (all on the patient's right) to 1 (all on the left), and its size in mm, the diameter
of the circle with the same area. Without a tumour, side and size are 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: The numbers of a label, in this order.
LEVEL, TUMOUR, SIDE, SIZE = range(4)
LABEL = 4

#: Beyond this a tumour is on one side: more than three quarters of it.
ONE_SIDE = 0.5


def labels_of(rows: Sequence[Mapping[str, str]]) -> Array:
    """Return the labels of the rows of an index.csv, float32 (N, `LABEL`).

    A slice without a tumour voxel, or without a segmentation, has no tumour.
    """
    labels = np.zeros((len(rows), LABEL), np.float32)
    for label, row in zip(labels, rows, strict=True):
        label[LEVEL] = float(row["level"])
        if area := float(row["tumour_area"] or 0):
            side = 2 * float(row["tumour_left"]) - 1
            label[TUMOUR:] = 1, side, diameter_of(area)
    return labels


def diameter_of(area: float) -> float:
    """Return the diameter in mm of the circle with an area in mm2."""
    return float(2 * np.sqrt(area / np.pi))


def mirrored(labels: Array) -> Array:
    """Return the labels of mirror images: the side is the other one."""
    signs = np.ones(LABEL, np.float32)
    signs[SIDE] = -1
    return labels * signs


def side_of(number: float) -> str:
    """Return the side of the patient that the number of a label means."""
    if abs(number) <= ONE_SIDE:
        return "middle"
    return "left" if number > 0 else "right"


def described(label: Array, names: Sequence[str]) -> dict[str, Any]:
    """Return what is asked by a label as the description of a page has it.

    `names` are the conditions of the generator: of the other numbers it knows nothing.
    """
    asked: dict[str, Any] = {}
    if "level" in names:
        asked["level"] = round(float(label[LEVEL]), 2)
    if "tumour" in names:
        asked["tumour"] = bool(label[TUMOUR])
        if asked["tumour"]:
            asked |= {"side": side_of(label[SIDE]), "size": round(float(label[SIZE]), 1)}
    return {"asked": asked}


def label_in(description: Mapping[str, Any]) -> Array | None:
    """Return the label in a description; its side is exactly -1, 0 or 1. None if it has none.

    A number that was not asked for is NaN.
    """
    asked = description.get("asked")
    if asked is None:
        return None
    label = np.full(LABEL, np.nan, np.float32)
    label[LEVEL] = asked.get("level", np.nan)
    if "tumour" in asked:
        side = {"left": 1.0, "right": -1.0}.get(asked.get("side"), 0.0)
        label[TUMOUR:] = asked["tumour"], side, asked.get("size", 0)
    return label
