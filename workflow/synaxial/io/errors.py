"""Errors of commands, and their exit statuses."""

from collections.abc import Sequence
from pathlib import Path

#: The exit status of a command that was given bad input (EX_DATAERR of sysexits.h).
BAD_INPUT_STATUS = 65

#: The exit status of a training that stopped itself after a checkpoint; the same command continues
#: it (EX_TEMPFAIL of sysexits.h).
STOPPED_EARLY_STATUS = 75


class SynaxialError(Exception):
    """A mistake of the user; the command prints it as one line, without a traceback.

    `where` is the file, key or subject at fault, `found` what is there, `expected` what should be
    there, and `remedy` what to do about it.
    """

    def __init__(self, where: str | Path, found: str, expected: str = "", remedy: str = "") -> None:
        parts = [f"{where}: {found}"]
        if expected:
            parts.append(f"expected {expected}")
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(" ".join(part.split()) for part in parts))

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process raise it."""
        return _restored, (type(self), str(self))


def _restored(kind: type[SynaxialError], text: str) -> SynaxialError:
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    return error


class BadVolumeError(SynaxialError):
    """A volume that cannot be used; `on_bad_volume` decides whether this ends the run."""


class SharedError(SynaxialError):
    """A mistake that every rank of a job knows; only rank 0 prints it."""

    def __init__(self, mistake: SynaxialError | str) -> None:
        Exception.__init__(self, str(mistake))


class SeveralError(SynaxialError):
    """Mistakes that do not depend on each other, a line each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        Exception.__init__(self, "\n".join(mistakes))


def shortened(names: Sequence[str], most: int) -> str:
    """Return the first `most` names of a list, and how many are left: `a, b and 3 more`."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def in_words(error: SynaxialError | OSError) -> str:
    """Return what a user is told of an error."""
    if isinstance(error, SynaxialError):
        return str(error)
    where = error.filename if error.filename is not None else "the file system"
    return f"{where}: {error.strerror or error}"


class StoppedEarlyError(Exception):
    """A training that was asked to stop and wrote a checkpoint; the same command continues it."""
