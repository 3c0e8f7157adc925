"""`synaxial data pack`: the images of all subjects in one data set."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import numpy as np
import typer

from synaxial.config import read_study
from synaxial.data.dataset.overview import draw_overview
from synaxial.data.dataset.reading import COLUMNS, open_images
from synaxial.data.volumes.record import LEVEL_DIGITS, Record, read_record
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, sha256_of, write_csv, write_json, written_whole
from synaxial.io.stacks import read_shape, read_stack

#: Raise it when the results of this stage change.
VERSION = 3

#: The files of a data set, in the order in which they get their names.
FILES = ("images.npy", "index.csv", "overview.png", "dataset.json")

logger = logging.getLogger(__name__)


def run(
    images: Annotated[list[Path], typer.Argument(help="Stacks written by resize (SUBJECT.tif).")],
    records: Annotated[Path, typer.Option(help="Folder of the records (SUBJECT.json).")],
    output: Annotated[Path, typer.Option(help="Folder of the data set to write.")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Put the images of all subjects into one data set, in the order given.

    Writes images.npy (uint8, N x size x size), index.csv (image, subject, person, slice, level in
    mm, tumour_voxels, tumour_area in mm2, tumour_left), overview.png, and dataset.json with counts,
    skipped subjects and the checksum of images.npy.

    \b
    Example: synaxial data pack --records results/volumes --output results/dataset
      results/images/*.tif
    """
    size = read_study(config).resize.size
    members, skipped = find_members(images, records, size)
    if skipped:
        logger.warning("%d subjects were skipped: %s", len(skipped), ", ".join(skipped))
    with ExitStack() as files:
        # The files get their names in the reverse order, so dataset.json is the last.
        partials = {
            name: files.enter_context(written_whole(output / name)) for name in reversed(FILES)
        }
        with partials["images.npy"].open("wb") as file:
            index = write_images(file, members, size)
        write_csv(partials["index.csv"], COLUMNS, index)
        packed = open_images(partials["images.npy"])
        draw_overview(packed, index, len(skipped)).save(partials["overview.png"])
        write_json(
            partials["dataset.json"],
            {
                "images": len(index),
                "size": size,
                "subjects": [member.record.subject for member in members],
                "skipped": skipped,
                "sha256": sha256_of(partials["images.npy"]),
            },
        )
        # An old description must not stand beside new images if this process ends here.
        (output / "dataset.json").unlink(missing_ok=True)
    logger.info("%s: %d images of %d subjects", output, len(index), len(members))


@dataclass(frozen=True)
class Member:
    """A subject with images: its stack, how many pages that has, and its record."""

    images: Path
    pages: int
    record: Record


def find_members(
    images: Sequence[Path], records: Path, size: int
) -> tuple[list[Member], list[str]]:
    """Read the records, and how many images each stack has.

    Parameters
    ----------
    images
        Stacks, named after their subjects.
    records
        Folder of the records.
    size
        Pixels a side that every image must have.

    Returns
    -------
    tuple[list[Member], list[str]]
        The subjects with images, and the names of the skipped ones, both in order.

    Raises
    ------
    SynaxialError
        A file cannot be used, images have another size, a subject comes twice, or none is left.
    """
    members: list[Member] = []
    skipped: list[str] = []
    seen: set[str] = set()
    for path in images:
        if path.stem in seen:
            raise SynaxialError(path, f"subject {path.stem} is given twice", "each once")
        seen.add(path.stem)
        record = read_record(records / f"{path.stem}.json")
        if is_placeholder(path):
            skipped.append(record.subject)
        else:
            members.append(Member(path, read_shape(path, (size, size))[0], record))
    if not members:
        raise SynaxialError(
            "IMAGES",
            f"all {len(skipped)} subjects were skipped ({', '.join(skipped)})",
            "at least one subject with images",
            "see their records for the reasons",
        )
    return members, skipped


def write_images(file: BinaryIO, members: list[Member], size: int) -> list[dict[str, Any]]:
    """Write all images as one NumPy file, and return the rows of index.csv.

    The images of one subject at a time are in memory.
    """
    index: list[dict[str, Any]] = []
    total = sum(member.pages for member in members)
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": (total, size, size)}
    )
    for member in members:
        stack = read_stack(member.images)
        file.write(stack.pages.data)
        for description in stack.descriptions:
            index.append({"image": len(index), **row_of(member.record, description["slice"])})
    return index


def row_of(record: Record, at: int) -> dict[str, Any]:
    """Return what index.csv says of one slice of a subject, in the order of `COLUMNS`."""
    left_mm, posterior_mm, superior_mm = record.canonical_spacing
    voxels, left = record.tumour_voxels_per_slice, record.tumour_left_per_slice
    row: dict[str, Any] = {
        "subject": record.subject,
        "person": record.person,
        "slice": at,
        "level": round(at * superior_mm, LEVEL_DIGITS),
    }
    if voxels is None or left is None:
        return row | dict.fromkeys(("tumour_voxels", "tumour_area", "tumour_left"), "")
    area = round(voxels[at] * left_mm * posterior_mm, 2)
    return row | {"tumour_voxels": voxels[at], "tumour_area": area, "tumour_left": left[at]}
