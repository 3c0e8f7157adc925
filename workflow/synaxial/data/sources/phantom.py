"""Source `phantom`: the embedded data set, pseudo-subjects made on the spot."""

import hashlib
import re
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Acquire
from synaxial.data.phantom import make_phantom
from synaxial.data.sources.source import RawVolume
from synaxial.data.subjects import parse_numbers
from synaxial.io.errors import SynaxialError

#: The name of a pseudo-subject.
NAME = re.compile(r"phantom_(\d{3,9})")


class PhantomSource:
    """The pseudo-subjects of one seed.

    Parameters
    ----------
    settings
        The section `acquire`; of the sources its part `phantom` is used.
    """

    must_be_fetched = False

    def __init__(self, settings: Acquire) -> None:
        self._wanted = settings.wanted
        self._seed = settings.phantom.seed

    def fetch(self) -> None:
        """Do nothing: the subjects are made, not fetched."""

    def subjects(self) -> list[str]:
        """Return the names of the wanted subjects, in the order of their numbers."""
        return [f"phantom_{number:03d}" for number in sorted(wanted_numbers(self._wanted))]

    def files(self, subject: str) -> list[Path]:
        """Return no file: the subject is made."""
        return []

    def read(self, subject: str) -> RawVolume:
        """Make a subject."""
        number = number_of(subject)
        phantom = make_phantom(self._seed, number)
        return RawVolume(
            image=as_image(phantom.image, phantom.affine),
            segmentation=as_image(phantom.segmentation, phantom.affine),
            origin=f"phantom, seed {self._seed}, number {number}",
            sha256=hashlib.sha256(phantom.image.tobytes()).hexdigest(),
        )


def as_image(
    voxels: NDArray[np.int16] | NDArray[np.uint8], affine: NDArray[np.float64]
) -> nibabel.Nifti1Image:
    """Return a NIfTI image in memory, in mm."""
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    return image


def number_of(name: str) -> int:
    """Return the number in a pseudo-subject's name."""
    match = NAME.fullmatch(name)
    if match is None:
        raise SynaxialError("acquire.subjects", f"holds {name!r}", "phantom_001 or a number")
    return int(match[1])


def wanted_numbers(wanted: str | list[str]) -> set[int]:
    """Return the numbers that `acquire.subjects` means: numbers, ranges and names."""
    numbers: set[int] = set()
    for text in wanted.split(",") if isinstance(wanted, str) else wanted:
        item = text.strip()
        if item:
            numbers.update(parse_numbers(item) or {number_of(item)})
    if not numbers:
        raise SynaxialError("acquire.subjects", "names no subject", "a range such as 001-015")
    return numbers
