"""What a source of volumes is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class RawVolume:
    """A subject's FLAIR volume as its source has it, unchecked.

    Attributes
    ----------
    image
        The opened NIfTI image; its voxels are not read yet.
    segmentation
        The opened segmentation on the same grid, or None where the source has none.
    origin
        Where the volume comes from, for the manifest: a file, or how it was made.
    sha256
        Of the source's FLAIR file, or of the voxels where there is no file.
    labels
        What each label of the segmentation is in BraTS 2020 (1 necrotic or non-enhancing core,
        2 oedema, 4 enhancing), or None if they are these already.
    """

    image: Any
    segmentation: Any | None
    origin: str
    sha256: str
    labels: Mapping[int, int] | None = None


class Source(Protocol):
    """Something that has subjects. To add one: a file in `acquire/sources` with such a class."""

    #: Whether `fetch` must run before the subjects are known and can be read.
    must_be_fetched: bool

    def fetch(self) -> None:
        """Bring the wanted files to this machine (archives, downloads)."""

    def subjects(self) -> list[str]:
        """Return the names of the subjects that the study wants, in order.

        Raises
        ------
        SynaxialError
            A wanted subject is not there, or none is.
        """

    def files(self, subject: str) -> list[Path]:
        """Return the files that a subject's volume is read from; none if it is made."""

    def read(self, subject: str) -> RawVolume:
        """Open a subject's volume."""
