"""Files that are whole or absent, their digests, and locks."""

import csv
import errno
import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from synaxial.io.errors import SynaxialError

log = logging.getLogger(__name__)

#: The errors of a file system without locks; some clusters have one.
WITHOUT_LOCKS = frozenset([errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])

#: The beginning of the name of a file that is being written.
PARTIAL_PREFIX = ".partial-"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to, which becomes `path` only if the block ends well.

    The bytes are on the disk before the name changes, so a crash leaves the old file or the new
    one. The name keeps the suffixes of `path`, from which libraries know the format. If `path` is a
    link, the file that it leads to is written.

    Raises
    ------
    SynaxialError
        There is a folder, a device or a pipe of this name.
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or a pipe"
        raise SynaxialError(path, f"is {kind}", "the name of a file")
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{target.name}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        # The error of a full disk names no file, and no user knows the temporary name.
        if error.filename in {None, str(partial)}:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def check_free(path: Path) -> None:
    """Check that nothing has this name: what a user may have changed is not overwritten.

    Raises
    ------
    SynaxialError
        The file or the folder exists.
    """
    if path.exists():
        raise SynaxialError(path, "exists", "a name that is free", "remove it, or name another")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    SynaxialError
        The file is absent or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    # Brackets nested without end are a RecursionError.
    except (OSError, ValueError, RecursionError) as error:
        raise SynaxialError(path, f"cannot be read ({error})", "a JSON file") from error
    if not isinstance(content, dict):
        raise SynaxialError(path, f"holds a {type(content).__name__}", "a JSON object")
    return content


def write_csv(
    path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]], delimiter: str = ","
) -> None:
    """Write a UTF-8 CSV file with a heading, whole or not at all.

    What is not UTF-8 in a path becomes an escape.
    """
    with (
        written_whole(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_placeholder(path: Path) -> None:
    """Write the empty file that means "nothing for this subject".

    It takes the place of the outputs of a skipped subject (`on_bad_volume: skip`), and of an
    absent segmentation. The record of the subject gives the reason.
    """
    with written_whole(path) as partial:
        partial.touch()


def is_placeholder(path: Path) -> bool:
    """Tell whether `path` is an empty file, which means "nothing for this subject"."""
    return path.is_file() and path.stat().st_size == 0


def take_lock(path: Path) -> IO[str]:
    """Lock a file for this process alone and return it.

    The lock ends when the file is closed or the process ends, however it ends. The folder is made
    if it is absent. On a file system without locks, this logs a warning.

    Raises
    ------
    BlockingIOError
        Another process has the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in WITHOUT_LOCKS:
            log.warning("%s: this file system has no locks; make sure nothing runs twice", path)
            return file
        file.close()
        raise BlockingIOError(error.errno, error.strerror, str(path)) from error
    return file
