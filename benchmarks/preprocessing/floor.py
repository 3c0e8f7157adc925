"""The floor under any pipeline: the files are read and unpacked, and nothing else is done."""

import time
import zlib
from collections.abc import Callable
from multiprocessing.pool import Pool
from pathlib import Path

from isal import isal_zlib

#: zlib's code for "gzip, with its header and checksum".
GZIP = 31


def inflate_by_zlib(path: Path) -> int:
    """Unpack a gzip file in one piece; return its size."""
    return len(zlib.decompress(path.read_bytes(), GZIP))


def inflate_by_isal(path: Path) -> int:
    """Do the same with ISA-L, which this package uses."""
    return len(isal_zlib.decompress(path.read_bytes(), GZIP))


INFLATERS: dict[str, Callable[[Path], int]] = {
    "zlib": inflate_by_zlib,
    "ISA-L": inflate_by_isal,
}


def inflate(name: str, files: list[Path], pool: Pool) -> float:
    """Unpack all files on the pool; return the seconds that it took."""
    begin = time.perf_counter()
    pool.map(INFLATERS[name], files, chunksize=1)
    return time.perf_counter() - begin
