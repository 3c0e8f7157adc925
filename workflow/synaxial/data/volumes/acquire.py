"""`synaxial data acquire`: volumes from the study's source, checked and in one orientation."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config.loading import read_study
from synaxial.config.model import Acquire, Conform, VolumeCheck
from synaxial.data.sources import open_source
from synaxial.data.sources.source import SEGMENTATION, RawVolume, Source
from synaxial.data.volumes.canonical import (
    CanonicalVolume,
    make_canonical,
    make_canonical_segmentation,
)
from synaxial.data.volumes.intensities import Voxels, brain_percentiles
from synaxial.data.volumes.likeness import digest_of, fingerprint_of
from synaxial.data.volumes.nifti import write_volume
from synaxial.data.volumes.originals import digests_of
from synaxial.data.volumes.record import PERCENTILES, SKIPPED, Record, write_record
from synaxial.io.errors import BadVolumeError
from synaxial.io.files import write_placeholder, written_whole

#: Raise it when the results of this stage change.
VERSION = 4

logger = logging.getLogger(__name__)


def run(
    fetched: Annotated[Path, typer.Option(help="Folder written by `synaxial data fetch`.")],
    output: Annotated[Path, typer.Option(help="Folder for the volumes and their records.")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    subject: Annotated[
        str | None, typer.Option(help="Only this subject, in place of acquire.subjects.")
    ] = None,
    path: Annotated[
        Path | None, typer.Option(help="The folder of the source, in place of the study's.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="State of the subject's files, for the record only.")
    ] = None,
) -> None:
    """Read, check and reorient volumes: SUBJECT_flair.nii.gz, SUBJECT_seg.nii.gz, SUBJECT.json.

    \b
    Example: synaxial data acquire --fetched results/source --output results/volumes
    """
    settings = settings_for(read_study(config).acquire, [subject] if subject else None, path)
    source = open_source(settings, fetched)
    for name in source.people():
        acquire_subject(source, settings, name, output, state)


def settings_for(settings: Acquire, subjects: list[str] | None, path: Path | None) -> Acquire:
    """Return the section `acquire` for these subjects alone, and for another folder of the source.

    None leaves the subjects or the folder as they are.
    """
    changes: dict[str, Any] = {}
    if subjects:
        changes |= {"subjects": subjects, "held_out": []}
    if path is not None:
        section = getattr(settings, settings.source).model_copy(update={"path": path})
        changes[settings.source] = section
    return settings.model_copy(update=changes)


@dataclass(frozen=True)
class Acquired:
    """A subject that was acquired: what was written."""

    record: Record
    #: As of `CanonicalVolume`; None if the subject is skipped.
    voxels: Voxels | None
    #: Labels, (left, posterior, superior); None if there are none.
    segmentation: NDArray[np.uint8] | None


def acquire_subject(
    source: Source, settings: Acquire, subject: str, output: Path, state: str | None = None
) -> Acquired:
    """Write one subject's three files, all of them or none, and return their content.

    `state` goes into the record, for `state_for_rerun`.

    Raises
    ------
    BadVolumeError
        The volume cannot be used, and `on_bad_volume` is `fail`.
    """
    raw, volume, segmentation = None, None, None
    digests = digests_of(source.files(subject))
    person = source.people()[subject]
    try:
        raw = source.read(subject)
        where = f"{subject} ({raw.origin})"
        volume = make_canonical(
            raw.image,
            settings.volume,
            where,
            raw.channel,
            resampled=settings.conform.resample is not None,
        )
        segmentation, warnings = read_segmentation(raw, volume, settings.volume)
        volume, segmentation = as_wanted(volume, segmentation, settings, where)
        record = make_record(subject, person, settings.source, raw, volume, segmentation, warnings)
    except BadVolumeError as error:
        if settings.on_bad_volume == "fail":
            raise
        record = Record(
            subject=subject,
            person=person,
            status=SKIPPED,
            reason=str(error),
            source=settings.source,
            origin=None if raw is None else raw.origin,
            sha256=None if raw is None else raw.sha256,
        )
        volume, segmentation = None, None
    record = replace(record, state=state, original_sha256=digests)
    _write(output, record, volume, segmentation)
    for note in record.notes:
        logger.info("%s: %s", subject, note)
    for warning in record.warnings:
        logger.warning("%s: %s", subject, warning)
    if record.skipped:
        logger.warning("%s is skipped: %s", subject, record.reason)
    else:
        logger.info("%s: %d brain voxels, from %s", subject, record.brain_voxels, record.origin)
    return Acquired(record, None if volume is None else volume.voxels, segmentation)


def read_segmentation(
    raw: RawVolume, volume: CanonicalVolume, check: VolumeCheck
) -> tuple[NDArray[np.uint8] | None, list[str]]:
    """Return a subject's canonical segmentation, or None and a warning if it cannot be used.

    Only `synaxial data mask` needs it: no volume is lost because of its segmentation.
    """
    if raw.open_segmentation is None:
        return None, []
    try:
        segmentation = make_canonical_segmentation(
            raw.open_segmentation(), volume.found, raw.labels, SEGMENTATION, check.affine
        )
    except BadVolumeError as error:
        return None, [f"{error}; there are no masks of this subject"]
    return segmentation, []


def as_wanted(
    volume: CanonicalVolume, segmentation: NDArray[np.uint8] | None, settings: Acquire, where: str
) -> tuple[CanonicalVolume, NDArray[np.uint8] | None]:
    """Return a volume and its segmentation after `acquire.conform`, if the study has it."""
    if settings.conform == Conform():
        return volume, segmentation
    # Imported here, because SciPy takes longer to import than a volume like BraTS to read.
    from synaxial.data.volumes.conform import conform  # noqa: PLC0415

    return conform(volume, segmentation, settings, where)


def make_record(
    subject: str,
    person: str,
    source: str,
    raw: RawVolume,
    volume: CanonicalVolume,
    segmentation: NDArray[np.uint8] | None,
    warnings: list[str],
) -> Record:
    """Describe a subject that is used: the volume as it came (`raw`) and as it is written.

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
        person=person,
        source=source,
        origin=raw.origin,
        sha256=raw.sha256,
        voxels_sha256=digest_of(volume.voxels),
        fingerprint=fingerprint_of(volume.voxels),
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
        tumour_left_per_slice=(
            None if segmentation is None else left_per_slice(segmentation, volume.voxels)
        ),
        notes=[*raw.notes, *volume.notes],
        warnings=[*volume.warnings, *warnings],
    )


def _write(
    output: Path,
    record: Record,
    volume: CanonicalVolume | None,
    segmentation: NDArray[np.uint8] | None,
) -> None:
    """Write a subject's files; an array that is not there becomes a placeholder.

    The record's name appears last, so that a record always belongs to files that are there.
    """
    flair, labels = (output / f"{record.subject}_{kind}.nii.gz" for kind in ("flair", "seg"))
    if volume is None:
        write_placeholder(labels)
        write_placeholder(flair)
    else:
        with written_whole(flair) as new_flair, written_whole(labels) as new_labels:
            write_volume(new_flair, volume.voxels, volume.affine)
            if segmentation is None:
                new_labels.touch()
            else:
                write_volume(new_labels, segmentation, volume.affine)
    write_record(output / f"{record.subject}.json", record)


def left_per_slice(segmentation: NDArray[Any], voxels: NDArray[Any]) -> list[float]:
    """Return the part of each axial slice's tumour that is on the patient's left.

    Both arrays are (left, posterior, superior). The border is the centroid of the slice's brain,
    so that a head that is not in the middle of the volume is judged by its own middle. A slice
    without tumour or brain has 0.5.
    """
    places = np.arange(voxels.shape[0])[:, None]
    parts = []
    for index in range(voxels.shape[2]):
        tumour, part = segmentation[:, :, index] > 0, 0.5
        if tumour.any() and (brain := voxels[:, :, index] > 0).any():
            middle = brain.sum(axis=1) @ places[:, 0] / brain.sum()
            columns = tumour.sum(axis=1)
            # A column in the middle itself counts half.
            part = columns @ (0.5 + 0.5 * np.sign(places[:, 0] - middle)) / columns.sum()
        parts.append(round(float(part), 4))
    return parts


def _above_0_per_slice(volume: NDArray[Any]) -> list[int]:
    return [int(np.count_nonzero(volume[:, :, index] > 0)) for index in range(volume.shape[2])]
