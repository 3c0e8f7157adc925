"""What a source of volumes is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from synaxial.data.sources.layouts import Layout
from synaxial.io.errors import SynaxialError
from synaxial.io.files import sha256_of

#: What messages about a segmentation begin with.
SEGMENTATION = "its segmentation"


@dataclass(frozen=True)
class RawVolume:
    """The FLAIR volume of a subject as its source has it, unchecked."""

    #: The NIfTI image; its voxels are not read yet.
    image: Any
    #: Opens the segmentation on the same grid; None if there is none.
    open_segmentation: Callable[[], Any] | None
    #: The file, or the way the volume was made, for the manifest.
    origin: str
    #: Digest of the FLAIR file, or of the voxels where there is no file.
    sha256: str
    #: The label of BraTS 2020 for each label (see `Layout`), or None if they are the same.
    labels: Mapping[int, int] | None = None
    #: The FLAIR channel of a 4-D image (see `Layout`), or None if it is not known.
    channel: int | None = None


class Source(ABC):
    """A source of subjects; to add one, see `open_source`."""

    #: Whether `fetch` must run before the subjects are known and can be read.
    must_be_fetched = False

    def fetch(self) -> None:  # noqa: B027 - a source without files has nothing to fetch
        """Bring the files of the wanted subjects to this machine."""

    def packed_files(self) -> list[Path]:
        """Return the files on this machine that `fetch` unpacks."""
        return []

    @abstractmethod
    def subjects(self) -> list[str]:
        """Return the names of the wanted subjects, in natural order.

        Raises
        ------
        SynaxialError
            A wanted subject is missing, or there is none.
        """

    @abstractmethod
    def files(self, subject: str) -> list[Path]:
        """Return the FLAIR file of a subject and its segmentation, as far as there are files."""

    @abstractmethod
    def read(self, subject: str) -> RawVolume:
        """Open the volume of a subject."""


@dataclass(frozen=True)
class FoundFiles:
    """The files of the wanted subjects."""

    #: For each subject, in natural order: the FLAIR file and, if there is one, its segmentation.
    files: dict[str, list[Path]]
    layout: Layout


class FileSource(Source):
    """A source whose volumes are files. A subclass finds them (`found`) and may fetch them."""

    @property
    @abstractmethod
    def found(self) -> FoundFiles:
        """The files of the wanted subjects."""

    def origin(self, path: Path) -> str:
        """Return what the manifest says about the origin of a file."""
        return str(path)

    def subjects(self) -> list[str]:
        """Return the names of the wanted subjects, in natural order."""
        return list(self.found.files)

    def files(self, subject: str) -> list[Path]:
        """Return the FLAIR file of a subject and, if there is one, its segmentation."""
        files = self.found.files
        if subject not in files:
            raise SynaxialError(subject, "is not among the subjects of the study", ", ".join(files))
        return files[subject]

    def read(self, subject: str) -> RawVolume:
        """Open the files of a subject."""
        # Imported here, because a run is planned with the names alone.
        from synaxial.data.volumes.nifti import open_image  # noqa: PLC0415

        paths = self.files(subject)
        return RawVolume(
            image=open_image(paths[0], f"{subject} ({paths[0]})"),
            open_segmentation=(
                partial(open_image, paths[1], SEGMENTATION) if len(paths) > 1 else None
            ),
            origin=self.origin(paths[0]),
            sha256=sha256_of(paths[0]),
            labels=self.found.layout.labels,
            channel=self.found.layout.channel,
        )
