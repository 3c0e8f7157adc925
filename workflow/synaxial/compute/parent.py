"""Processes that do not outlive the process that started them."""

import ctypes
import signal
import sys

#: The option of Linux's prctl by which a process gets a signal when its parent ends.
PR_SET_PDEATHSIG = 1

#: Loaded here, because nothing may be loaded between fork and exec.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Let Linux kill this process when its parent ends, even by SIGKILL.

    It may be a `preexec_fn`, as `exec` keeps the setting. It calls one function of the C library,
    which takes no lock, so threads of the parent do no harm.
    """
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
