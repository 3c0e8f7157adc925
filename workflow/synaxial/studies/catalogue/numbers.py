"""What the catalogue says of each image, from the measurements of its set."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from synaxial.evaluation.features import efficientnet
from synaxial.evaluation.measurement_files import Measurements
from synaxial.evaluation.measuring import SET
from synaxial.evaluation.metrics import anatomy, memorisation
from synaxial.studies.catalogue.models import LEFT, MIDDLE, RIGHT
from synaxial.studies.catalogue.realism import realism


@dataclass(frozen=True)
class ImageNumbers:
    """The numbers of one image.

    Attributes
    ----------
    training
        The number of the nearest training image in its data set.
    similarity
        Its correlation with the image, -1 to 1, at its best position.
    similarity_limit
        The 99th percentile of what real images of other subjects reach.
    memorised
        Whether the similarity is beyond that limit.
    mirrored
        Whether the training image is nearest when mirrored.
    brain_area_pixels, tumour_area_pixels
        Of the brain and of what is bright in it as a tumour is.
    tumour_area_mm2
        None where a pixel's size is not known.
    tumour_side
        The patient's side of the brain's centre with the larger part: "left", "right", "middle" if
        both have a half, None without a tumour-like part.
    tumour_row, tumour_column
        Its centre in pixels from the top and from the left, counted from 0.
    realism
        See `realism.py`; None if the reference is too small for it.
    """

    training: int
    similarity: float
    similarity_limit: float
    memorised: bool
    mirrored: bool
    brain_area_pixels: int
    tumour_area_pixels: int
    tumour_area_mm2: float | None
    tumour_side: str | None
    tumour_row: float | None
    tumour_column: float | None
    realism: float | None

    def columns(self) -> dict[str, Any]:
        """Return what is a column of the table of numbers."""
        return {name: value for name, value in asdict(self).items() if name != "training"}


def numbers_of(
    candidate: Measurements, reference: Measurements, side: int, millimetres: float | None
) -> list[ImageNumbers]:
    """Return the numbers of each measured image, in order.

    Parameters
    ----------
    candidate, reference
        What `synaxial evaluate measure` found of the set and of the reference.
    side
        Pixels a side of an image.
    millimetres
        The same of one pixel, or None where that is not known.

    Raises
    ------
    KeyError
        Something was not measured.
    ValueError
        The measurements are not of sets that can be compared.
    """
    near, body = candidate[memorisation.NAME], candidate[anatomy.NAME]
    compared = memorisation.compare(near, reference[memorisation.NAME])
    limit = compared["memorisation_threshold"]
    scores = _realism(candidate, reference)
    found = []
    for at in range(len(candidate[SET]["groups"])):
        brain = round(body["area"][at] / 100 * side**2)
        tumour = round(body["hyperintense"][at] / 100 * body["area"][at] / 100 * side**2)
        row, column = (
            float(body[axis][at] + body[f"hyperintense_{axis}"][at]) * side / 100
            for axis in ("row", "column")
        )
        found.append(
            ImageNumbers(
                training=int(near["training"][at]),
                similarity=float(near["correlation"][at]),
                similarity_limit=limit,
                memorised=bool(near["correlation"][at] > limit),
                mirrored=bool(near["flipped"][at]),
                brain_area_pixels=brain,
                tumour_area_pixels=tumour,
                tumour_area_mm2=None if millimetres is None else tumour * millimetres**2,
                tumour_side=side_of(float(body["hyperintense_right"][at])) if tumour else None,
                tumour_row=row if tumour else None,
                tumour_column=column if tumour else None,
                realism=scores[at],
            )
        )
    return found


def side_of(in_right_half: float) -> str:
    """Return the patient's side, from what % of the part is in the right half of the picture."""
    if np.isclose(in_right_half, 50):
        return MIDDLE
    return LEFT if in_right_half > 50 else RIGHT


def _realism(candidate: Measurements, reference: Measurements) -> list[float | None]:
    """Return each image's realism score, or None for all where the reference is too small."""
    made, real = (each[efficientnet.NAME]["features"] for each in (candidate, reference))
    try:
        return [float(score) for score in realism(made, real, reference[SET]["groups"])]
    except ValueError:
        if made.shape[1] != real.shape[1]:
            raise
        return [None] * len(made)
