"""How the C library allocates memory for arrays."""

import ctypes

#: Parameters of glibc's `mallopt` (malloc.h).
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
#: Bytes, more than any array of a training has; and the most before glibc 2.35.
LARGEST = 1 << 30
LARGEST_BEFORE = 1 << 25


def keep_freed_memory() -> None:
    """Let the arrays of an iteration reuse the memory of the last iteration.

    By default glibc returns the memory of every large array to the system. New memory is then
    cleared and mapped page by page, which takes up to a fifth of an iteration. Other C libraries
    stay as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    if mallopt(MMAP_THRESHOLD, LARGEST) or mallopt(MMAP_THRESHOLD, LARGEST_BEFORE):
        # A fixed threshold for mmap also stops the automatic growth of this one.
        mallopt(TRIM_THRESHOLD, LARGEST)
