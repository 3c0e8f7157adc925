"""What later stages ask of the record that `acquire` writes for each subject."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synaxial.data.volumes.record import SKIPPED
from synaxial.io.errors import SynaxialError


def subject_of(record: Mapping[str, Any], path: Path) -> str:
    """Return the subject's name.

    Raises
    ------
    SynaxialError
        The record has none; `path` is the file that it was read from.
    """
    subject = record.get("subject")
    if not isinstance(subject, str) or not subject:
        raise SynaxialError(path, "names no subject", "a record written by `synaxial acquire`")
    return subject


def is_skipped(record: Mapping[str, Any]) -> bool:
    """Tell whether `acquire` left the subject out (`on_bad_volume: skip`)."""
    return record.get("status") == SKIPPED
