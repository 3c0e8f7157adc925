"""Source `phantom`: the built-in data set of pseudo-subjects."""

import hashlib
import re
from pathlib import Path

from synaxial.config.model import Acquire
from synaxial.data.sources.source import RawVolume, Source
from synaxial.data.subjects import parse_numbers, split_items
from synaxial.io.errors import SynaxialError

#: The name of a pseudo-subject.
NAME = re.compile(r"phantom_(\d{3,9})")


class PhantomSource(Source):
    """The pseudo-subjects of the seed `acquire.phantom.seed`.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        Not used.
    """

    def __init__(self, settings: Acquire, fetched: Path | None = None) -> None:
        self._wanted = settings.wanted
        self._seed = settings.phantom.seed

    def people(self) -> dict[str, str]:
        """Return the names of the wanted subjects, in the order of their numbers, as people."""
        numbers: set[int] = set()
        for item in split_items(self._wanted):
            numbers.update(parse_numbers(item) or {number_of(item)})
        if not numbers:
            raise SynaxialError("acquire.subjects", "names no subject", "a range such as 001-015")
        names = [f"phantom_{number:03d}" for number in sorted(numbers)]
        return dict(zip(names, names, strict=True))

    def files(self, subject: str) -> list[Path]:
        """Return no file: the subject is made."""
        return []

    def read(self, subject: str) -> RawVolume:
        """Make a subject."""
        # Imported here, because a run is planned with the names alone.
        import nibabel  # noqa: PLC0415

        from synaxial.data.phantom import make_phantom  # noqa: PLC0415

        number = number_of(subject)
        phantom = make_phantom(self._seed, number)
        return RawVolume(
            image=nibabel.Nifti1Image(phantom.image, phantom.affine),
            open_segmentation=lambda: nibabel.Nifti1Image(phantom.segmentation, phantom.affine),
            origin=f"phantom, seed {self._seed}, number {number}",
            sha256=hashlib.sha256(phantom.image.tobytes()).hexdigest(),
        )


def number_of(name: str) -> int:
    """Return the number in the name of a pseudo-subject."""
    match = NAME.fullmatch(name)
    if match is None:
        raise SynaxialError("acquire.subjects", f"holds {name!r}", "phantom_001 or a number")
    return int(match[1])
