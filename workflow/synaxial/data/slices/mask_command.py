"""`synaxial data mask`."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config import read_study
from synaxial.data.slices.mask_page import mask_page
from synaxial.data.slices.volume import read_volume
from synaxial.data.volumes.record import Record, check_wanted_slices, read_record
from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.stacks import MASK, write_stack

logger = logging.getLogger(__name__)


def run(
    config: Annotated[
        Path, typer.Option(help="Study file; its sections slice, resize, acquire (on_bad_volume).")
    ],
    segmentation: Annotated[Path, typer.Option(help="Labels written by acquire (.nii.gz).")],
    record: Annotated[Path, typer.Option(help="The subject's record (.json).")],
    output: Annotated[Path, typer.Option(help="Stack of masks to write (.tif).")],
) -> None:
    """Make the tumour's masks of the slices that `slice` cuts, at the size `resize` gives them.

    A page is 255 in the whole tumour, whatever its label, and 0 elsewhere; its description says
    the subject and the slice. A skipped subject gives an empty file, one without a segmentation
    is an error.
    """
    study = read_study(config)
    facts = read_record(record)
    subject = facts.subject
    if facts.skipped:
        logger.warning("%s was skipped by acquire; %s stays empty", subject, output)
        write_placeholder(output)
        return
    # As in `slice`: a subject that has no images has no masks either.
    try:
        check_wanted_slices(facts, study.slice.first, study.slice.last)
    except BadVolumeError as error:
        if study.acquire.on_bad_volume == "fail":
            raise
        logger.warning("%s is skipped: %s", subject, error)
        write_placeholder(output)
        return
    labels = read_segmentation(segmentation, facts, record)
    wanted = range(study.slice.first, study.slice.last + 1)
    write_stack(
        output,
        (mask_page(labels, index, study.resize) for index in wanted),
        ({"subject": subject, "slice": index, "channel": MASK} for index in wanted),
    )


def read_segmentation(path: Path, facts: Record, record: Path) -> NDArray[Any]:
    """Read a subject's segmentation: (left, posterior, superior), whole numbers, 0 outside.

    Raises
    ------
    SynaxialError
        The subject has none, or the file is another than the record's.
    """
    if is_placeholder(path):
        raise SynaxialError(
            facts.subject,
            "has no segmentation",
            "one of every subject, for training.masks",
            "leave it out of acquire.subjects and acquire.held_out, see directory."
            "segmentation_pattern where it is elsewhere, or train without masks",
        )
    labels = read_volume(path)
    found = np.count_nonzero(labels, axis=(0, 1)).tolist()
    if found != facts.tumour_voxels_per_slice:
        raise SynaxialError(
            path,
            f"has {sum(found)} voxels of tumour in {len(found)} slices, not those of {record}",
            "the segmentation that was acquired with it",
            "run acquire again",
        )
    return labels
