"""The files of a training that are loaded into the catalogue, read and checked."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.features import efficientnet
from synaxial.evaluation.measurements import (
    SET,
    TRAINING,
    Measurements,
    check_training,
    compared,
    digests_in,
    read_images,
    read_pair,
)
from synaxial.evaluation.metrics import anatomy, memorisation
from synaxial.evaluation.metrics.neighbours import realism
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, sha256_of
from synaxial.io.stacks import images_of, masks_of, read_stack
from synaxial.studies.catalogue.tables import LEFT, MIDDLE, RIGHT

STACK = "a stack of `synaxial sample`"

#: The columns of `tables.Numbers` for one image, and first `training`: the number of the nearest
#: training image in its data set.
ImageNumbers = dict[str, Any]

#: Whole numbers that every database can hold.
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Asked(BaseModel):
    """What was asked of an image, as `labels.described` writes it."""

    model_config = ConfigDict(extra="forbid")

    level: float | None = None
    tumour: bool | None = None
    side: str | None = None
    size: float | None = None


class _Page(BaseModel):
    """The description of a page of a stack."""

    model_config = ConfigDict(strict=True)

    generated: bool
    generator: str
    stack: Annotated[int, Field(ge=0, le=2**31 - 1)]
    image: Count
    seed: Count
    asked: Asked = Asked()


@dataclass(frozen=True)
class Run:
    """The record of a training, `run.json`: its keys, its whole content, and its file's SHA-256.

    `generator` is the SHA-256 of the generator's arrays.
    """

    experiment: str
    seed: int
    fingerprint: str
    generator: str
    content: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class LoadedStack:
    """A stack with the numbers of its measured images, which are the first ones.

    Attributes
    ----------
    pages, masks
        Images, uint8 (H, W) or (H, W, 3) each, and masks of 0 and 255; empty without masks.
    seeds
        The sampling seed of each image.
    asked
        What was asked of each image.
    sha256
        Of the pages and their descriptions.
    pixel_millimetres
        Side of a pixel in mm, or None where it is unknown.
    """

    number: int
    pages: list[NDArray[np.uint8]]
    masks: list[NDArray[np.uint8]]
    seeds: list[int]
    asked: list[Asked]
    sha256: str
    numbers: list[ImageNumbers]
    pixel_millimetres: float | None


@dataclass(frozen=True)
class Training:
    """The training images, uint8 (M, S, S), with their index and the SHA-256 of images.npy."""

    sha256: str
    images: NDArray[np.uint8]
    rows: list[dict[str, str]]


def read_run(path: Path) -> Run:
    """Read the record of a training."""
    content = read_json(path)
    try:
        (seed,) = content["settings"]["seeds"]
        experiment, fingerprint = content["experiment"], content["fingerprint"]
        generator = content["digests"]["generator"]
    except (KeyError, TypeError, ValueError) as error:
        raise SynaxialError(
            path, f"is not complete ({error})", "a run.json of `synaxial train`"
        ) from error
    return Run(experiment, seed, fingerprint, generator, content, sha256_of(path))


def read_numbers(
    measurements: Path,
    reference: Path,
    stacks: Sequence[Path],
    training: Path,
    millimetres: float | None,
) -> tuple[list[ImageNumbers], Training]:
    """Return the numbers of the stacks' first images, in order, and the training images."""
    own, real = read_pair(measurements, reference)
    check_training(training, own, measurements)
    seen, rows = read_dataset(training)
    with compared(measurements, reference):
        images = read_images(stacks, own, measurements)
        numbers = numbers_of(own, real, images.pixels.shape[1], millimetres)
    return numbers, Training(digests_in(own, measurements)[TRAINING], seen.pixels, rows)


def read_loaded_stack(
    path: Path, run: Run, numbers: list[ImageNumbers], millimetres: float | None
) -> LoadedStack:
    """Read a stack of a training's generator.

    `numbers` are those of its first images, `millimetres` the side of a pixel.
    """
    whole = read_stack(path)
    stack, masks = images_of(whole, path), masks_of(whole, path)
    digest = hashlib.sha256(f"{whole.pages.shape}\n".encode())
    digest.update(whole.pages.data)
    pages: list[_Page] = []
    for number, description in enumerate(stack.descriptions):
        try:
            page = _Page.model_validate(description)
        except ValidationError as error:
            raise SynaxialError(
                path, f"page {number} does not describe its image", STACK
            ) from error
        if page.generator != run.generator:
            raise SynaxialError(
                path,
                f"page {number} comes from generator {page.generator[:12]}",
                f"{run.generator[:12]}, as in run.json",
                "sample again, or give the run.json of that training",
            )
        pages.append(page)
        if not page.generated or (page.image, page.stack) != (number, pages[0].stack):
            raise SynaxialError(path, f"page {number} is not image {number} of one stack", STACK)
        digest.update(json.dumps(description, sort_keys=True).encode())
    return LoadedStack(
        pages[0].stack,
        [plain(image) for image in stack.pages],
        [] if masks is None else [plain(mask) for mask in masks.pages],
        [page.seed for page in pages],
        [page.asked for page in pages],
        digest.hexdigest(),
        numbers,
        millimetres,
    )


def plain(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a colour image (H, W, 3) with three equal channels as (H, W); others unchanged."""
    if page.ndim == 3 and (page == page[:, :, :1]).all():
        return np.ascontiguousarray(page[:, :, 0])
    return page


def numbers_of(
    candidate: Measurements, reference: Measurements, side: int, millimetres: float | None
) -> list[ImageNumbers]:
    """Return the numbers of each measured image, in order; see `tables.Numbers`.

    `side` is the width of an image in pixels, `millimetres` the side of a pixel, if it is known.
    A KeyError or ValueError means that a measurement is missing, or that the sets do not compare.
    """
    near, body = candidate[memorisation.NAME], candidate[anatomy.NAME]
    limit = memorisation.compare(near, reference[memorisation.NAME])["memorisation_threshold"]
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
            {
                "training": int(near["training"][at]),
                "similarity": float(near["correlation"][at]),
                "similarity_limit": limit,
                "memorised": bool(near["correlation"][at] > limit),
                "mirrored": bool(near["flipped"][at]),
                "brain_area_pixels": brain,
                "tumour_area_pixels": tumour,
                "tumour_area_mm2": None if millimetres is None else tumour * millimetres**2,
                "tumour_side": side_of(float(body["hyperintense_right"][at])) if tumour else None,
                "tumour_row": row if tumour else None,
                "tumour_column": column if tumour else None,
                "realism": scores[at],
            }
        )
    return found


def side_of(in_right_half: float) -> str:
    """Return the patient's side, from the % of the area in the right half of the picture."""
    if np.isclose(in_right_half, 50):
        return MIDDLE
    return LEFT if in_right_half > 50 else RIGHT


def _realism(candidate: Measurements, reference: Measurements) -> list[float | None]:
    """Return each image's realism score, or None for all if the reference is too small."""
    made, real = (each[efficientnet.NAME]["features"] for each in (candidate, reference))
    try:
        return [float(score) for score in realism(made, real, reference[SET]["groups"])]
    except ValueError:
        if made.shape[1] != real.shape[1]:
            raise
        return [None] * len(made)
