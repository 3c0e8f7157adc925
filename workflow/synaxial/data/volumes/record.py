"""The record of one subject: where its volume came from, what it was, whether it is used."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import read_json, write_json

#: Percentiles of the brain's intensities that a record has.
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

#: The two values of `Record.status`.
USED, SKIPPED = "ok", "skipped"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one subject; the later stages read it."""

    subject: str
    #: `USED` or `SKIPPED`, and why it is skipped.
    status: str = USED
    reason: str = ""
    #: The name of the source in the configuration.
    source: str = ""
    #: The file, or the way the volume was made.
    origin: str | None = None
    #: Digest of the FLAIR file, or of the voxels where there is no file.
    sha256: str | None = None
    #: Of the volume as it was found.
    shape: list[int] | None = None
    spacing_mm: list[float] | None = None
    orientation: str | None = None
    #: Percentiles of the values of the brain, by name (`p50`).
    intensity: dict[str, float] | None = None
    #: Voxels above 0: in all, and in each axial slice from inferior to superior.
    brain_voxels: int = 0
    brain_voxels_per_slice: list[int] = field(default_factory=list)
    #: None without a segmentation.
    tumour_voxels_per_slice: list[int] | None = None
    #: What is unusual but usable.
    notes: list[str] = field(default_factory=list)
    #: What may be wrong with the patient's side, size or identity, or with the image as a whole.
    #: The terminal and the report show it.
    warnings: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> bool:
        """Whether the subject is left out (`on_bad_volume: skip`)."""
        return self.status == SKIPPED


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON."""
    write_json(path, dataclasses.asdict(record))


def read_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    SynaxialError
        The file is not there, or is no record.
    """
    try:
        return Record(**read_json(path))
    except TypeError as error:
        raise SynaxialError(
            path, f"is no record of a subject ({error})", "a file from `synaxial data acquire`"
        ) from error


def check_wanted_slices(record: Record, first: int, last: int) -> None:
    """Check that a volume holds the slices `first` to `last` (included, 0 is the lowest).

    Raises
    ------
    BadVolumeError
        A wanted slice lies beyond the volume, or holds no brain and would be a black image.
    """
    counts = record.brain_voxels_per_slice
    where = f"{record.subject} ({record.origin})"
    if last >= len(counts):
        raise BadVolumeError(
            where, f"{len(counts)} axial slices", f"slices {first} to {last}", "see slice.last"
        )
    empty = [index for index in range(first, last + 1) if counts[index] == 0]
    if empty:
        with_brain = [index for index, count in enumerate(counts) if count > 0]
        raise BadVolumeError(
            where,
            f"{len(empty)} of the slices {first} to {last} hold no brain, first slice {empty[0]}",
            f"brain in each (here it lies in slices {with_brain[0]} to {with_brain[-1]})",
            "see slice.first and slice.last",
        )
