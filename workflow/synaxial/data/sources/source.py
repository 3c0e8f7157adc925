"""The interface of all sources of volumes."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from synaxial.config.model import Acquire
from synaxial.data.people import tell_people
from synaxial.data.sources.layouts import Layout, find_files, find_people, find_volumes
from synaxial.data.subjects import select_subjects
from synaxial.io.errors import BadVolumeError, SynaxialError
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
    #: What is unusual but usable, as the source knows it.
    notes: tuple[str, ...] = ()


class Source(ABC):
    """A source of subjects; to add one, see `open_source`."""

    #: Whether `fetch` must run before the subjects are known and can be read.
    must_be_fetched = False
    #: Whether the paths of its files may name patients, so that no file and no message may have
    #: them.
    private_paths = False

    def fetch(self) -> None:  # noqa: B027 - a source without files has nothing to fetch
        """Bring the files of the wanted subjects to this machine."""

    def packed_state(self) -> str:
        """Return the state of the files on this machine that `fetch` unpacks; "" without any."""
        return ""

    @abstractmethod
    def people(self) -> dict[str, str]:
        """Return the names of the wanted subjects, in natural order, with the person of each.

        Raises
        ------
        SynaxialError
            A wanted subject is missing, or there is none.
        """

    def subjects(self) -> list[str]:
        """Return the names of the wanted subjects, in natural order."""
        return list(self.people())

    @abstractmethod
    def files(self, subject: str) -> list[Path]:
        """Return the FLAIR file of a subject and its segmentation, as far as there are files."""

    @abstractmethod
    def read(self, subject: str) -> RawVolume:
        """Open the volume of a subject."""


@dataclass(frozen=True)
class Found:
    """A wanted subject of a source with files."""

    #: The FLAIR file and, if there is one, its segmentation. Of several, none is used.
    files: list[Path]
    person: str
    #: As in `RawVolume`.
    labels: Mapping[int, int] | None
    channel: int | None


def find_subjects(
    paths: Sequence[str], layout: Layout, settings: Acquire, where: str
) -> dict[str, Found]:
    """Find the wanted subjects among the paths of a folder or an archive, in natural order.

    Raises
    ------
    SynaxialError
        There is no volume, a subject is missing or has several volumes, or nothing tells which
        subjects are one person.
    """
    volumes = find_volumes(paths, layout)
    people = tell_people(find_people(volumes, layout), settings.person, where)
    wanted = select_subjects(settings.wanted, people, where)
    files = find_files(paths, layout, wanted, where)
    return {
        name: Found(
            [Path(path) for path in files[name]],
            people[name],
            layout.labels_of(name),
            layout.channel,
        )
        for name in wanted
    }


def below(folder: Path, found: Mapping[str, Found]) -> dict[str, Found]:
    """Return the same subjects with the paths of their files in a folder."""
    return {
        name: dataclasses.replace(subject, files=[folder / path for path in subject.files])
        for name, subject in found.items()
    }


class FileSource(Source):
    """A source whose volumes are files. A subclass finds them (`found`) and may fetch them."""

    @property
    @abstractmethod
    def found(self) -> dict[str, Found]:
        """The wanted subjects, in natural order."""

    def origin(self, path: Path) -> str:
        """Return what the manifest says about the origin of a file."""
        return str(path)

    def people(self) -> dict[str, str]:
        """Return the names of the wanted subjects, in natural order, with the person of each."""
        return {name: subject.person for name, subject in self.found.items()}

    def files(self, subject: str) -> list[Path]:
        """Return the FLAIR file of a subject and its segmentations."""
        return self._known(subject).files

    def read(self, subject: str) -> RawVolume:
        """Open the files of a subject."""
        # Imported here, because a run is planned with the names alone.
        from synaxial.data.volumes.nifti import open_image  # noqa: PLC0415

        known = self._known(subject)
        paths = known.files
        return RawVolume(
            image=open_image(paths[0], f"{subject} ({paths[0]})"),
            open_segmentation=partial(_open_the_only, paths[1:]) if len(paths) > 1 else None,
            origin=self.origin(paths[0]),
            sha256=sha256_of(paths[0]),
            labels=known.labels,
            channel=known.channel,
        )

    def _known(self, subject: str) -> Found:
        if subject not in self.found:
            raise SynaxialError(
                subject, "is not among the subjects of the study", ", ".join(self.found)
            )
        return self.found[subject]


def _open_the_only(segmentations: Sequence[Path]) -> Any:
    """Open a segmentation.

    Raises
    ------
    BadVolumeError
        There are several.
    """
    from synaxial.data.volumes.nifti import open_image  # noqa: PLC0415

    if len(segmentations) > 1:
        raise BadVolumeError(SEGMENTATION, f"{len(segmentations)} files", "one")
    return open_image(segmentations[0], SEGMENTATION)
