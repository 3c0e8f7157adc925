"""`synaxial data slice`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.config import Study, read_study
from synaxial.data.slices.axial import axial_slice
from synaxial.data.slices.volume import read_volume
from synaxial.data.slices.window import conversion_of, find_window
from synaxial.data.volumes.record import check_wanted_slices, read_record
from synaxial.io.errors import BadVolumeError
from synaxial.io.files import write_placeholder
from synaxial.io.stacks import write_stack

logger = logging.getLogger(__name__)


def run(
    config: Annotated[
        Path, typer.Option(help="Study file; its sections slice and acquire (on_bad_volume).")
    ],
    volume: Annotated[Path, typer.Option(help="Volume written by acquire (.nii.gz).")],
    record: Annotated[Path, typer.Option(help="The volume's record (.json).")],
    output: Annotated[Path, typer.Option(help="Stack of slices to write (.tif).")],
) -> None:
    """Cut a volume into axial 8-bit slices of native size, one page each.

    Anterior is up and the patient's right is at the left. The background is 0 and the brain 1 to
    255. Each page's description says the subject, the slice, and the intensities that became 1
    and 255. A skipped subject gives an empty file.
    """
    study = read_study(config)
    facts = read_record(record)
    subject = facts.subject
    if facts.skipped:
        logger.warning("%s was skipped by acquire; %s stays empty", subject, output)
        write_placeholder(output)
        return
    try:
        check_wanted_slices(facts, study.slice.first, study.slice.last)
        _slice(study, subject, volume, output)
    except BadVolumeError as error:
        if study.acquire.on_bad_volume == "fail":
            raise
        logger.warning("%s is skipped: %s", subject, error)
        write_placeholder(output)


def _slice(study: Study, subject: str, volume: Path, output: Path) -> None:
    """Write the stack of a volume that is not skipped."""
    first, last = study.slice.first, study.slice.last
    voxels = read_volume(volume)
    # The record says how many slices there are; a volume that was exchanged may have fewer.
    if last >= voxels.shape[2]:
        raise BadVolumeError(volume, f"has {voxels.shape[2]} axial slices", f"slice {last}")
    low, high = find_window(voxels, study.slice.window, str(volume))
    convert = conversion_of(voxels, low, high)
    wanted = range(first, last + 1)
    write_stack(
        output,
        (convert(axial_slice(voxels, index)) for index in wanted),
        ({"subject": subject, "slice": index, "window": [low, high]} for index in wanted),
    )
