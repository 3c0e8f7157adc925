"""`synaxial data pack`."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from synaxial.config import read_study
from synaxial.data.dataset.arguments import sort_files
from synaxial.data.dataset.index import COLUMNS, index_rows
from synaxial.data.dataset.members import Member, find_members
from synaxial.data.dataset.overview import (
    MAXIMUM_COLUMNS,
    MAXIMUM_ROWS,
    Row,
    make_overview,
    make_row,
)
from synaxial.io.files import sha256_of, write_csv, write_json, written_whole
from synaxial.io.images import evenly_spaced
from synaxial.io.stacks import Stack, read_stack

logger = logging.getLogger(__name__)

#: The files of a data set, in the order in which they come to be: the description last, so that
#: where it is, the others are.
FILES = ("images.npy", "index.csv", "overview.png", "dataset.json")

#: Stacks that are read while one is written.
READ_AHEAD = 2


def run(
    config: Annotated[Path, typer.Option(help="Study file; its section resize (size).")],
    output: Annotated[Path, typer.Option(help="Folder of the data set to write.")],
    images: Annotated[
        list[Path],
        typer.Option(metavar="STACK...", help="Stacks of images written by resize (.tif)."),
    ],
    records: Annotated[
        list[Path],
        typer.Option(metavar="RECORD...", help="Their subjects' records (.json), in that order."),
    ],
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Put the images of all subjects into one data set, in the order given.

    Writes images.npy (uint8, N x size x size), index.csv (image, subject, slice, tumour_voxels),
    overview.png, and dataset.json with counts, skipped subjects and the checksum of images.npy.
    """
    size = read_study(config).resize.size
    stacks, record_paths = sort_files(images, records, others or [])
    members, skipped = find_members(stacks, record_paths, size)
    if skipped:
        logger.warning("%d subjects were skipped: %s", len(skipped), ", ".join(skipped))
    with ExitStack() as files:
        # The names are given back in the reverse order, the description's therefore last.
        partials = {
            name: files.enter_context(written_whole(output / name)) for name in reversed(FILES)
        }
        index, rows = write_images(partials["images.npy"], members, size)
        write_csv(partials["index.csv"], COLUMNS, index)
        make_overview(rows, len(members), len(index), len(skipped)).save(partials["overview.png"])
        write_json(
            partials["dataset.json"],
            {
                "images": len(index),
                "size": size,
                "subjects": [member.subject for member in members],
                "skipped": skipped,
                "sha256": sha256_of(partials["images.npy"]),
            },
        )
        # From here on the names change, this one's last: until then an old description must not
        # stand beside new images.
        (output / "dataset.json").unlink(missing_ok=True)
    logger.info("%s: %d images of %d subjects", output, len(index), len(members))


def write_images(
    path: Path, members: list[Member], size: int
) -> tuple[list[dict[str, Any]], list[Row]]:
    """Write all images as one NumPy file, one subject after the other in memory.

    Returns
    -------
    tuple[list[dict[str, Any]], list[Row]]
        The rows of the index, and those of the overview.
    """
    shown = set(evenly_spaced(len(members), MAXIMUM_ROWS))
    columns = min(MAXIMUM_COLUMNS, *(member.count for member in members))
    index: list[dict[str, Any]] = []
    rows: list[Row] = []
    total = sum(member.count for member in members)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (total, size, size)}
        )
        stacks = read_ahead(members, size)
        for number, (member, stack) in enumerate(zip(members, stacks, strict=True)):
            entries = index_rows(member, stack.descriptions, len(index))
            file.write(stack.pages.data)
            index += entries
            if number in shown:
                slices = [entry["slice"] for entry in entries]
                rows.append(make_row(member.subject, slices, stack.pages, columns))
    return index, rows


def read_ahead(members: list[Member], size: int) -> Iterator[Stack]:
    """Read the stacks in their order, the next ones while one is in use."""
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        waiting: deque[Future[Stack]] = deque()
        for member in members:
            waiting.append(pool.submit(read_stack, member.images, (size, size)))
            # No more, or all of them might be in memory at once.
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
