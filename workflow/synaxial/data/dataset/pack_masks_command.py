"""`synaxial data pack-masks`."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.data.dataset.reading import describe_images, open_images, read_index
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, sha256_of, write_json, written_whole
from synaxial.io.stacks import INSIDE, MASK, OUTSIDE, Stack, are_binary, read_stack

logger = logging.getLogger(__name__)


def run(
    masks: Annotated[list[Path], typer.Argument(help="Stacks written by mask (.tif).")],
    dataset: Annotated[Path, typer.Option(help="Folder that `synaxial data pack` wrote.")],
) -> None:
    """Put the masks of a data set's images beside them, in the images' order.

    Writes masks.npy (uint8, N x size x size, 0 or 255) into the data set's folder, and masks.json
    with its checksum and that of the images.npy that it belongs to. The stacks are given in the
    order in which `pack` was given the images; empty ones are skipped subjects'.
    """
    images = open_images(dataset / "images.npy")
    size = images.shape[1]
    expected = pages_of_index(dataset, len(images))
    description = describe_images(dataset)
    digest, skipped = description["sha256"], set(description.get("skipped", []))
    with ExitStack() as files:
        # The names are given back in the reverse order, the description's therefore last.
        record = files.enter_context(written_whole(dataset / "masks.json"))
        partial = files.enter_context(written_whole(dataset / "masks.npy"))
        with partial.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": images.shape}
            )
            for pages in checked_masks(masks, expected, skipped, size):
                file.write(np.ascontiguousarray(pages).data)
        write_json(
            record,
            {
                "images": len(images),
                "size": size,
                "sha256": sha256_of(partial),
                "images_sha256": digest,
            },
        )
    logger.info("%s: %d masks", dataset / "masks.npy", len(images))


def pages_of_index(dataset: Path, images: int) -> list[tuple[str, int]]:
    """Return each image's subject and slice.

    Raises
    ------
    SynaxialError
        There is no index, or it is of another number of images.
    """
    path = dataset / "index.csv"
    rows = read_index(path)
    if len(rows) != images:
        raise SynaxialError(
            path,
            f"names {len(rows)} images, but images.npy holds {images}",
            "both from one run of `synaxial data pack`",
        )
    return [(row["subject"], int(row["slice"])) for row in rows]


def checked_masks(
    stacks: list[Path], expected: list[tuple[str, int]], skipped: set[str], size: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield each stack's masks, uint8 (pages, size, size), if all together are the expected ones.

    Raises
    ------
    SynaxialError
        A page is no mask, or not of the subject and slice of its image.
    """
    packed = 0
    for path in stacks:
        if is_placeholder(path):
            continue
        stack = read_stack(path, (size, size))
        found = masked_slices(stack, path)
        # Where `slice` alone found the volume unfit.
        if {subject for subject, _ in found} <= skipped:
            continue
        wanted = expected[packed : packed + len(found)]
        if found != wanted:
            # Where all that are expected are there, the first one too many.
            pairs = enumerate(zip(found, wanted, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), len(wanted))
            raise SynaxialError(
                path,
                f"page {at} is the mask of {_told(found[at : at + 1])}",
                f"{_told(wanted[at : at + 1])}, as index.csv",
                "give the stacks in the order of the images",
            )
        packed += len(found)
        yield stack.pages
    if packed < len(expected):
        raise SynaxialError(
            "masks",
            f"end after {packed} of {len(expected)} images",
            f"next those of {_told(expected[packed : packed + 1])}",
            "give the stacks of all subjects with images",
        )


def masked_slices(stack: Stack, path: Path) -> list[tuple[str, int]]:
    """Return subject and slice of each page.

    Raises
    ------
    SynaxialError
        A page is no mask.
    """
    for number, (page, description) in enumerate(zip(stack.pages, stack.descriptions, strict=True)):
        known = isinstance(description.get("subject"), str) and (
            type(description.get("slice")) is int
        )
        if description.get("channel") != MASK or not known or not are_binary(page):
            raise SynaxialError(
                path,
                f"page {number} is no mask",
                f"{OUTSIDE} and {INSIDE}, of a named subject and slice, by `synaxial data mask`",
            )
    return [(page["subject"], page["slice"]) for page in stack.descriptions]


def _told(pages: list[tuple[str, int]]) -> str:
    """Return subject and slice of a page, or that there is none."""
    return " ".join(f"{subject} slice {index}" for subject, index in pages) or "no more images"
