"""Reading the data set that `synaxial data pack` wrote."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, sha256_of
from synaxial.io.images import ImageSet, groups_of

#: The columns of `index.csv`: the number of the image from 0, its subject, the person (who may have
#: several subjects, at other times), its axial slice in the volume, the level of that slice in mm
#: above the lowest one, its tumour voxels at native size, their area in mm2, and the part of them
#: on the patient's left. The last three are empty if there is no segmentation.
COLUMNS = [
    *("image", "subject", "person", "slice", "level"),
    *("tumour_voxels", "tumour_area", "tumour_left"),
]

ONE_RUN = "both from one run of `synaxial data pack`"


def open_images(path: Path) -> np.ndarray:
    """Map the images of a data set into memory: uint8 (N, width, width), read-only.

    All ranks of a node map the same file, so the images are in memory once.

    Raises
    ------
    SynaxialError
        The file is absent, cut short or no such array.
    """
    expected = "images.npy of `synaxial data pack`, uint8 of shape (images, width, width)"
    try:
        images: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise SynaxialError(path, f"cannot be read ({error})", expected) from error
    square = images.ndim == 3 and images.shape[1] == images.shape[2]
    if images.dtype != np.uint8 or not square or images.size == 0:
        raise SynaxialError(path, f"holds {images.dtype} of shape {images.shape}", expected)
    return images


def describe_images(folder: Path) -> dict[str, Any]:
    """Return the dataset.json of a data set, after its digest is compared with images.npy.

    Raises
    ------
    SynaxialError
        A file is absent, or the two do not belong together.
    """
    path = folder / "images.npy"
    description = read_json(folder / "dataset.json")
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise SynaxialError(path, f"cannot be read ({error})", ONE_RUN) from error
    if description.get("sha256") != digest:
        raise SynaxialError(
            folder / "dataset.json",
            "describes another images.npy",
            ONE_RUN,
            "delete images.npy and make it again",
        )
    return description


def open_masks(folder: Path) -> np.ndarray:
    """Map the masks of a data set into memory, in the order of the images.

    Their digest is compared with masks.json, and that of their images with dataset.json;
    `describe_images` compares the latter with images.npy.

    Parameters
    ----------
    folder
        With dataset.json, masks.npy and masks.json.

    Returns
    -------
    array
        uint8 (N, width, width), read-only: 255 inside the tumour and 0 outside.

    Raises
    ------
    SynaxialError
        A file is absent or damaged, or the masks belong to another data set.
    """
    path, record = folder / "masks.npy", read_json(folder / "masks.json")
    masks = open_images(path)
    remedy = "run `synaxial data pack-masks` again"
    if record.get("images_sha256") != read_json(folder / "dataset.json").get("sha256"):
        raise SynaxialError(
            folder / "masks.json", "belongs to other images", "masks of images.npy", remedy
        )
    if record.get("sha256") != sha256_of(path):
        raise SynaxialError(
            path, "is not the file that masks.json describes", "both from one run", remedy
        )
    return masks


def read_index(path: Path) -> list[dict[str, str]]:
    """Read the rows of an index.csv, one for each image, by `COLUMNS`.

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
            path,
            f"has the columns {', '.join(reader.fieldnames or [])}",
            ", ".join(COLUMNS),
            "make the data set again with `synaxial data pack`",
        )
    return rows


def check_unseen(held_out: Path, training: Path) -> None:
    """Refuse held-out people on whom a network was trained, at the same or another time point."""
    trained, judged = (
        {row["person"] for row in read_index(folder / "index.csv")}
        for folder in (training, held_out)
    )
    shared = trained & judged
    if shared:
        raise SynaxialError(
            "--held-out",
            f"{held_out} shares {len(shared)} people with {training}",
            "subjects that no network was trained on",
        )


def read_dataset(folder: Path) -> tuple[ImageSet, list[dict[str, str]]]:
    """Return the images of a data set, grouped by person, and the rows of its index.

    The images stay on the disk until they are used.

    Raises
    ------
    SynaxialError
        A file is absent, damaged, or from another data set.
    """
    images = open_images(folder / "images.npy")
    rows = read_index(folder / "index.csv")
    if len(rows) != len(images):
        raise SynaxialError(
            folder / "index.csv",
            f"names {len(rows)} images, but images.npy holds {len(images)}",
            ONE_RUN,
        )
    return ImageSet(images, groups_of([row["person"] for row in rows])), rows
