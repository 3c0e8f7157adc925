"""Extracting single files from an untrusted zip or tar(.gz) archive."""

import filecmp
import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import IO, Any

from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole

#: What the standard library raises for a damaged archive, or one of a kind it does not know.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)

#: The longest name or attribute (bytes) in the header of a tar archive. tarfile trusts the length
#: in the header, and a few kilobytes of gzip can unpack to gigabytes of it.
LONGEST_TAR_READ = 2**24


@dataclass(frozen=True)
class Member:
    """An entry of an archive."""

    #: Its path in the archive.
    name: str
    #: Its bytes, as the header says; the standard library reads no more.
    size: int
    #: Whether it is a regular file, and no folder, link or device.
    is_file: bool
    #: Opens a regular file for reading.
    open: Callable[[], Any]


@contextmanager
def open_archive(path: Path) -> Iterator[list[Member]]:
    """Open an archive and give its members; its first bytes tell its kind, not its name.

    Raises
    ------
    SynaxialError
        It is not there, a folder, damaged, or no zip, tar or tar.gz.
    """
    if path.is_dir():
        raise SynaxialError(
            path, "is a folder", "an archive", "for a folder set acquire.source: directory"
        )
    if not path.is_file():
        raise SynaxialError(path, "is not there", "an archive", "see acquire.archive.location")
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        try:
            if start == b"PK":
                with zipfile.ZipFile(file) as archive:
                    yield [
                        Member(
                            info.filename,
                            info.file_size,
                            _is_file(info),
                            partial(archive.open, info),
                        )
                        for info in archive.infolist()
                    ]
            else:
                source = _ShortReads(file) if start == b"\x1f\x8b" else file
                with tarfile.open(fileobj=source, mode="r:", errorlevel=2) as archive:
                    yield [
                        Member(
                            info.name, info.size, info.isreg(), partial(archive.extractfile, info)
                        )
                        for info in archive.getmembers()
                    ]
        except DAMAGE as error:
            raise SynaxialError(
                path, f"cannot be unpacked ({error})", "a whole zip, tar or tar.gz file"
            ) from error


def extract(members: list[Member], folder: Path, maximum_bytes: int, where: str) -> None:
    """Write members of an open archive below a folder; all are checked before any is written.

    Raises
    ------
    SynaxialError
        A member is no regular file or has a path that leads out of the folder, or together they
        have more than `maximum_bytes`. The message begins with `where`.
    """
    left = maximum_bytes
    for member in members:
        path = PurePosixPath(member.name)
        left -= max(member.size, 0)
        if not member.is_file:
            raise SynaxialError(where, f"{member.name!r} is a link or a device", "a regular file")
        if path.is_absolute() or ".." in path.parts:
            raise SynaxialError(
                where, f"{member.name!r} leads out of the archive's folder", "a path inside it"
            )
        if left < 0:
            raise SynaxialError(
                where,
                f"{member.name!r} unpacks beyond the limit of {maximum_bytes / 1e9:g} GB",
                "less",
                "see acquire.archive.maximum_gigabytes",
            )
    for member in members:
        file = folder / member.name
        with written_whole(file) as new:
            with member.open() as source, new.open("wb") as target:
                shutil.copyfileobj(source, target)
            if file.is_file() and filecmp.cmp(new, file, shallow=False):
                # An unchanged file keeps its time, so that nothing made from it is made again.
                shutil.copystat(file, new)


class _ShortReads(gzip.GzipFile):
    """A gzip file that refuses long reads."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= LONGEST_TAR_READ:
            raise tarfile.ReadError(f"a header claims a name or attribute of {size} bytes")
        return super().read(size)


def _is_file(info: zipfile.ZipInfo) -> bool:
    """Tell whether an entry is a regular file; archives made on Windows do not say."""
    kind = info.external_attr >> 16
    return not info.is_dir() and (kind < 2**12 or S_ISREG(kind))
