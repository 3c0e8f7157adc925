"""Downloading one large file: resumed where it broke off, its checksum compared, by pooch."""

import logging
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pooch
import requests
from tqdm import tqdm

from synaxial.io.errors import SynaxialError

logger = logging.getLogger(__name__)

#: How often in a row a download may break off without getting further, before the run gives up;
#: the next run goes on where it ended.
ATTEMPTS = 6

#: Seconds before the second attempt, doubled for each further one.
FIRST_WAIT = 1.0

#: Seconds without a byte after which a connection counts as lost.
TIMEOUT = 60.0

#: Seconds between two lines of progress: few enough for a log file.
PROGRESS_INTERVAL = 5.0

#: Answers that another attempt may change (too many requests, the server's own trouble).
PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504}

#: Bytes that are written at once; a connection that breaks loses fewer than these.
CHUNK = 2**16


class LargeDownload:
    """A downloader for pooch that goes on with what an earlier attempt has brought.

    Parameters
    ----------
    partial
        The file of what has come so far; it outlives a run that fails.
    maximum_bytes
        A server that sends more is not sending the file.
    """

    def __init__(self, partial: Path, maximum_bytes: int) -> None:
        self._partial = partial
        self._maximum = maximum_bytes

    def __call__(self, url: str, output_file: str, _pooch: Any, check_only: bool = False) -> None:
        """Download `url` to `output_file`; pooch then compares the checksum."""
        failures, furthest = 0, self._size()
        while True:
            try:
                self._go_on(url)
                break
            except requests.RequestException as error:
                failures = 1 if self._size() > furthest else failures + 1
                furthest = max(furthest, self._size())
                status = getattr(error.response, "status_code", None)
                if failures == ATTEMPTS or (status and status not in PASSING_STATUSES):
                    raise
                wait = FIRST_WAIT * 2 ** (failures - 1)
                # Not the error's text, which has the whole address, passwords included.
                logger.warning(
                    "download broke off at %d bytes (%s); again in %g s",
                    self._size(),
                    status or type(error).__name__,
                    wait,
                )
                time.sleep(wait)
        self._partial.replace(output_file)

    def _go_on(self, url: str) -> None:
        """Ask for the bytes that are missing, or for all where the server knows no ranges."""
        size = self._size()
        # Not compressed on the way: the checksum is that of the file as it is.
        headers = {"Accept-Encoding": "identity"}
        if size:
            headers["Range"] = f"bytes={size}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and size:
                if _length_of_all(response) == size:
                    return
                # The file became shorter: another one. Begin anew.
                self._partial.unlink()
                raise requests.ConnectionError("the server has fewer bytes than came before")
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content or not _begins_at(
                response, size
            ):
                size = 0
            self._receive(response, size)

    def _receive(self, response: requests.Response, size: int) -> None:
        """Append the answer's bytes to the first `size` bytes that are there."""
        length = response.headers.get("Content-Length")
        total = size + int(length) if length and length.isdecimal() else None
        if total is not None and total > self._maximum:
            raise self._too_large(total)
        with (
            self._partial.open("r+b" if size else "wb") as file,
            tqdm(
                desc="download",
                total=total,
                initial=size,
                unit="B",
                unit_scale=True,
                mininterval=PROGRESS_INTERVAL,
            ) as progress,
        ):
            file.seek(size)
            file.truncate()
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                progress.update(len(chunk))
                if file.tell() > self._maximum:
                    raise self._too_large(file.tell())
            if total is not None and file.tell() < total:
                raise requests.ConnectionError("the connection ended early")

    def _size(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _too_large(self, found: int) -> SynaxialError:
        return SynaxialError(
            self._partial.name,
            f"the server sends {found} bytes or more",
            f"at most {self._maximum} bytes",
            "see acquire.archive.maximum_gigabytes",
        )


def download(url: str, checksum: str, folder: Path, maximum_bytes: int) -> Path:
    """Return the file of this address in `folder`, downloaded unless it is there already.

    Parameters
    ----------
    url
        http(s).
    checksum
        `sha256:…` or `md5:…`.
    folder
        Where the file, and what has come of it after a failure, lie; nothing is put elsewhere.
    maximum_bytes
        The most that is downloaded.

    Raises
    ------
    SynaxialError
        The server does not give the file, or gives another one.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "_", Path(urlsplit(url).path).name).lstrip(".") or "archive"
    where = public_address(url)
    folder.mkdir(parents=True, exist_ok=True)
    # pooch would log the whole address, passwords included.
    pooch.get_logger().setLevel(logging.ERROR)
    logger.info("download of %s to %s", where, folder)
    partial = folder / f"{name}.{checksum.partition(':')[2][:16]}.partial"
    try:
        path = pooch.retrieve(
            url,
            known_hash=checksum,
            fname=name,
            path=folder,
            downloader=LargeDownload(partial, maximum_bytes),
        )
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        found = f"the server answers {status}" if status else f"fails ({type(error).__name__})"
        raise SynaxialError(
            where,
            f"the download {found}" if not status else found,
            "the file",
            "run the same command again: it goes on where it broke off"
            if partial.exists()
            else "see acquire.archive.location",
        ) from error
    except ValueError as error:
        # pooch's word for a checksum that differs.
        raise SynaxialError(
            where,
            f"what was downloaded has another checksum ({error})",
            checksum,
            "it was removed; see acquire.archive.checksum",
        ) from error
    return Path(path)


def public_address(url: str) -> str:
    """Return an address without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _begins_at(response: requests.Response, size: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {size}-")


def _length_of_all(response: requests.Response) -> int | None:
    """Return the file's length from the answer to a range beyond it: `bytes */1234`."""
    match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None
