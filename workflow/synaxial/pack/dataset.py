"""The data set that `synaxial pack` wrote, read again."""

import csv
from pathlib import Path

import numpy as np

from synaxial.acquire.subjects import person_of
from synaxial.errors import SynaxialError
from synaxial.metrics.images import ImageSet, groups_of
from synaxial.pack.index import COLUMNS


def open_images(path: Path) -> np.ndarray:
    """Map the packed dataset into memory: uint8 (N, width, width), read-only.

    Every rank of a node maps the same file, so the images are in memory once.

    Raises
    ------
    SynaxialError
        The file is absent, cut short or not such an array.
    """
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SynaxialError(
            path, f"cannot be read ({error})", "the images.npy of `synaxial pack`"
        ) from error
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 3
        or images.shape[1] != images.shape[2]
        or len(images) == 0
    ):
        found = (
            f"{images.dtype} of shape {images.shape}" if hasattr(images, "shape") else "no array"
        )
        raise SynaxialError(path, f"holds {found}", "uint8 of shape (images, width, width)")
    return images


def read_index(path: Path) -> list[dict[str, str]]:
    """Read what is known of each image, in their order; the columns are `COLUMNS`.

    Raises
    ------
    SynaxialError
        The file is absent or no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SynaxialError(
            path, f"cannot be read ({error})", "the index.csv of `synaxial pack`"
        ) from error
    if reader.fieldnames != COLUMNS:
        raise SynaxialError(
            path, f"has the columns {', '.join(reader.fieldnames or [])}", ", ".join(COLUMNS)
        )
    if any(not (row["slice"] or "").isdecimal() or not row["subject"] for row in rows):
        raise SynaxialError(path, "has a row without a subject or the number of a slice")
    return rows


def read_dataset(folder: Path) -> tuple[ImageSet, list[dict[str, str]]]:
    """Return a data set's images, each person's a group, and what is known of each.

    The images stay on the disk until they are used.

    Raises
    ------
    SynaxialError
        A file is absent, damaged, or of another data set.
    """
    images = open_images(folder / "images.npy")
    rows = read_index(folder / "index.csv")
    if len(rows) != len(images):
        raise SynaxialError(
            folder / "index.csv",
            f"names {len(rows)} images, but images.npy holds {len(images)}",
            "both from one run of `synaxial pack`",
        )
    return ImageSet(images, groups_of([person_of(row["subject"]) for row in rows])), rows
