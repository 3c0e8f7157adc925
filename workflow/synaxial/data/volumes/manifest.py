"""The manifest: one line a subject, used or skipped."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pandas

from synaxial.data.subjects import natural_key
from synaxial.data.volumes.record import PERCENTILES, SKIPPED, USED
from synaxial.data.volumes.wanted_slices import check_wanted_slices
from synaxial.io.errors import BadVolumeError, SynaxialError

#: The manifest's columns.
COLUMNS = [
    "subject",
    "status",
    "reason",
    "source",
    "origin",
    "sha256",
    "shape",
    "spacing_mm",
    "orientation",
    *(f"p{percentile}" for percentile in PERCENTILES),
    "brain_voxels",
    "first_brain_slice",
    "last_brain_slice",
    "tumour_voxels",
    "notes",
]

#: Columns of counts, which may be empty: whole numbers nevertheless.
COUNTS = ["brain_voxels", "first_brain_slice", "last_brain_slice", "tumour_voxels"]


def judge_record(
    record: Mapping[str, Any], first: int, last: int, on_bad_volume: str
) -> dict[str, Any]:
    """Return the record, skipped if the volume does not hold the study's slices.

    Raises
    ------
    BadVolumeError
        It does not hold them, and `on_bad_volume` is `fail`.
    """
    if record["status"] != USED:
        return dict(record)
    try:
        check_wanted_slices(record, first, last)
    except BadVolumeError as error:
        if on_bad_volume == "fail":
            raise
        return {**record, "status": SKIPPED, "reason": str(error)}
    return dict(record)


def make_manifest(records: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return the manifest of judged records, in natural order of their subjects.

    Raises
    ------
    SynaxialError
        A subject has two records, or every subject is skipped.
    """
    ordered = sorted(records, key=lambda record: natural_key(record["subject"]))
    names = [record["subject"] for record in ordered]
    for name, following in itertools.pairwise(names):
        if name == following:
            raise SynaxialError(name, "has two records", "one a subject")
    if not any(record["status"] == USED for record in ordered):
        reasons = "; ".join(record["reason"] for record in ordered[:2])
        raise SynaxialError(
            "manifest", f"all {len(ordered)} subjects are skipped ({reasons})", "one that is used"
        )
    table = pandas.DataFrame([_row(record) for record in ordered], columns=COLUMNS)
    return table.astype(dict.fromkeys(COUNTS, "Int64"))


def manifest_text(manifest: pandas.DataFrame) -> str:
    """Return the manifest as CSV."""
    text: str = manifest.to_csv(index=False, lineterminator="\n")
    return text


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line: numbers of an axis each are joined, counts a slice are summed up."""
    held = [index for index, count in enumerate(record["brain_voxels_per_slice"]) if count > 0]
    tumour = record["tumour_voxels_per_slice"]
    return {
        **{column: record[column] for column in COLUMNS[:6]},
        "shape": _joined(record["shape"]),
        "spacing_mm": _joined(record["spacing_mm"]),
        "orientation": record["orientation"],
        **(record["intensity"] or {}),
        "brain_voxels": record["brain_voxels"],
        "first_brain_slice": held[0] if held else None,
        "last_brain_slice": held[-1] if held else None,
        "tumour_voxels": None if tumour is None else sum(tumour),
        "notes": " | ".join(record["notes"]),
    }


def _joined(numbers: list[float] | None) -> str | None:
    return None if numbers is None else "x".join(f"{number:g}" for number in numbers)
