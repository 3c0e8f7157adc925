"""`synaxial data mask`: the tumour mask of each slice, in the geometry of its image."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config import Study, read_study
from synaxial.config.model import Resize
from synaxial.data.slices.resize import check_width, resize_page, window_of
from synaxial.data.slices.slice import axial_slice, names_of, slices_to_cut
from synaxial.data.slices.volume import read_volume
from synaxial.data.volumes.record import Record, read_record
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder
from synaxial.io.images import HALF
from synaxial.io.stacks import INSIDE, MASK, OUTSIDE, Stack, write_stack

#: Raise it when the results of this stage change.
VERSION = 2


def run(
    segmentation: Annotated[Path, typer.Option(help="Labels written by acquire (.nii.gz).")],
    record: Annotated[Path, typer.Option(help="Record of the subject (.json).")],
    output: Annotated[Path, typer.Option(help="Stack of masks to write (.tif).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Write the tumour masks of the slices that `slice` cuts, at the size of the images.

    A page is 255 in the whole tumour, whatever its label, and 0 elsewhere. Its description names
    the subject and the slice. The file of a skipped subject is empty. A subject without a
    segmentation is an error.

    \b
    Example: synaxial data mask --segmentation results/volumes/001_seg.nii.gz
      --record results/volumes/001.json --output results/masks/001.tif
    """
    study, facts = read_study(config), read_record(record)
    wanted = slices_to_cut(facts, study, output)
    if wanted is None:
        return
    if is_placeholder(segmentation):
        why = f" ({'; '.join(facts.warnings)})" if facts.warnings else ""
        raise SynaxialError(
            facts.subject,
            f"has no segmentation{why}",
            "one for each subject, because of training.masks",
            "leave it out of acquire.subjects and acquire.held_out, or set directory."
            "segmentation_pattern if it is elsewhere, or train without masks",
        )
    masks = mask_slices(read_volume(segmentation), facts, wanted, study)
    write_stack(output, masks.pages, masks.descriptions)


def mask_slices(labels: NDArray[Any], record: Record, wanted: list[int], study: Study) -> Stack:
    """Return the masks of the wanted slices of a subject, with their descriptions.

    See `mask_page` for the labels and the pages.

    Raises
    ------
    SynaxialError
        The images are too small for the tumour.
    """
    check_width(np.stack([axial_slice(labels, index) > 0 for index in wanted]), record, study)
    window = window_of(record, study)
    return Stack(
        np.stack([mask_page(labels, index, study.resize, window) for index in wanted]),
        [{**names_of(record, index), "channel": MASK} for index in wanted],
    )


def mask_page(
    labels: NDArray[Any], index: int, settings: Resize, window: tuple[float, float]
) -> NDArray[np.uint8]:
    """Return the mask of the whole tumour in one axial slice.

    The mask is resampled as the slice is, so that it lies on the image to the pixel. Then it is
    made binary again: a pixel is inside if at least half of it is tumour.

    Parameters
    ----------
    labels
        Segmentation, (left, posterior, superior); any label above 0 is tumour.
    index
        Number of the slice, from 0 at the most inferior.
    settings
        Section `resize` of the study.
    window
        As of `resize_page`.

    Returns
    -------
    NDArray[np.uint8]
        (size, size): 255 inside the tumour and 0 outside.
    """
    native = binary(axial_slice(labels, index) > 0)
    # Most slices of a head have no tumour.
    if not native.any():
        return np.full((settings.size, settings.size), OUTSIDE, np.uint8)
    return binary(resize_page(native, settings, window) >= HALF)


def binary(inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask with the two values of mask files."""
    return np.where(inside, INSIDE, OUTSIDE).astype(np.uint8)
