"""Taking single files out of a zip or tar(.gz) archive that is not trusted."""

import filecmp
import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISLNK, S_ISREG
from typing import IO, Any, Protocol, cast

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

#: The longest name, link or attribute that a tar archive may ask to be read at once. tarfile
#: believes the length in the header, and a few kilobytes of gzip can back gigabytes of it.
LONGEST_TAR_READ = 2**24

_CHUNK = 2**20


@dataclass(frozen=True)
class Member:
    """One entry of an archive, as its header describes it.

    Attributes
    ----------
    name
        Its path, as it is written there.
    size
        Its bytes, as the header claims.
    is_file
        Whether it is a regular file, and no folder, link or device.
    handle
        The standard library's description of it.
    """

    name: str
    size: int
    is_file: bool
    handle: zipfile.ZipInfo | tarfile.TarInfo


class OpenArchive(Protocol):
    """A zip or tar archive that is open."""

    def members(self) -> list[Member]:
        """Return its entries in their order."""

    def open(self, member: Member) -> AbstractContextManager[IO[bytes]]:
        """Open a regular file among them."""


class ZipArchive:
    """An open zip archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def members(self) -> list[Member]:
        """Return its entries in their order."""
        return [
            Member(info.filename, info.file_size, _is_file_in_zip(info), info)
            for info in self._archive.infolist()
        ]

    def open(self, member: Member) -> AbstractContextManager[IO[bytes]]:
        """Open a regular file among them."""
        return self._archive.open(cast(zipfile.ZipInfo, member.handle))


class TarArchive:
    """An open tar archive."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def members(self) -> list[Member]:
        """Return its entries in their order."""
        return [
            Member(info.name, info.size, info.isreg(), info) for info in self._archive.getmembers()
        ]

    def open(self, member: Member) -> AbstractContextManager[IO[bytes]]:
        """Open a regular file among them."""
        file = self._archive.extractfile(cast(tarfile.TarInfo, member.handle))
        if file is None:
            raise tarfile.ReadError(f"{member.name} is no file")
        return file


class ShortReads:
    """A file that refuses to read much at once.

    Parameters
    ----------
    file
        Open for reading bytes.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes."""
        if not 0 <= size <= LONGEST_TAR_READ:
            raise tarfile.ReadError(f"a header claims a name or attribute of {size} bytes")
        data: bytes = self._file.read(size)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position."""
        reached: int = self._file.seek(position, whence)
        return reached

    def seekable(self) -> bool:
        """Tell whether `seek` works."""
        return True

    def tell(self) -> int:
        """Return the position."""
        position: int = self._file.tell()
        return position


@contextmanager
def open_archive(path: Path) -> Iterator[OpenArchive]:
    """Open an archive; its kind is known from its first bytes, not from its name.

    Raises
    ------
    SynaxialError
        It is not there, damaged, or no zip, tar or tar.gz.
    """
    if not path.is_file():
        raise SynaxialError(path, "is not there", "an archive", "see acquire.archive.location")
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        try:
            if start[:2] == b"PK":
                with zipfile.ZipFile(file) as archive:
                    yield ZipArchive(archive)
            elif start[:2] == b"\x1f\x8b":
                with gzip.open(file) as unpacked, _open_tar(unpacked) as archive:
                    yield TarArchive(archive)
            else:
                with _open_tar(file) as archive:
                    yield TarArchive(archive)
        except DAMAGE as error:
            raise SynaxialError(
                path, f"cannot be unpacked ({error})", "a whole zip, tar or tar.gz file"
            ) from error


def extract(
    archive: OpenArchive, members: Iterable[Member], folder: Path, maximum_bytes: int, where: str
) -> None:
    """Write members below a folder, under their own paths; all of them or none.

    Parameters
    ----------
    archive
        Where they are.
    members
        The wanted ones.
    folder
        They are written below it and nowhere else.
    maximum_bytes
        The most that they may unpack to, by the bytes that really come and not by the header.
    where
        What an error message calls the archive.

    Raises
    ------
    SynaxialError
        A member is no regular file, has a path that leads out of the folder, is not as long as
        its header says, or they are too large together.
    """
    left = maximum_bytes
    written: list[Path] = []
    try:
        for member in members:
            _check_member(member, left, where)
            path = folder / PurePosixPath(member.name)
            with written_whole(path) as partial:
                left -= _copy(archive, member, partial, left, where)
                if path.is_file() and filecmp.cmp(partial, path, shallow=False):
                    # The same file keeps its time, so that nothing made of it is made again.
                    shutil.copystat(path, partial)
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _check_member(member: Member, left: int, where: str) -> None:
    """Refuse what is no regular file inside the folder, before anything is written."""
    if not member.is_file:
        raise SynaxialError(where, f"{member.name!r} is a link or a device", "a regular file")
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise SynaxialError(
            where, f"{member.name!r} leads out of the archive's folder", "a path inside it"
        )
    if member.size > left:
        raise _too_large(member, where)


def _copy(archive: OpenArchive, member: Member, path: Path, left: int, where: str) -> int:
    """Copy a member to a file, counting bytes; return how many they are."""
    copied = 0
    with archive.open(member) as source, path.open("wb") as target:
        while chunk := source.read(_CHUNK):
            copied += len(chunk)
            if copied > min(left, member.size):
                raise _too_large(member, where)
            target.write(chunk)
    if copied != member.size:
        raise SynaxialError(where, f"{member.name!r} ends after {copied} bytes", f"{member.size}")
    return copied


def _too_large(member: Member, where: str) -> SynaxialError:
    return SynaxialError(
        where,
        f"{member.name!r} unpacks beyond the limit, or beyond what its header says",
        "wanted members within acquire.archive.maximum_gigabytes",
    )


def _open_tar(file: Any) -> tarfile.TarFile:
    # Typed as a file, of which tarfile uses these three methods only.
    return tarfile.open(fileobj=cast(IO[bytes], ShortReads(file)), mode="r:", errorlevel=2)


def _is_file_in_zip(info: zipfile.ZipInfo) -> bool:
    """Tell whether an entry is a regular file; archives made on Windows have no type at all."""
    kind = info.external_attr >> 16
    return not info.is_dir() and not S_ISLNK(kind) and (kind < 2**12 or S_ISREG(kind))
