"""The record of one subject: the origin and properties of its volume, and whether it is used."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import read_json, write_json

#: Percentiles of the brain's intensities that a record has.
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

#: Decimal digits of slice levels in mm. They are rounded, because spacings in headers are.
LEVEL_DIGITS = 3

#: The two values of `Record.status`.
USED, SKIPPED = "ok", "skipped"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one subject; the later stages read it."""

    subject: str
    #: What all subjects of this person have in common: a person may have several, at other times.
    person: str
    #: `USED` or `SKIPPED`, and why it is skipped.
    status: str = USED
    reason: str = ""
    #: The name of the source in the configuration.
    source: str = ""
    #: The file, or the way the volume was made.
    origin: str | None = None
    #: Digest of the FLAIR file, or of the voxels where there is no file.
    sha256: str | None = None
    #: State and SHA-256 of all the source's files (see `originals.py`).
    state: str | None = None
    original_sha256: list[str | None] = field(default_factory=list)
    #: Digest and fingerprint of the canonical voxels, which tell copies under other names.
    voxels_sha256: str | None = None
    fingerprint: str | None = None
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
    #: The part of these voxels on the patient's left of the brain's centroid in the slice: 0 to 1,
    #: and 0.5 without a tumour. None without a segmentation.
    tumour_left_per_slice: list[float] | None = None
    #: What is unusual but usable.
    notes: list[str] = field(default_factory=list)
    #: What may be wrong with the patient's side, size or identity, or with the image as a whole.
    #: The terminal and the report show it.
    warnings: list[str] = field(default_factory=list)

    @property
    def canonical_spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along the axes left, posterior and superior, for a used subject."""
        sizes = dict(zip(self.orientation or "", self.spacing_mm or [], strict=True))
        left, posterior, superior = (
            next(sizes[axis] for axis in pair if axis in sizes) for pair in ("LR", "PA", "SI")
        )
        return left, posterior, superior

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
            path, f"is not the record of a subject ({error})", "a file from `synaxial data acquire`"
        ) from error


def wanted_slices(record: Record, first: int, last: int) -> list[int]:
    """Return the numbers of the slices at the levels `first` to `last`, in mm, both included.

    The lowest slice has the number 0 and the level 0.

    Raises
    ------
    BadVolumeError
        The volume does not reach so high, or a slice holds no brain and would be a black image.
    """
    counts, apart = record.brain_voxels_per_slice, record.canonical_spacing[2]
    where = f"{record.subject} ({record.origin})"
    levels = [round(index * apart, LEVEL_DIGITS) for index in range(len(counts))]
    wanted = [index for index, level in enumerate(levels) if first <= level <= last]
    if levels[-1] + apart <= last or not wanted:
        raise BadVolumeError(
            where,
            f"{len(counts)} axial slices, {apart:g} mm apart, up to a level of {levels[-1]:g} mm",
            f"slices at levels of {first} to {last} mm",
            "see slice.first and slice.last",
        )
    empty = [index for index in wanted if counts[index] == 0]
    if empty:
        with_brain = [index for index, count in enumerate(counts) if count > 0]
        raise BadVolumeError(
            where,
            f"{len(empty)} of the slices {wanted[0]} to {wanted[-1]} hold no brain, first slice "
            f"{empty[0]}",
            f"brain in each (here it lies in slices {with_brain[0]} to {with_brain[-1]}"
            + (")" if apart == 1 else f", {apart:g} mm apart)"),
            "see slice.first and slice.last",
        )
    return wanted
