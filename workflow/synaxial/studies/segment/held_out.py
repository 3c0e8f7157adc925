"""What identifies the slices that a U-Net is trained with or judged on."""

from pathlib import Path
from typing import Any

from synaxial.data.dataset.reading import read_index
from synaxial.data.subjects import person_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.studies.segment.slices import Slices


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


def check_unseen(held_out: Path, dataset: Path) -> None:
    """Refuse people held out whom the training sees, at this or another timepoint.

    Raises
    ------
    SynaxialError
        The two data sets have people in common.
    """
    seen, judged = (
        {person_of(row["subject"]) for row in read_index(folder / "index.csv")}
        for folder in (dataset, held_out)
    )
    both = seen & judged
    if both:
        raise SynaxialError(
            "--held-out",
            f"{held_out} has {len(both)} people of {dataset} too",
            "subjects that none was trained with",
        )


def describe_dataset(folder: Path) -> dict[str, str]:
    """Return what identifies the images and masks of a data set: their SHA-256."""
    record = read_json(folder / "masks.json")
    return {"images_sha256": record["images_sha256"], "masks_sha256": record["sha256"]}
