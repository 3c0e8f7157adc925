"""A picture of a data set: some slices of its subjects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.images import evenly_spaced
from synaxial.io.sheets import make_sheet

#: The most subjects (rows) and slices (columns) in the picture.
MAXIMUM_ROWS = 40
MAXIMUM_COLUMNS = 8

#: The least width of an image in the picture, in pixels. Larger images are reduced by averaging
#: whole blocks of pixels.
SHOWN_SIZE = 128


def draw_overview(
    images: NDArray[np.uint8], index: Sequence[Mapping[str, Any]], skipped: int
) -> Image.Image:
    """Draw some subjects, one per row, with the numbers of their slices.

    Parameters
    ----------
    images
        uint8 (N, size, size).
    index
        The rows of index.csv, one for each image.
    skipped
        How many subjects were skipped.
    """
    numbers: dict[str, list[int]] = {}
    for number, row in enumerate(index):
        numbers.setdefault(row["subject"], []).append(number)
    subjects = list(numbers)
    shown = [subjects[at] for at in evenly_spaced(len(subjects), MAXIMUM_ROWS)]
    columns = min(MAXIMUM_COLUMNS, *map(len, numbers.values()))
    chosen = [
        [numbers[name][at] for at in evenly_spaced(len(numbers[name]), columns)] for name in shown
    ]
    slices = [[index[number]["slice"] for number in row] for row in chosen]
    same = all(row == slices[0] for row in slices)
    of_all = "each subject" if shown == subjects else f"{len(shown)} evenly chosen subjects"
    return make_sheet(
        np.stack([_reduced(images[number]) for row in chosen for number in row]),
        columns,
        row_labels=[
            name if same else f"{name}\nslices {', '.join(map(str, row))}"
            for name, row in zip(shown, slices, strict=True)
        ],
        column_labels=[f"slice {at}" for at in slices[0]] if same else [],
        title=f"{len(images)} images of {len(subjects)} subjects"
        + (f" ({skipped} more skipped). " if skipped else ". ")
        + f"Shown: {columns} evenly spaced slices of {of_all}. "
        "Anterior is up, the patient's right at the left.",
    )


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = max(1, len(image) // SHOWN_SIZE)
    return np.asarray(Image.fromarray(image).reduce(factor))
