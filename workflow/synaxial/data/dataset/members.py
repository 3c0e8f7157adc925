"""The subjects of a data set, from the files on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synaxial.data.volumes.record import read_record
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder
from synaxial.io.stacks import read_shape


@dataclass(frozen=True)
class Member:
    """A subject that has images.

    Attributes
    ----------
    subject
        Its name.
    images
        Its stack of images.
    count
        How many images that has.
    record_path
        Its record's file.
    tumour_voxels
        For each slice of the whole volume the voxels of tumour, or None where unknown.
    """

    subject: str
    images: Path
    count: int
    record_path: Path
    tumour_voxels: list[int] | None


def find_members(
    images: Sequence[Path], records: Sequence[Path], size: int
) -> tuple[list[Member], list[str]]:
    """Read the records and the stacks' headers.

    Parameters
    ----------
    images, records
        As many stacks as records, in the same order.
    size
        Pixels a side that every image must have.

    Returns
    -------
    tuple[list[Member], list[str]]
        The subjects with images, and the names of those that were skipped, both in order.

    Raises
    ------
    SynaxialError
        A file cannot be used, images have another size, a subject comes twice, or none is left.
    """
    members: list[Member] = []
    skipped: list[str] = []
    seen: set[str] = set()
    for stack, record_path in zip(images, records, strict=True):
        record = read_record(record_path)
        subject = record.subject
        if subject in seen:
            raise SynaxialError(record_path, f"subject {subject} is given twice", "each once")
        seen.add(subject)
        if is_placeholder(stack):
            skipped.append(subject)
            continue
        count = read_shape(stack, (size, size))[0]
        members.append(Member(subject, stack, count, record_path, record.tumour_voxels_per_slice))
    if not members:
        raise SynaxialError(
            "--images",
            f"all {len(skipped)} subjects were skipped ({', '.join(skipped)})",
            "at least one subject with images",
            "see their records for the reasons",
        )
    return members, skipped
