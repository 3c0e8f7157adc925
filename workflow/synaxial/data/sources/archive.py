"""Source `archive`: a zip or tar(.gz) file, on this machine or to be downloaded."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from synaxial.config.model import Acquire
from synaxial.data.sources.download import checksum_of, download, public_address
from synaxial.data.sources.layouts import LAYOUTS, choose_layout, find_files, find_volumes
from synaxial.data.sources.source import FileSource, FoundFiles
from synaxial.data.sources.unpacking import extract, open_archive
from synaxial.data.subjects import select_subjects
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

#: Names in the fetched folder: the downloaded file, the unpacked files, and the list of them, which
#: is written last. Files that it does not name are not used.
DOWNLOADED, EXTRACTED, LISTED = "downloaded", "extracted", "archive.json"

#: The beginning of a location that is downloaded.
ADDRESS = r"https?://"


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

    def packed_files(self) -> list[Path]:
        """Return the archive, unless it must be downloaded."""
        location = self._settings.archive.location
        return [] if re.match(ADDRESS, location) else [Path(location).expanduser()]

    def fetch(self) -> None:
        """Download the archive if it has an address, and unpack the wanted files."""
        (self._fetched / LISTED).unlink(missing_ok=True)
        maximum = int(self._settings.archive.maximum_gigabytes * 10**9)
        with open_archive(self._file(maximum)) as members:
            names = [member.name.removeprefix("./") for member in members if member.name]
            layout_name, layout = choose_layout(self._settings.archive.layout, names, self._where)
            volumes = find_volumes(names, layout)
            wanted = select_subjects(self._settings.wanted, volumes, self._where)
            files = find_files(names, layout, wanted, self._where)
            paths = {path for found in files.values() for path in found}
            chosen = [member for member in members if member.name.removeprefix("./") in paths]
            extract(chosen, self._fetched / EXTRACTED, maximum, self._where)
        write_json(
            self._fetched / LISTED,
            {
                **self._request(),
                "subjects": self._settings.wanted,
                "found_layout": layout_name,
                "files": files,
            },
        )

    @cached_property
    def found(self) -> FoundFiles:
        """The files of the wanted subjects, from the list in the fetched folder."""
        listed = self._read_list()
        where = f"{self._where} (fetched for subjects {listed['subjects']!r})"
        wanted = select_subjects(self._settings.wanted, listed["files"], where)
        folder = self._fetched / EXTRACTED
        return FoundFiles(
            {subject: [folder / path for path in listed["files"][subject]] for subject in wanted},
            LAYOUTS[listed["found_layout"]],
        )

    def origin(self, path: Path) -> str:
        """Return the archive and the path of the file in it."""
        return f"{self._where}: {path.relative_to(self._fetched / EXTRACTED).as_posix()}"

    def _file(self, maximum: int) -> Path:
        """Return the archive on this machine after its checksum was compared."""
        location, checksum = self._settings.archive.location, self._settings.archive.checksum
        if re.match(ADDRESS, location):
            # The configuration refuses an address without a checksum.
            return download(location, str(checksum), self._fetched / DOWNLOADED, maximum)
        path = self.packed_files()[0]
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
        }

    def _read_list(self) -> dict[str, Any]:
        path = self._fetched / LISTED
        if not path.is_file():
            raise SynaxialError(self._where, "is not fetched", f"{path}", "run synaxial data fetch")
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
