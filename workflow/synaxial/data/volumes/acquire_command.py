"""`synaxial acquire`: volumes from the study's source, checked and in one orientation."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config.loading import read_study
from synaxial.config.model import Acquire
from synaxial.data.sources import open_source
from synaxial.data.sources.source import RawVolume, Source
from synaxial.data.volumes.canonical import (
    CanonicalVolume,
    make_canonical,
    make_canonical_segmentation,
)
from synaxial.data.volumes.record import make_record, make_skipped_record
from synaxial.data.volumes.volume_files import write_volume
from synaxial.io.errors import BadVolumeError
from synaxial.io.files import write_json, write_placeholder, written_whole

logger = logging.getLogger(__name__)


def run(
    fetched: Annotated[Path, typer.Option(help="Folder that `synaxial fetch` has written.")],
    output: Annotated[Path, typer.Option(help="Folder for the volumes and their records.")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    subject: Annotated[
        str | None, typer.Option(help="Only this subject, in place of acquire.subjects.")
    ] = None,
) -> None:
    """Read, check and turn volumes: SUBJECT_flair.nii.gz, SUBJECT_seg.nii.gz, SUBJECT.json."""
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
    except BadVolumeError as error:
        if settings.on_bad_volume == "fail":
            raise
        logger.warning("%s is skipped: %s", subject, error)
        record = make_skipped_record(subject, settings.source, str(error), raw)
        _write(output, subject, record, None, None)
        return
    record = make_record(subject, settings.source, raw, volume, segmentation)
    for note in record["notes"]:
        logger.info("%s: %s", subject, note)
    _write(output, subject, record, volume, segmentation)
    logger.info("%s: %d brain voxels, from %s", subject, record["brain_voxels"], raw.origin)


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


def _write(
    output: Path,
    subject: str,
    record: dict[str, Any],
    volume: CanonicalVolume | None,
    segmentation: NDArray[np.uint8] | None,
) -> None:
    """Write a subject's files; where there is nothing, the placeholder.

    The volume's name appears last but one and the record's last, so that a record always
    belongs to files that are there.
    """
    flair_path = output / f"{subject}_flair.nii.gz"
    segmentation_path = output / f"{subject}_seg.nii.gz"
    if volume is None:
        write_placeholder(segmentation_path)
        write_placeholder(flair_path)
    else:
        with written_whole(flair_path) as flair, written_whole(segmentation_path) as labels:
            write_volume(flair, volume.voxels, volume.affine)
            if segmentation is None:
                labels.touch()
            else:
                write_volume(labels, segmentation, volume.affine)
    write_json(output / f"{subject}.json", record)
