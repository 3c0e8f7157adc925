"""How the C library hands out memory for arrays."""

import ctypes

#: Parameters of glibc's `mallopt` (malloc.h).
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
#: Larger than any array of ours.
LARGEST = 1 << 30
LARGEST_BEFORE = 1 << 25


def keep_freed_memory() -> None:
    """Have the arrays of one iteration take the memory of those of the last one.

    By default glibc gives the memory of every large array back to the system and asks for it
    anew, whose pages are then cleared and mapped one by one: up to a fifth of an iteration. Other
    C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    # Before its version 2.35 glibc takes half of a heap at most.
    if mallopt(MMAP_THRESHOLD, LARGEST) or mallopt(MMAP_THRESHOLD, LARGEST_BEFORE):
        # Else this would keep the threshold from growing by itself.
        mallopt(TRIM_THRESHOLD, LARGEST)
