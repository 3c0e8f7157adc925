"""The source's files of a subject: whether they are still what its record was made from.

Sizes and times are compared first, because that needs no reading. If one of them has changed, the
SHA-256 decides. So a corrected volume is read again even if its time is
older, and a data set that was only moved, copied or touched is not.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from synaxial.io.files import read_json, sha256_of, write_json


def state_for_rerun(files: Sequence[Path], record: Path) -> str:
    """Return the state of files that is in the record, or another one if their bytes differ.

    Files that are gone cannot differ: a user may delete what was fetched.

    Parameters
    ----------
    files
        The source's files of the subject now.
    record
        The record of the subject, if it is there.
    """
    now = state_of(files)
    recorded = read_json(record) if record.exists() else {}
    state, digests = recorded.get("state"), recorded.get("original_sha256")
    if state is None or state == now:
        return now
    if not all(file.exists() for file in files):
        return str(state)
    # What was read for this is remembered, to be read only once.
    memory = record.with_name(f".{record.stem}.originals.json")
    found = read_json(memory) if memory.exists() else {}
    if found.get("state") != now:
        found = {"state": now, "original_sha256": digests_of(files)}
        # The results may be somebody else's, for whom this is a dry run.
        with contextlib.suppress(OSError):
            write_json(memory, found)
    return str(state) if found["original_sha256"] == digests else now


def state_of(files: Sequence[Path]) -> str:
    """Return a digest of the files' sizes, times and links.

    It is the same on all nodes of a cluster, where a path may lead through other mounts.
    """
    return hashlib.sha256("\n".join(map(_describe, files)).encode()).hexdigest()[:16]


def digests_of(files: Sequence[Path]) -> list[str | None]:
    """Return the SHA-256 of each file, None for one that cannot be read."""
    return [_sha256(file) for file in files]


def _describe(file: Path) -> str:
    try:
        link = str(file.readlink()) if file.is_symlink() else ""
        status = file.stat()
    except OSError as error:
        return str(error.strerror)
    # A copy may take over the time of modification, but not the time of change (ctime).
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {link}"


def _sha256(file: Path) -> str | None:
    try:
        return sha256_of(file)
    except OSError:
        return None
