"""What is loaded into the catalogue: read from the files of a training, and checked."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.digests import (
    TRAINING,
    check_images,
    check_training,
    digests_in,
    read_pair,
)
from synaxial.evaluation.image_sets import read_set
from synaxial.evaluation.measuring import SET
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, sha256_of
from synaxial.io.stacks import images_of, masks_of, read_stack
from synaxial.studies.catalogue.numbers import ImageNumbers, numbers_of
from synaxial.studies.catalogue.pictures import plain

RUN = "a run.json of `synaxial train`"
STACK = "a stack of `synaxial sample`"

#: The largest number of a stack, and what every database holds as a whole number.
LARGEST_STACK = 2**31 - 1
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Run:
    """What the catalogue takes from `run.json`.

    Attributes
    ----------
    experiment, seed, fingerprint
        Of the training.
    generator
        The SHA-256 of the generator's arrays.
    content, sha256
        The whole file, and of its bytes.
    """

    experiment: str
    seed: int
    fingerprint: str
    generator: str
    content: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class LoadedStack:
    """A stack with the numbers of those of its images that were measured.

    Attributes
    ----------
    number
        Of the stack.
    pages
        The images, uint8 (H, W) or (H, W, 3) each.
    masks
        Their masks, uint8 (H, W) each, 0 and 255; none if the generator makes none.
    seeds
        From which each was sampled.
    sha256
        Of the pages and their descriptions.
    numbers
        Of the first images: as many as were measured.
    pixel_millimetres
        Side of a pixel, or None where that is not known.
    """

    number: int
    pages: list[NDArray[np.uint8]]
    masks: list[NDArray[np.uint8]]
    seeds: list[int]
    sha256: str
    numbers: list[ImageNumbers]
    pixel_millimetres: float | None


@dataclass(frozen=True)
class Training:
    """The images trained with.

    Attributes
    ----------
    sha256
        Of images.npy.
    images
        uint8 (M, S, S).
    rows
        Subject and slice of each.
    """

    sha256: str
    images: NDArray[np.uint8]
    rows: list[dict[str, str]]


def read_run(path: Path) -> Run:
    """Read the record of a training.

    Raises
    ------
    SynaxialError
        It is absent, or not such a record.
    """
    content = read_json(path)
    try:
        experiment, fingerprint = content["experiment"], content["fingerprint"]
        (seed,) = content["settings"]["seeds"]
        generator = content["digests"]["generator"]
    except (KeyError, TypeError, ValueError) as error:
        raise SynaxialError(path, f"does not say {error}", RUN) from error
    known = isinstance(experiment, str) and isinstance(fingerprint, str) and _is_count(seed)
    if not known or not isinstance(generator, str) or not re.fullmatch("[0-9a-f]{64}", generator):
        raise SynaxialError(path, "names no experiment, seed, fingerprint and generator", RUN)
    return Run(experiment, seed, fingerprint, generator, content, sha256_of(path))


def read_numbers(
    measurements: Path,
    reference: Path,
    stacks: Sequence[Path],
    training: Path,
    millimetres: float | None,
) -> tuple[list[ImageNumbers], Training]:
    """Return the numbers of the stacks' first images, in order, and the images trained with.

    Raises
    ------
    SynaxialError
        A file cannot be used, or was measured of other images.
    """
    own, real = read_pair(measurements, reference)
    check_training(training, own, measurements)
    seen, rows = read_dataset(training)
    try:
        images = read_set(stacks, len(own[SET]["groups"]))
        check_images(stacks, images.pixels, own, measurements)
        numbers = numbers_of(own, real, images.pixels.shape[1], millimetres)
    except (KeyError, ValueError, IndexError) as error:
        raise SynaxialError(
            measurements,
            f"cannot be read beside {reference} ({error})",
            "two files of one version of `synaxial evaluate measure`",
        ) from error
    if not all(0 <= each.training < len(rows) for each in numbers):
        raise SynaxialError(measurements, f"names a training image beyond the {len(rows)} there")
    return numbers, Training(digests_in(own, measurements)[TRAINING], seen.pixels, rows)


def read_loaded_stack(
    path: Path, run: Run, numbers: list[ImageNumbers], millimetres: float | None
) -> LoadedStack:
    """Read a stack of a training's generator.

    Parameters
    ----------
    path
        The stack.
    run
        The training.
    numbers
        Those of this stack's images; may be fewer.
    millimetres
        Side of a pixel.

    Raises
    ------
    SynaxialError
        It cannot be read, is of another generator, or not as `synaxial sample` writes it.
    """
    whole = read_stack(path)
    stack, masks = images_of(whole, path), masks_of(whole, path)
    digest = hashlib.sha256(f"{whole.pages.shape}\n".encode())
    digest.update(whole.pages.data)
    seeds: list[int] = []
    named: set[int] = set()
    for number, description in enumerate(stack.descriptions):
        if description.get("generated") is not True:
            raise SynaxialError(path, f"page {number} is not marked as generated", STACK)
        if description.get("generator") != run.generator:
            raise SynaxialError(
                path,
                f"page {number} is of generator {str(description.get('generator'))[:12]}",
                f"{run.generator[:12]}, that of run.json",
                "sample anew, or give the run.json of that training",
            )
        place: list[Any] = [description.get(name) for name in ("stack", "image", "seed")]
        if not all(map(_is_count, place)) or place[1] != number or place[0] > LARGEST_STACK:
            raise SynaxialError(path, f"page {number} does not say which image it is", STACK)
        named.add(int(description["stack"]))
        seeds.append(int(description["seed"]))
        digest.update(json.dumps(description, sort_keys=True).encode())
    if len(named) != 1:
        raise SynaxialError(path, f"holds pages of {len(named)} stacks", STACK)
    pages = [plain(page) for page in stack.pages]
    of_images = [] if masks is None else [plain(page) for page in masks.pages]
    return LoadedStack(
        named.pop(), pages, of_images, seeds, digest.hexdigest(), numbers, millimetres
    )


def _is_count(value: Any) -> bool:
    """Tell whether a value from a file is a whole number from 0 that a database can hold."""
    return type(value) is int and 0 <= value <= LARGEST
