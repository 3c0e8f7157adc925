"""The data set that `synaxial data pack` wrote, read again."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.data.dataset.index import COLUMNS
from synaxial.data.subjects import person_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, sha256_of
from synaxial.io.images import ImageSet, groups_of
from synaxial.io.stacks import INSIDE, OUTSIDE, are_binary

#: Masks that are looked at in one step, to bound the memory.
MASKS_AT_A_TIME = 256


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
            path, f"cannot be read ({error})", "the images.npy of `synaxial data pack`"
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


def describe_images(folder: Path) -> dict[str, Any]:
    """Return the description of a data set's images: its dataset.json.

    Each byte of images.npy is read once, so that its SHA-256 under `sha256` is what these very
    images have.

    Raises
    ------
    SynaxialError
        A file is absent, or they do not belong together.
    """
    description = read_json(folder / "dataset.json")
    try:
        digest = sha256_of(folder / "images.npy")
    except OSError as error:
        raise SynaxialError(
            folder / "images.npy",
            f"cannot be read ({error})",
            "the images.npy of `synaxial data pack`",
        ) from error
    if description.get("sha256") != digest:
        raise SynaxialError(
            folder / "dataset.json",
            "describes another images.npy",
            "both from one run of `synaxial data pack`",
            "delete images.npy and make it again",
        )
    return description


def open_masks(folder: Path) -> np.ndarray:
    """Map the masks of a data set's images into memory, in the images' order.

    Each byte is read once, so that what comes back is what `synaxial data pack-masks` wrote for the
    images that dataset.json describes; `describe_images` tells whether these are images.npy.

    Parameters
    ----------
    folder
        With images.npy, dataset.json, masks.npy and masks.json.

    Returns
    -------
    array
        uint8 (N, width, width), read-only: 255 inside the tumour and 0 outside.

    Raises
    ------
    SynaxialError
        A file is absent or damaged, the masks are of another shape or type or have other values,
        or they belong to another data set.
    """
    path, record = folder / "masks.npy", read_json(folder / "masks.json")
    masks, images = open_images(path), open_images(folder / "images.npy")
    if masks.shape != images.shape:
        raise SynaxialError(
            path, f"holds masks of shape {masks.shape}", f"{images.shape}, as images.npy"
        )
    for first in range(0, len(masks), MASKS_AT_A_TIME):
        if not are_binary(masks[first : first + MASKS_AT_A_TIME]):
            raise SynaxialError(path, f"has other values than {OUTSIDE} and {INSIDE}", "masks")
    remedy = "run `synaxial data pack-masks` again"
    if record.get("images_sha256") != read_json(folder / "dataset.json").get("sha256"):
        raise SynaxialError(
            folder / "masks.json", "is of other images", "masks of this folder's images.npy", remedy
        )
    if record.get("sha256") != sha256_of(path):
        raise SynaxialError(path, "is not the file that masks.json describes", "both", remedy)
    return masks


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
            path, f"cannot be read ({error})", "the index.csv of `synaxial data pack`"
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
            "both from one run of `synaxial data pack`",
        )
    return ImageSet(images, groups_of([person_of(row["subject"]) for row in rows])), rows
