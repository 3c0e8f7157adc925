"""What a process has needed."""

from pathlib import Path


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes.

    VmHWM, for `ru_maxrss` begins with that of the process which started this one.
    """
    return entry("VmHWM")


def anonymous_memory() -> int:
    """Return the memory that this process has now and that is not files, in bytes."""
    return entry("RssAnon")


def entry(name: str) -> int:
    """Return an entry of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])
