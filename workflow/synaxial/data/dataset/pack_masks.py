"""`synaxial data pack-masks`: the masks of the images of a data set."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.data.dataset.reading import describe_images, read_dataset
from synaxial.data.prepared.memory import memory_of
from synaxial.io.errors import SynaxialError, shortened
from synaxial.io.files import is_placeholder, sha256_of, write_json, written_whole
from synaxial.io.stacks import read_stack

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)


def run(
    masks: Annotated[list[Path], typer.Argument(help="Stacks written by mask (SUBJECT.tif).")],
    dataset: Annotated[Path, typer.Option(help="Folder written by pack.")],
    results: Annotated[
        Path | None, typer.Option(help="Folder written by prepare, to say why masks are missing.")
    ] = None,
) -> None:
    """Add the masks of all images to a data set, in the order of the images.

    Writes masks.npy (uint8, N x size x size, 0 or 255) into the folder, and masks.json with the
    checksums of masks.npy and images.npy. An empty file stands for a skipped subject.

    \b
    Example: synaxial data pack-masks --dataset results/dataset results/masks/*.tif
    """
    digest = describe_images(dataset)["sha256"]
    images, rows = read_dataset(dataset)
    wanted = [(row["subject"], int(row["slice"])) for row in rows]
    check_segmentations((subject for subject, _ in wanted), masks, results)
    shape = images.pixels.shape
    with ExitStack() as files:
        # The files get their names in the reverse order, so masks.json is the last.
        record = files.enter_context(written_whole(dataset / "masks.json"))
        partial = files.enter_context(written_whole(dataset / "masks.npy"))
        with partial.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": shape}
            )
            for pages in masks_in_order(masks, wanted, shape[1]):
                file.write(np.ascontiguousarray(pages).data)
        write_json(
            record,
            {
                "images": len(images),
                "size": shape[1],
                "sha256": sha256_of(partial),
                "images_sha256": digest,
            },
        )
    logger.info("%s: %d masks", dataset / "masks.npy", len(images))


def check_segmentations(
    subjects: Iterable[str], stacks: Sequence[Path], results: Path | None = None
) -> None:
    """Raise a SynaxialError that names the subjects with images whose stack of masks is empty.

    It says why, as `synaxial data prepare` remembers it in the folder of results.
    """
    empty = {path.stem for path in stacks if is_placeholder(path)}
    without = [name for name in dict.fromkeys(subjects) if name in empty]
    if without:
        known = [memory_of(results, name).no_masks for name in without[:3]] if results else []
        why = "; ".join(dict.fromkeys(reason for reason in known if reason))
        raise SynaxialError(
            shortened(without, 3),
            f"no masks ({why})" if why else "no masks",
            "a segmentation that can be used for each subject, because of training.masks",
            "see also the warnings in manifest.csv; leave such subjects out "
            "of acquire.subjects and acquire.held_out, or set directory.segmentation_pattern if "
            "the files are elsewhere, or train without masks",
        )


def masks_in_order(
    stacks: Sequence[Path], wanted: list[tuple[str, int]], size: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield the masks of each stack, uint8 (pages, size, size).

    Parameters
    ----------
    stacks
        In any order; those that are not wanted are left out.
    wanted
        Subject and slice of each image; the images of a subject follow each other.
    size
        Pixels a side that every mask must have.

    Raises
    ------
    SynaxialError
        The masks of a subject are not there, or are of other slices.
    """
    of_subject = {path.stem: path for path in stacks if not is_placeholder(path)}
    for subject, rows in itertools.groupby(wanted, key=lambda row: row[0]):
        slices = [at for _, at in rows]
        if subject not in of_subject:
            raise SynaxialError(
                "MASKS", f"lack {subject}.tif", "the stacks of all subjects with images"
            )
        stack = read_stack(of_subject[subject], (size, size))
        found = [description["slice"] for description in stack.descriptions]
        if found != slices:
            raise SynaxialError(
                of_subject[subject], f"has masks of the slices {found}", f"{slices}, as index.csv"
            )
        yield stack.pages
