"""The record of one subject: where its volume came from, what it was, whether it is used."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.data.brain_values import brain_percentiles
from synaxial.data.sources.source import RawVolume
from synaxial.data.volumes.canonical import CanonicalVolume
from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import read_json

#: Percentiles of the brain's intensities that a record has.
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

#: What `record["status"]` can be.
USED, SKIPPED = "ok", "skipped"


def make_record(
    subject: str,
    source: str,
    raw: RawVolume,
    volume: CanonicalVolume,
    segmentation: NDArray[np.uint8] | None,
) -> dict[str, Any]:
    """Describe a subject that is used.

    Parameters
    ----------
    subject
        Its name.
    source
        The source's name in the configuration.
    raw
        The volume as it came.
    volume
        The same, checked and canonical.
    segmentation
        uint8 (left, posterior, superior), or None.

    Returns
    -------
    dict
        For JSON. `shape`, `spacing_mm` and `orientation` are as found, the counts a slice are of
        the canonical volume, from inferior to superior.
    """
    brain = _above_0_per_slice(volume.voxels)
    values = brain_percentiles(volume.voxels, PERCENTILES)
    if values is None:
        raise BadVolumeError(f"{subject} ({raw.origin})", "no voxel is above 0", "a brain")
    return {
        **_empty_record(subject, source),
        "status": USED,
        "origin": raw.origin,
        "sha256": raw.sha256,
        "shape": list(volume.found.shape),
        "spacing_mm": [round(size, 6) for size in volume.found.spacing],
        "orientation": volume.found.axes,
        "intensity": {
            f"p{percentile}": round(float(value), 6)
            for percentile, value in zip(PERCENTILES, values, strict=True)
        },
        "brain_voxels": sum(brain),
        "brain_voxels_per_slice": brain,
        "tumour_voxels_per_slice": None
        if segmentation is None
        else _above_0_per_slice(segmentation),
        "notes": list(volume.notes),
    }


def make_skipped_record(
    subject: str, source: str, reason: str, raw: RawVolume | None
) -> dict[str, Any]:
    """Describe a subject that is left out, and why."""
    return {
        **_empty_record(subject, source),
        "reason": reason,
        "origin": None if raw is None else raw.origin,
        "sha256": None if raw is None else raw.sha256,
    }


def read_record(path: Path) -> dict[str, Any]:
    """Read a record that `synaxial acquire` has written.

    Raises
    ------
    SynaxialError
        It is not there, or no record.
    """
    content = read_json(path)
    missing = _empty_record("", "").keys() - content.keys()
    if missing:
        raise SynaxialError(
            path, f"has no {', '.join(sorted(missing))}", "a record that `synaxial acquire` wrote"
        )
    return content


def _empty_record(subject: str, source: str) -> dict[str, Any]:
    return {
        "subject": subject,
        "status": SKIPPED,
        "reason": "",
        "source": source,
        "origin": None,
        "sha256": None,
        "shape": None,
        "spacing_mm": None,
        "orientation": None,
        "intensity": None,
        "brain_voxels": 0,
        "brain_voxels_per_slice": [],
        "tumour_voxels_per_slice": None,
        "notes": [],
    }


def _above_0_per_slice(volume: NDArray[Any]) -> list[int]:
    return [int(np.count_nonzero(volume[:, :, index] > 0)) for index in range(volume.shape[2])]
