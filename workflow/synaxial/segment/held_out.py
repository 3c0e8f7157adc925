"""What identifies the slices that everything is judged on."""

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
    record = read_json(folder / "masks.json")
    return {
        "images": len(truth),
        "people": len(truth.names),
        "people_without_tumour": len(truth.names) - len(scores),
        "images_sha256": record["images_sha256"],
        "masks_sha256": record["sha256"],
    }
