"""No process of the check outlives it."""

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: The signals that end a check, of `kill`, of a scheduler, and of a terminal that is closed.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)

#: The option of Linux's prctl by which a process gets a signal when its parent ends.
PR_SET_PDEATHSIG = 1

#: Loaded here, because nothing may be loaded between fork and exec.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Let Linux kill this process when its parent ends, even by SIGKILL.

    It is for `preexec_fn`: `exec` keeps the setting. It calls one function of the C library, which
    takes no lock, so threads of the parent do no harm.
    """
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Raise a SystemExit in the block on `SIGNALS`, so that what it has started is ended."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
