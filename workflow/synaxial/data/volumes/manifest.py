"""`synaxial data manifest`: one table of all subjects, used and skipped."""

import csv
import dataclasses
import itertools
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from synaxial.config.loading import read_study
from synaxial.config.model import Acquire
from synaxial.data.subjects import natural_key, split_subjects
from synaxial.data.volumes.likeness import SAME_HEAD, correlations
from synaxial.data.volumes.record import (
    PERCENTILES,
    SKIPPED,
    Record,
    read_record,
    wanted_slices,
)
from synaxial.io.errors import BadVolumeError, SynaxialError, shortened
from synaxial.io.files import write_csv

#: Raise it when the results of this stage change.
VERSION = 3

#: The table's columns.
COLUMNS = [
    *("subject", "person", "status", "reason", "warnings", "source", "origin", "sha256"),
    *("shape", "spacing_mm", "orientation"),
    *(f"p{percentile}" for percentile in PERCENTILES),
    *("brain_voxels", "first_brain_slice", "last_brain_slice", "tumour_voxels", "notes"),
]

#: Between the notes or warnings of a subject in the table.
SEPARATOR = " | "

#: How many subjects a line of `summary_of_warnings` names.
NAMES_IN_LINE = 5

logger = logging.getLogger(__name__)


def run(
    records: Annotated[list[Path], typer.Argument(help="Records of the subjects (SUBJECT.json).")],
    output: Annotated[Path, typer.Option(help="The table to write (.csv).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Write a table of all subjects, used and skipped.

    A subject without all slices of the study is skipped, or ends the run (acquire.on_bad_volume).
    A held-out volume that is a copy of one to train with ends the run too.

    \b
    Example: synaxial data manifest --output results/manifest.csv results/volumes/*.json
    """
    study = read_study(config)
    judged = [
        judge_record(
            read_record(path), study.slice.first, study.slice.last, study.acquire.on_bad_volume
        )
        for path in records
    ]
    rows = make_manifest(warn_of_copies(judged, study.acquire))
    for record in judged:
        if record.skipped:
            logger.warning("%s is skipped: %s", record.subject, record.reason)
    write_csv(output, COLUMNS, rows)
    for line in summary_of_warnings(output):
        logger.warning(line)


def used_subjects(table: Path) -> list[str]:
    """Return the subjects of a manifest that are not skipped.

    Raises
    ------
    SynaxialError
        The file cannot be read, or is no manifest.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [row["subject"] for row in rows if row["status"] != SKIPPED]
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise SynaxialError(
            table, f"cannot be read ({error})", "the manifest in the folder of results of a run"
        ) from error


def summary_of_warnings(table: Path) -> list[str]:
    """Return a line for each different warning in a manifest, with the subjects that have it."""
    with table.open(newline="", encoding="utf-8") as file:
        subjects: dict[str, list[str]] = {}
        for row in csv.DictReader(file):
            for warning in filter(None, row.get("warnings", "").split(SEPARATOR)):
                subjects.setdefault(warning, []).append(row["subject"])
    return [f"{shortened(names, NAMES_IN_LINE)}: {warning}" for warning, names in subjects.items()]


def judge_record(record: Record, first: int, last: int, on_bad_volume: str) -> Record:
    """Return the record, marked as skipped if the volume lacks slices (see `wanted_slices`).

    Raises
    ------
    BadVolumeError
        The volume lacks slices, and `on_bad_volume` is `fail`.
    """
    if record.skipped:
        return record
    try:
        wanted_slices(record, first, last)
    except BadVolumeError as error:
        if on_bad_volume == "fail":
            raise
        return dataclasses.replace(record, status=SKIPPED, reason=str(error))
    return record


def warn_of_copies(records: Sequence[Record], settings: Acquire) -> list[Record]:
    """Return the records, with a warning in those of volumes that are the same head.

    Raises
    ------
    SynaxialError
        One is trained with and the other is held out.
    """
    used = sorted(
        (record for record in records if not record.skipped),
        key=lambda record: natural_key(record.subject),
    )
    held_out: set[str] = set()
    if settings.held_out:
        everyone = {record.subject: record.person for record in records}
        held_out = set(split_subjects(everyone, settings, "the study")[1])
    across: list[str] = []
    warnings: dict[str, list[str]] = defaultdict(list)
    for one, other, how in find_copies(used):
        if (one in held_out) != (other in held_out):
            across.append(f"{one} and {other} ({how})")
        else:
            warnings[one].append(f"the same head as {other} ({how})")
            warnings[other].append(f"the same head as {one} ({how})")
    if across:
        raise SynaxialError(
            "acquire.held_out",
            f"the same head is trained with and held out: {shortened(across, 3)}",
            "subjects that no network is trained on",
            "take one of each two out of acquire.subjects or acquire.held_out",
        )
    return [
        dataclasses.replace(record, warnings=[*record.warnings, *warnings[record.subject]])
        for record in records
    ]


def find_copies(records: Sequence[Record]) -> Iterator[tuple[str, str, str]]:
    """Yield each two subjects whose volumes are the same head, and how alike they are."""
    if len(records) < 2:
        return
    alike = correlations([str(record.fingerprint) for record in records])
    for (at, one), (to, other) in itertools.combinations(enumerate(records), 2):
        if one.voxels_sha256 == other.voxels_sha256:
            yield one.subject, other.subject, "identical voxels"
        elif alike[at, to] > SAME_HEAD:
            yield one.subject, other.subject, f"correlation {alike[at, to]:.3f}"


def make_manifest(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the rows of the table, in natural order of the subjects.

    Raises
    ------
    SynaxialError
        A subject has two records, or every subject is skipped.
    """
    ordered = sorted(records, key=lambda record: natural_key(record.subject))
    for record, following in itertools.pairwise(ordered):
        if record.subject == following.subject:
            raise SynaxialError(record.subject, "has two records", "one per subject")
    if all(record.skipped for record in ordered):
        reasons = "; ".join(record.reason for record in ordered[:2])
        raise SynaxialError(
            "manifest",
            f"all {len(ordered)} subjects are skipped ({reasons})",
            "at least one valid subject",
        )
    return [_row(record) for record in ordered]


def _row(record: Record) -> dict[str, Any]:
    """Return one row; counts of the slices are summed up."""
    with_brain = [index for index, count in enumerate(record.brain_voxels_per_slice) if count > 0]
    tumour = record.tumour_voxels_per_slice
    return {
        **{column: getattr(record, column) for column in ("subject", "person", "status", "reason")},
        "warnings": SEPARATOR.join(record.warnings),
        **{column: getattr(record, column) for column in ("source", "origin", "sha256")},
        "shape": _joined(record.shape),
        "spacing_mm": _joined(record.spacing_mm),
        "orientation": record.orientation,
        **(record.intensity or {}),
        "brain_voxels": record.brain_voxels,
        "first_brain_slice": with_brain[0] if with_brain else None,
        "last_brain_slice": with_brain[-1] if with_brain else None,
        "tumour_voxels": None if tumour is None else sum(tumour),
        "notes": SEPARATOR.join(record.notes),
    }


def _joined(numbers: Iterable[float] | None) -> str | None:
    return None if numbers is None else "x".join(f"{number:g}" for number in numbers)
