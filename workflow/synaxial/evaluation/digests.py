"""What identifies the images that were measured, so that no others are taken for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.measurement_files import Measurements, read_measurements
from synaxial.io.errors import SynaxialError
from synaxial.io.files import sha256_of
from synaxial.io.images import digest_of_pixels

#: The name under which the digests are kept, and their own: of the set that was measured, of the
#: reference that it is to be held against, and of the data set that was searched.
DIGESTS = "sha256"
IMAGES, REFERENCE, TRAINING = "images", "reference", "training"

#: So many digits of a digest are shown.
SHOWN = 12

REMEDY = (
    "give the measured files, or measure anew (`synaxial evaluate measure`; with Snakemake, "
    "--forcerun measure measure_control)"
)


def digest_of_training(folder: Path) -> str:
    """Return the SHA-256 of a data set's images.npy, the one that its dataset.json names.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    return sha256_of(folder / "images.npy")


def with_digests(
    measurements: Measurements, images: str, reference: str, training: str
) -> Measurements:
    """Return measurements that say what they are of, by digests of this module."""
    digests = {IMAGES: images, REFERENCE: reference, TRAINING: training}
    return measurements | {DIGESTS: {name: np.array(text) for name, text in digests.items()}}


def digests_in(measurements: Measurements, path: Path) -> dict[str, str]:
    """Return the digests that a file of measurements holds, by `IMAGES`, `REFERENCE`, `TRAINING`.

    Raises
    ------
    SynaxialError
        They are not there: the file is of an older version, or no such file.
    """
    held = measurements.get(DIGESTS, {})
    if not {IMAGES, REFERENCE, TRAINING} <= set(held):
        raise SynaxialError(
            path, "does not say of which images it is", "a file of this version", REMEDY
        )
    return {name: str(held[name]) for name in (IMAGES, REFERENCE, TRAINING)}


def read_pair(measurements: Path, reference: Path) -> tuple[Measurements, Measurements]:
    """Read the measurements of a set and those of the reference that it was measured for.

    Raises
    ------
    SynaxialError
        A file cannot be read, or the two do not belong together.
    """
    own, real = read_measurements(measurements), read_measurements(reference)
    ours, theirs = digests_in(own, measurements), digests_in(real, reference)
    check_digest(reference, theirs[IMAGES], ours[REFERENCE], f"the reference of {measurements}")
    check_digest(
        reference, theirs[TRAINING], ours[TRAINING], f"measured with the data set of {measurements}"
    )
    return own, real


def check_images(
    stacks: Sequence[Path], pixels: NDArray[np.uint8], measurements: Measurements, path: Path
) -> None:
    """Check that images are the ones that were measured.

    Raises
    ------
    SynaxialError
        They are others.
    """
    where = ", ".join(str(stack) for stack in stacks)
    expected = digests_in(measurements, path)[IMAGES]
    check_digest(where, digest_of_pixels(pixels), expected, f"the images of {path}")


def check_training(folder: Path, measurements: Measurements, path: Path) -> None:
    """Check that a data set is the one that was searched for the nearest images.

    Raises
    ------
    SynaxialError
        It is another.
    """
    expected = digests_in(measurements, path)[TRAINING]
    check_digest(
        folder / "images.npy", digest_of_training(folder), expected, f"the data set of {path}"
    )


def check_digest(where: str | Path, found: str, expected: str, what: str) -> None:
    """Refuse what is not what was measured.

    Parameters
    ----------
    where
        The file.
    found, expected
        Its digest, and the one in the measurements.
    what
        What it should be.

    Raises
    ------
    SynaxialError
        The digests differ.
    """
    if found != expected:
        raise SynaxialError(
            where,
            f"is not {what}: its SHA-256 begins with {found[:SHOWN]}",
            expected[:SHOWN],
            REMEDY,
        )
