"""Source `dicom`: a folder of series as a scanner or a PACS exports them.

`fetch` reads all headers once and lists the subjects in the fetched folder, under pseudonyms.
`read` converts one subject. Reading the headers of an export takes minutes, so that no plan and
no job can do it again; finding its paths takes a second.
"""

import dataclasses
import hashlib
import importlib
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.config.model import Acquire
from synaxial.data.dicom import NOT_INSTALLED
from synaxial.data.dicom.pseudonyms import check_key_file, read_key, write_key
from synaxial.data.people import tell_people
from synaxial.data.sources.directory import walk
from synaxial.data.sources.source import RawVolume, Source
from synaxial.data.subjects import select_subjects
from synaxial.data.volumes.originals import state_of
from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import read_json, write_json

#: The list of subjects in the fetched folder.
LISTED = "dicom.json"

logger = logging.getLogger(__name__)


class DicomSource(Source):
    """The subjects in the export `acquire.dicom.path`.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        The folder for the list of subjects.
    """

    must_be_fetched = True
    private_paths = True

    def __init__(self, settings: Acquire, fetched: Path) -> None:
        if settings.dicom.path is None:
            raise SynaxialError("acquire.dicom.path", "is not set", "a folder")
        self._settings = settings
        self._root = settings.dicom.path.expanduser()
        self._listed = fetched / LISTED
        self._key = settings.dicom.key_file and settings.dicom.key_file.expanduser()
        if not self._root.is_dir():
            raise SynaxialError(
                self._root,
                "is a file" if self._root.exists() else "is not there",
                "a folder",
                "see acquire.dicom.path",
            )
        check_key_file(self._key, self._root, fetched.parent)

    def packed_state(self) -> str:
        """Return the state of all files of the export; "" if `fetch` will refuse it."""
        try:
            return state_of([self._root / path for path in self._paths])
        except SynaxialError:
            return ""

    def fetch(self) -> None:
        """List the subjects of the export, and write the key file if one is asked for.

        Raises
        ------
        SynaxialError
            There is no subject, a file is damaged, a patient is not known, or a wanted subject has
            no usable volume and `on_bad_volume` is `fail`.
        """
        self._listed.unlink(missing_ok=True)
        _check_installed()
        # Imported here, because a run is planned without them.
        from synaxial.data.dicom.convert import same_pixels  # noqa: PLC0415
        from synaxial.data.dicom.headers import read_headers  # noqa: PLC0415
        from synaxial.data.dicom.index import (  # noqa: PLC0415
            folder_of,
            make_index,
            name_all,
            sessions_of,
        )

        paths = self._paths
        logger.info("reading the headers of %d files", len(paths))
        headers, others, damaged = read_headers(self._root, paths)
        self._check_files(len(headers), len(others), damaged)
        sessions = sessions_of(headers)
        known = read_key(self._key) if self._key else {}
        names = name_all(sessions, {session: name for session, (name, _) in known.items()})
        if self._key:
            found = {one: (name, folder_of(sessions[one], paths)) for name, one in names.items()}
            # Those who are not in the export now keep their names too.
            write_key(self._key, known | found)
        self._check_patients([name for name, one in names.items() if not sessions[one][0].patient])
        index = make_index(
            sessions,
            names,
            self._settings.dicom.series,
            lambda one, other: same_pixels(self._root / paths[one], self._root / paths[other]),
        )
        content = {name: dataclasses.asdict(entry) for name, entry in index.items()}
        write_json(self._listed, {"state": self.packed_state(), "subjects": content})
        logger.info("%d subjects in %d files with MR images", len(index), len(headers))
        self._report()

    def people(self) -> dict[str, str]:
        """Return the names of the wanted subjects, in natural order, with the person of each."""
        known = {name: str(entry["person"]) for name, entry in self._subjects.items()}
        where = str(self._root)
        people = tell_people(known, self._settings.person, where)
        wanted = select_subjects(self._settings.wanted, people, where)
        return {name: people[name] for name in wanted}

    def files(self, subject: str) -> list[Path]:
        """Return the files of the series of a subject, none if it has no usable one."""
        return [self._root / self._paths[place] for place in self._subjects[subject]["files"]]

    def read(self, subject: str) -> RawVolume:
        """Convert the series of a subject.

        Raises
        ------
        BadVolumeError
            It has no usable series, or the series cannot be converted.
        """
        from synaxial.data.dicom.convert import convert  # noqa: PLC0415

        entry = self._subjects[subject]
        if entry["problem"]:
            raise BadVolumeError(subject, entry["problem"])
        image = convert(self.files(subject), f"{subject} ({entry['origin']})")
        return RawVolume(
            image=image,
            open_segmentation=None,
            origin=entry["origin"],
            sha256=hashlib.sha256(np.asanyarray(image.dataobj).tobytes(order="F")).hexdigest(),
            notes=tuple(entry["notes"]),
        )

    @cached_property
    def _paths(self) -> list[str]:
        """The paths of all files of the export, relative to it and sorted."""
        try:
            return sorted(walk(self._root))
        except SynaxialError:
            # It names a path, and so perhaps a patient.
            raise SynaxialError(
                self._root,
                "holds a folder that cannot be read, or a link that leads nowhere",
                "an export that you may read as a whole",
                f"find it with: find -L {self._root} -type l -o -not -readable",
            ) from None

    @cached_property
    def _subjects(self) -> dict[str, dict[str, Any]]:
        """What `fetch` has listed of each subject (see `dicom.index.Entry`)."""
        if not self._listed.is_file():
            raise SynaxialError(
                self._root, "has not been listed", str(self._listed), "run synaxial data fetch"
            )
        content = read_json(self._listed)
        if content.get("state") != self.packed_state():
            raise SynaxialError(
                self._root,
                "has changed since its series were listed",
                "a finished export",
                "run synaxial data fetch again",
            )
        subjects: dict[str, dict[str, Any]] = content["subjects"]
        return subjects

    def _check_files(self, images: int, others: int, damaged: list[int]) -> None:
        """Say what the files are, and refuse an export without images or with damaged files."""
        logger.info("%d files with MR images, %d others, %d damaged", images, others, len(damaged))
        if not images:
            raise SynaxialError(
                self._root,
                f"none of its {others + len(damaged)} files is a DICOM file with MR images",
                "at least one",
                "see acquire.dicom.path",
            )
        if damaged:
            found = f"{len(damaged)} of its DICOM files are damaged"
            # By its place, because its path may name a patient.
            remedy = (
                f"export them again; the first is shown by: cd {self._root} && find -L . -type f "
                f"-not -path '*/.*' | LC_ALL=C sort | sed -n {damaged[0] + 1}p"
            )
            if self._settings.on_bad_volume == "fail":
                raise SynaxialError(self._root, found, "files that can be read", remedy)
            logger.warning("%s: %s; %s", self._root, found, remedy)

    def _check_patients(self, unknown: list[str]) -> None:
        """Refuse subjects of unknown patients, unless `acquire.person` says who is who."""
        if unknown and self._settings.person is None:
            raise SynaxialError(
                self._root,
                f"{len(unknown)} studies have no patient ID and no name: {', '.join(unknown[:3])}",
                "something that tells which studies are one person",
                'keep a pseudonym in the patient ID, or set acquire.person to "{person}_ses-*" if '
                "each of them is another person",
            )

    def _report(self) -> None:
        """Say what was found; each subject without a usable volume has a line of its own."""
        wanted = list(self.people())
        bad = {name: self._subjects[name]["problem"] for name in wanted}
        bad = {name: problem for name, problem in bad.items() if problem}
        for name, problem in bad.items():
            logger.warning("%s: %s", name, problem)
        if bad and self._settings.on_bad_volume == "fail":
            raise SynaxialError(
                "acquire.dicom",
                f"{len(bad)} of {len(wanted)} subjects have no usable volume; the lines above say "
                f"why, the first is: {next(iter(bad))}: {next(iter(bad.values()))}",
                remedy="or leave such subjects out by acquire.on_bad_volume: skip",
            )


def _check_installed() -> None:
    """Raise a SynaxialError that says what to install if pydicom or dcm2niix is missing."""
    try:
        importlib.import_module("pydicom")
    except ImportError as error:
        raise SynaxialError("pydicom", *NOT_INSTALLED) from error
    from synaxial.data.dicom.convert import find_dcm2niix  # noqa: PLC0415

    find_dcm2niix()
