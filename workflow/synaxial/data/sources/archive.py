"""Source `archive`: a zip or tar(.gz) file, on this machine or to be downloaded."""

import dataclasses
import logging
import re
from functools import cached_property
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

from synaxial.config.model import Acquire
from synaxial.data.sources.download import PARTIAL, checksum_of, download, public_address
from synaxial.data.sources.layouts import LARGEST_DESCRIPTION, choose_layout
from synaxial.data.sources.source import FileSource, Found, below, find_subjects
from synaxial.data.sources.unpacking import extract, open_archive
from synaxial.data.subjects import select_subjects
from synaxial.data.volumes.originals import state_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

#: Names in the fetched folder: the downloaded file, the unpacked files, and the list of them, which
#: is written last. Files that it does not name are not used.
DOWNLOADED, EXTRACTED, LISTED = "downloaded", "extracted", "archive.json"

#: The beginning of a location that is downloaded.
ADDRESS = r"https?://"

logger = logging.getLogger(__name__)


class ArchiveSource(FileSource):
    """The subjects in the archive `acquire.archive`; only the wanted files are unpacked.

    Parameters
    ----------
    settings
        The section `acquire`.
    fetched
        The folder for the downloaded and the unpacked files.
    """

    must_be_fetched = True

    def __init__(self, settings: Acquire, fetched: Path) -> None:
        self._settings = settings
        self._fetched = fetched
        self._where = public_address(settings.archive.location)

    def packed_state(self) -> str:
        """Return the state of the archive, or that when it was unpacked, if it is gone now.

        A user may delete the archive when its files are unpacked.
        """
        files, listed = self._packed_files(), self._fetched / LISTED
        if listed.is_file() and not all(file.exists() for file in files):
            return str(read_json(listed).get("state"))
        return state_of(files)

    def fetch(self) -> None:
        """Download the archive if it has an address, and unpack the wanted files.

        If it was deleted and all wanted files are unpacked, they are used.
        """
        if self._is_gone() and self._is_unpacked():
            logger.info("%s is not there; what was unpacked of it is used", self._where)
            return
        state = state_of(self._packed_files())
        maximum = int(self._settings.archive.maximum_gigabytes * 10**9)
        with open_archive(self._file(maximum)) as members:
            # As `Path` writes them: an archive may have `./a` or `a//b`.
            names = [PurePosixPath(member.name).as_posix() for member in members if member.name]
            by_name = dict(zip(names, filter(attrgetter("name"), members), strict=True))

            def read(name: str) -> bytes:
                if not by_name[name].is_file:
                    return b""
                with by_name[name].open() as file:
                    content: bytes = file.read(LARGEST_DESCRIPTION)
                    return content

            _, layout = choose_layout(self._settings.archive.layout, names, self._where, read)
            found = find_subjects(names, layout, self._settings, self._where)
            wanted = {path.as_posix() for subject in found.values() for path in subject.files}
            # In the order of the archive: a step back in a .tar.gz unpacks it from its beginning.
            chosen = [member for name, member in by_name.items() if name in wanted]
            # No earlier: without the list, what was unpacked of a deleted archive would be lost.
            (self._fetched / LISTED).unlink(missing_ok=True)
            extract(chosen, self._fetched / EXTRACTED, maximum, self._where)
        write_json(
            self._fetched / LISTED,
            {
                **self._request(),
                "subjects": self._settings.wanted,
                "state": state,
                "found": {
                    name: {
                        **dataclasses.asdict(subject),
                        "files": [path.as_posix() for path in subject.files],
                    }
                    for name, subject in found.items()
                },
            },
        )

    @cached_property
    def found(self) -> dict[str, Found]:
        """The files of the wanted subjects, from the list in the fetched folder."""
        listed = self._read_list()
        where = f"{self._where} (fetched for subjects {listed['subjects']!r})"
        known = listed["found"]
        people = {name: subject["person"] for name, subject in known.items()}
        wanted = select_subjects(self._settings.wanted, people, where)
        found = {name: _read_found(known[name]) for name in wanted}
        return below(self._fetched / EXTRACTED, found)

    def origin(self, path: Path) -> str:
        """Return the archive and the path of the file in it."""
        return f"{self._where}: {path.relative_to(self._fetched / EXTRACTED).as_posix()}"

    def _is_gone(self) -> bool:
        """Tell whether the archive is not on this machine, or not any more."""
        found = (self._fetched / DOWNLOADED).glob("*")
        # An interrupted download is no archive yet.
        downloaded = [file for file in found if file.suffix != PARTIAL]
        return not any(file.exists() for file in self._packed_files() or downloaded)

    def _is_unpacked(self) -> bool:
        """Tell whether the list has all that the study asks for, and the files are there."""
        try:
            found = self.found.values()
        except SynaxialError:
            return False
        return all(path.is_file() for subject in found for path in subject.files)

    def _packed_files(self) -> list[Path]:
        """Return the archive, unless it must be downloaded."""
        location = self._settings.archive.location
        return [] if re.match(ADDRESS, location) else [Path(location).expanduser()]

    def _file(self, maximum: int) -> Path:
        """Return the archive on this machine after its checksum was compared."""
        location, checksum = self._settings.archive.location, self._settings.archive.checksum
        if re.match(ADDRESS, location):
            # The configuration refuses an address without a checksum.
            return download(location, str(checksum), self._fetched / DOWNLOADED, maximum)
        path = self._packed_files()[0]
        if checksum is not None and path.is_file():
            found = checksum_of(path, checksum.partition(":")[0])
            if found != checksum:
                raise SynaxialError(path, f"has {found}", checksum, "see acquire.archive.checksum")
        return path

    def _request(self) -> dict[str, Any]:
        """Return what the study asks for; a list made for another request is not used."""
        return {
            "location": self._where,
            "checksum": self._settings.archive.checksum,
            "layout": self._settings.archive.layout,
            "person": self._settings.person,
        }

    def _read_list(self) -> dict[str, Any]:
        path = self._fetched / LISTED
        if not path.is_file():
            raise SynaxialError(
                self._where, "has not been fetched", f"{path}", "run synaxial data fetch"
            )
        content = read_json(path)
        # The list may hold more subjects than the study asks for now, but not fewer.
        asked = self._request()
        if self._settings.wanted == "all":
            asked["subjects"] = "all"
        other = [key for key, value in asked.items() if content.get(key) != value]
        if other:
            raise SynaxialError(
                path,
                f"was fetched with {other[0]} {content.get(other[0])!r}",
                f"{asked[other[0]]!r}",
                "run synaxial data fetch again",
            )
        return content


def _read_found(content: dict[str, Any]) -> Found:
    """Return a subject of the list; JSON has made texts of its paths and labels."""
    labels = content["labels"]
    return Found(
        [Path(path) for path in content["files"]],
        content["person"],
        labels and {int(label): new for label, new in labels.items()},
        content["channel"],
    )
