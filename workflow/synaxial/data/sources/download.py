"""Downloading one large file: resumed after an interruption, then checked by its checksum."""

import hashlib
import logging
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests

from synaxial.io.errors import SynaxialError

logger = logging.getLogger(__name__)

#: A download that breaks off this often in a row without any progress ends the run; the next run
#: resumes it.
ATTEMPTS = 6

#: Seconds before the second attempt, doubled for each further one.
FIRST_WAIT = 1.0

#: Seconds without a byte after which a connection counts as lost.
TIMEOUT = 60.0

#: Seconds between two lines of progress.
PROGRESS_INTERVAL = 10.0

#: Answers that another attempt may change: too many requests, or trouble of the server.
PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504}

#: How the name of the file of an unfinished download ends.
PARTIAL = ".partial"

#: Bytes that are written at once.
CHUNK = 2**16


def download(url: str, checksum: str, folder: Path, maximum_bytes: int) -> Path:
    """Return the file of an http(s) address in `folder`; it is downloaded unless it is there.

    The checksum is `sha256:…` or `md5:…`. After a failure the first part stays in the folder.

    Raises
    ------
    SynaxialError
        The server does not send the file, or sends another one or more than `maximum_bytes`.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "_", Path(urlsplit(url).path).name).lstrip(".") or "archive"
    path, where = folder / name, public_address(url)
    kind, _, digest = checksum.partition(":")
    if path.is_file() and checksum_of(path, kind) == checksum:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{name}.{digest[:16]}{PARTIAL}"
    logger.info("download of %s to %s", where, folder)
    try:
        _try_often(url, partial, maximum_bytes)
    except requests.RequestException as error:
        raise SynaxialError(
            where,
            f"download fails: {_reason(error)}",
            "the file",
            "run the same command again to resume the download"
            if partial.exists()
            else "see acquire.archive.location",
        ) from error
    found = checksum_of(partial, kind)
    if found != checksum:
        partial.unlink()
        raise SynaxialError(
            where,
            f"the downloaded file has another checksum ({found})",
            checksum,
            "it was removed; see acquire.archive.checksum",
        )
    partial.replace(path)
    return path


def checksum_of(path: Path, kind: str) -> str:
    """Return the checksum of a file as `kind:digest`; `kind` is `sha256` or `md5`."""
    with path.open("rb") as file:
        return f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"


def public_address(url: str) -> str:
    """Return an address without what may be secret in it: user, query. A path stays as it is.

    The configuration refuses a password, so the user ends at the first `/`.
    """
    if not re.match(r"https?://", url):
        return url
    return re.sub(r"://[^/]*@", "://", re.split(r"[?#]", url)[0])


def _try_often(url: str, partial: Path, maximum_bytes: int) -> None:
    """Resume the download until it is complete, or fails `ATTEMPTS` times without progress."""
    failures, furthest = 0, _size(partial)
    while True:
        try:
            _resume(url, partial, maximum_bytes)
            return
        except requests.RequestException as error:
            failures = 1 if _size(partial) > furthest else failures + 1
            furthest = max(furthest, _size(partial))
            status = None if error.response is None else error.response.status_code
            if failures == ATTEMPTS or (status and status not in PASSING_STATUSES):
                raise
            wait = FIRST_WAIT * 2 ** (failures - 1)
            logger.warning(
                "download interrupted at %d bytes (%s); next attempt in %g s",
                _size(partial),
                _reason(error),
                wait,
            )
            time.sleep(wait)


def _resume(url: str, partial: Path, maximum_bytes: int) -> None:
    """Ask for the missing bytes and append them; a server without ranges sends all again."""
    size = _size(partial)
    # Not compressed on the way: the checksum is that of the file itself.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        sent = response.headers.get("Content-Range", "")
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            if sent == f"bytes */{size}":
                return
            partial.unlink(missing_ok=True)
            raise requests.ConnectionError("the file on the server has become shorter")
        response.raise_for_status()
        # Some servers call a .tar.gz a file packed for the way. requests would then unpack it.
        response.raw.headers.pop("Content-Encoding", None)
        resumed = sent.startswith(f"bytes {size}-")
        length = response.headers.get("Content-Length", "")
        total = (size if resumed else 0) + (int(length) if length.isdecimal() else 0)
        shown = time.monotonic()
        with partial.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                if max(total, file.tell()) > maximum_bytes:
                    raise SynaxialError(
                        public_address(url),
                        f"the server sends {max(total, file.tell()) / 1e9:g} GB or more",
                        f"at most {maximum_bytes / 1e9:g} GB",
                        "see acquire.archive.maximum_gigabytes",
                    )
                if time.monotonic() - shown > PROGRESS_INTERVAL:
                    shown = time.monotonic()
                    logger.info("%.2f of %.2f GB downloaded", file.tell() / 1e9, total / 1e9)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException) -> str:
    """Return a short reason; the text of the error shows the whole address, passwords included."""
    if error.response is not None:
        return f"the server answers {error.response.status_code}"
    return type(error).__name__
