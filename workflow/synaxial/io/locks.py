"""Locks that are released when the process ends, even if it is killed."""

import errno
import fcntl
import logging
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

#: The errors of a file system without locks; some clusters have one.
WITHOUT_LOCKS = frozenset([errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])


def take_lock(path: Path) -> IO[str]:
    """Lock a file for this process alone and return it; closing the file ends the lock.

    The folder is made if it is absent. On a file system without locks, this logs a warning.

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
