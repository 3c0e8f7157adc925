"""What identifies the slices that a U-Net is trained with or judged on."""

from pathlib import Path
from typing import Any

from synaxial.files import read_json
from synaxial.segment.slices import Slices


def describe_held_out(folder: Path, truth: Slices, scores: dict[str, float]) -> dict[str, Any]:
    """Return which slices were segmented, of how many people, and how many of them count.

    Parameters
    ----------
    folder
        Of the data set.
    truth
        Its slices.
    scores
        A number for each person with a tumour.
    """
    return {
        "images": len(truth),
        "people": len(truth.names),
        "people_without_tumour": len(truth.names) - len(scores),
        **describe_dataset(folder),
    }


def describe_dataset(folder: Path) -> dict[str, str]:
    """Return what identifies the images and masks of a data set: their SHA-256."""
    record = read_json(folder / "masks.json")
    return {"images_sha256": record["images_sha256"], "masks_sha256": record["sha256"]}
