"""A picture of a data set: some slices of its subjects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.images import evenly_spaced
from synaxial.io.sheets import make_sheet

#: The most subjects (rows) and slices (columns) that are shown.
MAXIMUM_ROWS = 40
MAXIMUM_COLUMNS = 8

#: Images are shown at this many pixels a side or a little more, by averaging whole blocks.
SHOWN_SIZE = 128


@dataclass(frozen=True)
class Row:
    """One subject in the overview.

    Attributes
    ----------
    subject
        Its name.
    slices
        The axial slices shown, at most `MAXIMUM_COLUMNS`.
    images
        uint8 (len(slices), size, size).
    """

    subject: str
    slices: list[int]
    images: NDArray[np.uint8]


def make_row(subject: str, slices: Sequence[int], images: NDArray[np.uint8], columns: int) -> Row:
    """Choose `columns` of a subject's slices and make their images smaller for the overview.

    Parameters
    ----------
    subject
        Its name.
    slices
        The axial slice of each image.
    images
        uint8 (N, size, size).
    columns
        How many to show, at most N.
    """
    chosen = evenly_spaced(len(images), columns)
    factor = max(1, images.shape[1] // SHOWN_SIZE)
    shown = [np.asarray(Image.fromarray(images[number]).reduce(factor)) for number in chosen]
    return Row(subject, [slices[number] for number in chosen], np.stack(shown))


def make_overview(rows: Sequence[Row], subjects: int, images: int, skipped: int) -> Image.Image:
    """Lay the chosen subjects out, one a row, with the numbers of their slices.

    Parameters
    ----------
    rows
        What is shown, each with as many slices.
    subjects, images, skipped
        How many subjects and images the data set has, and how many subjects were skipped.
    """
    same_slices = all(row.slices == rows[0].slices for row in rows)
    columns = len(rows[0].slices)
    return make_sheet(
        np.concatenate([row.images for row in rows]),
        columns,
        row_labels=[row.subject if same_slices else _label_with_slices(row) for row in rows],
        column_labels=[f"slice {index}" for index in rows[0].slices] if same_slices else None,
        title=_caption(len(rows), columns, subjects, images, skipped),
    )


def _label_with_slices(row: Row) -> str:
    """Return the label of a row whose slices are not those of the other rows."""
    return f"{row.subject}\nslices {', '.join(str(index) for index in row.slices)}"


def _caption(shown: int, columns: int, subjects: int, images: int, skipped: int) -> str:
    """Return what the overview shows, and of how much."""
    of_all = "each subject" if shown == subjects else f"{shown} evenly chosen subjects"
    left_out = f" ({skipped} more skipped)" if skipped else ""
    return (
        f"{images} images of {subjects} subjects{left_out}. "
        f"Shown: {columns} evenly spaced slices of {of_all}. "
        "Anterior is up, the patient's right at the left."
    )
