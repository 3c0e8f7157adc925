"""`synaxial data acquire`: volumes from the study's source, checked and in one orientation."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config.loading import read_study
from synaxial.config.model import Acquire
from synaxial.data.brain_values import brain_percentiles
from synaxial.data.sources import open_source
from synaxial.data.sources.source import RawVolume, Source
from synaxial.data.volumes.canonical import (
    CanonicalVolume,
    make_canonical,
    make_canonical_segmentation,
)
from synaxial.data.volumes.nifti import write_volume
from synaxial.data.volumes.record import PERCENTILES, SKIPPED, Record, write_record
from synaxial.io.errors import BadVolumeError
from synaxial.io.files import write_placeholder, written_whole

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)


def run(
    fetched: Annotated[Path, typer.Option(help="Folder written by `synaxial data fetch`.")],
    output: Annotated[Path, typer.Option(help="Folder for the volumes and their records.")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    subject: Annotated[
        str | None, typer.Option(help="Only this subject, in place of acquire.subjects.")
    ] = None,
) -> None:
    """Read, check and reorient volumes: SUBJECT_flair.nii.gz, SUBJECT_seg.nii.gz, SUBJECT.json.

    \b
    Example: synaxial data acquire --fetched results/source --output results/volumes
    """
    settings = read_study(config).acquire
    if subject is not None:
        settings = settings.model_copy(update={"subjects": [subject], "held_out": []})
    source = open_source(settings, fetched)
    for name in source.subjects():
        acquire_subject(source, settings, name, output)


def acquire_subject(source: Source, settings: Acquire, subject: str, output: Path) -> None:
    """Write one subject's three files, all of them or none.

    Raises
    ------
    BadVolumeError
        The volume cannot be used, and `on_bad_volume` is `fail`.
    """
    raw: RawVolume | None = None
    try:
        raw = source.read(subject)
        volume, segmentation = check_subject(raw, settings, subject)
        record = make_record(subject, settings.source, raw, volume, segmentation)
    except BadVolumeError as error:
        if settings.on_bad_volume == "fail":
            raise
        logger.warning("%s is skipped: %s", subject, error)
        write_skipped(output, make_skipped_record(subject, settings.source, str(error), raw))
        return
    for note in record.notes:
        logger.info("%s: %s", subject, note)
    _write(output, record, volume, segmentation)
    logger.info("%s: %d brain voxels, from %s", subject, record.brain_voxels, raw.origin)


def check_subject(
    raw: RawVolume, settings: Acquire, subject: str
) -> tuple[CanonicalVolume, NDArray[np.uint8] | None]:
    """Return a subject's volume and its segmentation, or None, both canonical.

    Raises
    ------
    BadVolumeError
        One of them cannot be used.
    """
    volume = make_canonical(raw.image, settings.volume, f"{subject} ({raw.origin})")
    if raw.segmentation is None:
        return volume, None
    path = raw.segmentation.get_filename() or f"segmentation of {raw.origin}"
    segmentation = make_canonical_segmentation(
        raw.segmentation, volume.found, raw.labels, f"{subject} ({path})"
    )
    return volume, segmentation


def make_record(
    subject: str,
    source: str,
    raw: RawVolume,
    volume: CanonicalVolume,
    segmentation: NDArray[np.uint8] | None,
) -> Record:
    """Describe a subject that is used.

    Parameters
    ----------
    subject
        The subject's name.
    source
        The source's name in the configuration.
    raw
        The volume as it came.
    volume
        The same, checked and canonical.
    segmentation
        uint8 (left, posterior, superior), or None.

    Raises
    ------
    BadVolumeError
        The volume holds no brain.
    """
    brain = _above_0_per_slice(volume.voxels)
    values = brain_percentiles(volume.voxels, PERCENTILES)
    if values is None:
        raise BadVolumeError(f"{subject} ({raw.origin})", "no voxel is above 0", "a brain")
    return Record(
        subject=subject,
        source=source,
        origin=raw.origin,
        sha256=raw.sha256,
        shape=list(volume.found.shape),
        spacing_mm=[round(size, 6) for size in volume.found.spacing],
        orientation=volume.found.axes,
        intensity={
            f"p{percentile}": round(float(value), 6)
            for percentile, value in zip(PERCENTILES, values, strict=True)
        },
        brain_voxels=sum(brain),
        brain_voxels_per_slice=brain,
        tumour_voxels_per_slice=None if segmentation is None else _above_0_per_slice(segmentation),
        notes=list(volume.notes),
    )


def make_skipped_record(subject: str, source: str, reason: str, raw: RawVolume | None) -> Record:
    """Describe a subject that is left out, and why."""
    origin, sha256 = (None, None) if raw is None else (raw.origin, raw.sha256)
    return Record(
        subject=subject,
        status=SKIPPED,
        reason=reason,
        source=source,
        origin=origin,
        sha256=sha256,
    )


def write_skipped(output: Path, record: Record) -> None:
    """Write placeholders in place of a subject's volumes, and its record."""
    for kind in ("seg", "flair"):
        write_placeholder(output / f"{record.subject}_{kind}.nii.gz")
    write_record(output / f"{record.subject}.json", record)


def _write(
    output: Path, record: Record, volume: CanonicalVolume, segmentation: NDArray[np.uint8] | None
) -> None:
    """Write a subject's files; a segmentation that is not there becomes a placeholder.

    The record's name appears last, so that a record always belongs to files that are there.
    """
    with (
        written_whole(output / f"{record.subject}_flair.nii.gz") as flair,
        written_whole(output / f"{record.subject}_seg.nii.gz") as labels,
    ):
        write_volume(flair, volume.voxels, volume.affine)
        if segmentation is None:
            labels.touch()
        else:
            write_volume(labels, segmentation, volume.affine)
    write_record(output / f"{record.subject}.json", record)


def _above_0_per_slice(volume: NDArray[Any]) -> list[int]:
    return [int(np.count_nonzero(volume[:, :, index] > 0)) for index in range(volume.shape[2])]
