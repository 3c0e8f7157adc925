"""Names of subjects that do not tell who they are: `sub-001_ses-1`.

The number of a patient is its place in the order of the SHA-256 of the patient IDs. So the same
patients have the same numbers on every machine, and neither a number nor the order of several
tells an ID. A digest itself would tell: whoever lists all possible IDs finds it. The sessions of a
patient are in the order of time.

Another patient in the folder may shift the numbers. A key file keeps them.
"""

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole

#: The columns of a key file.
COLUMNS = ["subject", "patient_id", "study_instance_uid", "folder"]

#: The name of a subject.
NAME = re.compile(r"sub-(\d+)_ses-(\d+)")


class Session(NamedTuple):
    """A DICOM study of a patient, by what its headers say."""

    patient: str
    uid: str


def name_sessions(times: Mapping[Session, str], known: Mapping[Session, str]) -> dict[Session, str]:
    """Return the name of the subject for each session.

    Parameters
    ----------
    times
        Date and time of each session.
    known
        The names of earlier runs, which stay.
    """
    patients: dict[str, int] = {}
    latest: dict[str, int] = defaultdict(int)
    for session, name in known.items():
        patient, number = map(int, name.removeprefix("sub-").split("_ses-"))
        patients[session.patient] = patient
        latest[session.patient] = max(latest[session.patient], number)
    new = sorted({session.patient for session in times} - set(patients), key=_digest)
    patients |= dict(zip(new, count(max(patients.values(), default=0) + 1)))
    names = {}
    for session in sorted(times, key=lambda session: (times[session], session.uid)):
        if session not in known:
            latest[session.patient] += 1
        names[session] = known.get(
            session, f"sub-{patients[session.patient]:03d}_ses-{latest[session.patient]}"
        )
    return names


def check_key_file(key: Path | None, export: Path, results: Path) -> None:
    """Check that a study writes its key file, if any, to no folder that others get.

    Raises
    ------
    SynaxialError
        It is in the export or in the folder of results, or it is a folder.
    """
    where = "acquire.dicom.key_file"
    if key is None:
        return
    if key.resolve().is_relative_to(results.resolve()):
        raise SynaxialError(
            where,
            f"{key} is in the folder of results, which others may get",
            "a path outside it",
        )
    if key.resolve().is_relative_to(export.resolve()):
        raise SynaxialError(where, f"{key} is in the export", "a path outside it")
    if key.is_dir():
        raise SynaxialError(where, f"{key} is a folder", f"a file, such as {key / 'key.csv'}")


def read_key(path: Path) -> dict[Session, tuple[str, str]]:
    """Return the name and the folder of each session in a key file; none if it is not there.

    Raises
    ------
    SynaxialError
        It is no key file.
    """
    if not path.exists():
        return {}
    try:
        # Spreadsheets put a mark at the beginning of UTF-8.
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SynaxialError(
            path, "is not in UTF-8", "the encoding that it was written in", "save it as CSV UTF-8"
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = list(reader)
    names = [row.get("subject") or "" for row in rows]
    whole = all(map(NAME.fullmatch, names)) and len(set(names)) == len(names)
    if reader.fieldnames != COLUMNS or not whole:
        raise SynaxialError(
            path,
            "is no key file",
            f"the columns {', '.join(COLUMNS)}, and a subject in each row",
            "see acquire.dicom.key_file",
        )
    return {
        Session(row["patient_id"], row["study_instance_uid"]): (row["subject"], row["folder"])
        for row in rows
    }


def write_key(path: Path, rows: Mapping[Session, tuple[str, str]]) -> None:
    """Write the name and the folder of each session, for the owner alone to read."""
    with written_whole(path) as partial:
        # The mode comes before the content.
        partial.touch(mode=0o600)
        # The name of a folder may be in another encoding.
        with partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((name, *session, folder) for session, (name, folder) in rows.items())


def _digest(patient: str) -> bytes:
    return hashlib.sha256(patient.encode()).digest()
