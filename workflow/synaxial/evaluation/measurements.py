"""Files of measurements, with digests of the images that were measured."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from synaxial.data.image_sets import read_set
from synaxial.evaluation.metrics.common import Rows
from synaxial.io.arrays import read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import sha256_of, written_whole
from synaxial.io.images import ImageSet, digest_of_pixels

#: The rows of each metric and kind of features, by its name.
Measurements = dict[str, Rows]

#: The name under which the groups of the images are kept.
SET = "set"

#: The name under which the digests are kept, and the names of the digests: of the measured set, of
#: the reference that it is to be compared with, of the data set searched for copies, and of the
#: judge, "" without one.
DIGESTS = "sha256"
IMAGES: Final = "images"
REFERENCE: Final = "reference"
TRAINING: Final = "training"
JUDGE: Final = "judge"

#: Digits of a digest in a message.
SHOWN = 12

REMEDY = (
    "give the measured files, or measure again (`synaxial evaluate measure`; with Snakemake, "
    "--forcerun evaluate reference controls)"
)


def write_measurements(path: Path, measurements: Measurements) -> None:
    """Write measurements as compressed arrays, without pickle."""
    arrays: dict[str, Any] = {
        f"{metric}/{name}": array
        for metric, named in measurements.items()
        for name, array in named.items()
    }
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_measurements(path: Path) -> Measurements:
    """Read measurements, with the errors of `read_arrays`."""
    measurements: Measurements = {}
    for key, array in read_arrays(path).items():
        metric, _, name = key.partition("/")
        measurements.setdefault(metric, {})[name] = array
    return measurements


def read_pair(measurements: Path, reference: Path) -> tuple[Measurements, Measurements]:
    """Read the measurements of a set and those of its reference.

    Raises
    ------
    SynaxialError
        A file cannot be read, or the two files do not belong together.
    """
    own, real = read_measurements(measurements), read_measurements(reference)
    ours, theirs = digests_in(own, measurements), digests_in(real, reference)
    _check_digest(reference, theirs[IMAGES], ours[REFERENCE], f"the reference of {measurements}")
    _check_digest(
        reference, theirs[TRAINING], ours[TRAINING], f"measured with the data set of {measurements}"
    )
    _check_digest(reference, theirs[JUDGE], ours[JUDGE], f"measured by the judge of {measurements}")
    return own, real


def digest_of_training(folder: Path) -> str:
    """Return the SHA-256 of the images.npy of a data set."""
    return sha256_of(folder / "images.npy")


def with_digests(
    measurements: Measurements, images: str, reference: str, training: str, judge: str = ""
) -> Measurements:
    """Return measurements together with the digests of what was measured."""
    digests = {IMAGES: images, REFERENCE: reference, TRAINING: training, JUDGE: judge}
    return measurements | {DIGESTS: {name: np.array(text) for name, text in digests.items()}}


def digests_in(measurements: Measurements, path: Path) -> dict[str, str]:
    """Return the digests in a file of measurements, by `IMAGES`, `REFERENCE`, `TRAINING`, `JUDGE`.

    Raises
    ------
    SynaxialError
        They are missing: the file is of an older version, or no such file.
    """
    held = measurements.get(DIGESTS, {})
    if not {IMAGES, REFERENCE, TRAINING} <= set(held):
        raise SynaxialError(
            path, "does not say which images were measured", "a file of this version", REMEDY
        )
    return {name: str(held.get(name, "")) for name in (IMAGES, REFERENCE, TRAINING, JUDGE)}


def read_images(stacks: Sequence[Path], measurements: Measurements, path: Path) -> ImageSet:
    """Read the images that were measured; `path` is the file of the measurements.

    Raises
    ------
    SynaxialError
        A stack cannot be read, or the stacks hold other images.
    """
    images = read_set(stacks, len(measurements[SET]["groups"]))
    where = ", ".join(str(stack) for stack in stacks)
    expected = digests_in(measurements, path)[IMAGES]
    _check_digest(where, digest_of_pixels(images.pixels), expected, f"the images of {path}")
    return images


def check_training(folder: Path, measurements: Measurements, path: Path) -> None:
    """Refuse a data set that is not the one searched for copies."""
    found, expected = digest_of_training(folder), digests_in(measurements, path)[TRAINING]
    _check_digest(folder / "images.npy", found, expected, f"the data set of {path}")


@contextmanager
def compared(measurements: Path, reference: Path) -> Iterator[None]:
    """Turn what is missing or does not fit in two files into one clear error."""
    try:
        yield
    except (KeyError, ValueError, IndexError) as error:
        raise SynaxialError(
            measurements,
            f"cannot be compared with {reference} ({error})",
            "two files from the same version of `synaxial evaluate measure`",
        ) from error


def _check_digest(where: str | Path, found: str, expected: str, what: str) -> None:
    if found != expected:
        said = f"is not {what}: its SHA-256 begins with {found[:SHOWN]}"
        raise SynaxialError(where, said, expected[:SHOWN], REMEDY)
