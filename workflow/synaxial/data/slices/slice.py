"""`synaxial data slice`: the axial slices of a volume as 8-bit pages."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config import Study, read_study
from synaxial.data.slices.volume import read_volume
from synaxial.data.slices.window import conversion_of, find_window
from synaxial.data.volumes.record import Record, read_record, wanted_slices
from synaxial.io.errors import BadVolumeError
from synaxial.io.files import write_placeholder
from synaxial.io.stacks import Stack, write_stack

#: Raise it when the results of this stage change.
VERSION = 2

logger = logging.getLogger(__name__)


def run(
    volume: Annotated[Path, typer.Option(help="Volume written by acquire (.nii.gz).")],
    record: Annotated[Path, typer.Option(help="Record of the subject (.json).")],
    output: Annotated[Path, typer.Option(help="Stack of slices to write (.tif).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Cut a volume into axial 8-bit slices of native size, one page each.

    Anterior is up and the patient's right is on the left. The background is 0, the brain is 1 to
    255. The description of a page names the subject, the slice, and the intensities that became 1
    and 255. The file of a skipped subject is empty.

    \b
    Example: synaxial data slice --volume results/volumes/001_flair.nii.gz
      --record results/volumes/001.json --output results/slices/001.tif
    """
    study, facts = read_study(config), read_record(record)
    wanted = slices_to_cut(facts, study, output)
    if wanted is not None:
        slices = cut_volume(read_volume(volume), facts, wanted, study, str(volume))
        write_stack(output, slices.pages, slices.descriptions)


def cut_volume(
    voxels: NDArray[Any], record: Record, wanted: list[int], study: Study, where: str
) -> Stack:
    """Return the wanted axial slices of a volume, 8 bits at native size, with their descriptions.

    Parameters
    ----------
    voxels
        (left, posterior, superior): background 0, brain above 0.
    record
        The record of the subject.
    wanted
        Numbers of the slices; see `slices_to_cut`.
    study
        Its section `slice` has the window.
    where
        The subject or the file, for messages.

    Raises
    ------
    BadVolumeError
        No voxel is above 0.
    """
    low, high = find_window(voxels, study.slice.window, where)
    convert = conversion_of(voxels, low, high)
    return Stack(
        np.stack([convert(axial_slice(voxels, index)) for index in wanted]),
        [{**names_of(record, index), "window": [low, high]} for index in wanted],
    )


def names_of(record: Record, index: int) -> dict[str, Any]:
    """Return what the description of a page says about whose slice it is."""
    return {"subject": record.subject, "person": record.person, "slice": index}


def slices_to_cut(record: Record, study: Study, output: Path) -> list[int] | None:
    """Return the numbers of the slices of a subject.

    None means that the subject is skipped; then `output` becomes empty.

    Raises
    ------
    BadVolumeError
        The volume lacks a wanted slice, and the study does not allow to skip subjects.
    """
    reason = "acquire skipped it"
    try:
        if not record.skipped:
            return wanted_slices(record, study.slice.first, study.slice.last)
    except BadVolumeError as error:
        if study.acquire.on_bad_volume == "fail":
            raise
        reason = str(error)
    logger.warning("%s is skipped, %s is empty: %s", record.subject, output, reason)
    write_placeholder(output)
    return None


def axial_slice(volume: NDArray[Any], index: int) -> NDArray[Any]:
    """Return one axial slice in radiological display: anterior up, the patient's right at left.

    The axes of the volume run to the left, to posterior and to superior. So the first column of
    the transposed slice is the patient's right, and its first row is anterior.

    Parameters
    ----------
    volume
        (left, posterior, superior) voxels.
    index
        Number of the slice, from 0 at the most inferior.

    Returns
    -------
    NDArray
        (posterior, left), at native size.
    """
    return np.ascontiguousarray(volume[:, :, index].T)
