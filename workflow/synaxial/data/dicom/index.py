"""Which files of an export are the FLAIR volume of each subject, or why there is none."""

import dataclasses
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from synaxial.data.dicom.headers import Header
from synaxial.data.dicom.pseudonyms import Session, name_sessions
from synaxial.data.dicom.series import check_series, choose_series, group_series
from synaxial.io.errors import BadVolumeError


@dataclass(frozen=True)
class Entry:
    """A subject of an export; nothing in it tells who it is."""

    person: str
    #: The series, for messages and the manifest.
    origin: str = ""
    #: The places of its files among the sorted paths, in the order of the slices.
    files: list[int] = field(default_factory=list)
    #: What is unusual but usable.
    notes: list[str] = field(default_factory=list)
    #: Why there is no usable volume; else empty.
    problem: str = ""


def sessions_of(headers: Sequence[Header]) -> dict[Session, list[Header]]:
    """Return the headers of each session.

    A session without any data of the patient is one of a patient of its own.
    """
    found: dict[Session, list[Header]] = defaultdict(list)
    for header in headers:
        patient = header.patient or f"of study {header.study}"
        found[Session(patient, header.study)].append(header)
    return dict(found)


def name_all(
    sessions: Mapping[Session, Sequence[Header]], known: Mapping[Session, str]
) -> dict[str, Session]:
    """Return the sessions by the names of their subjects."""
    times = {session: min(one.time for one in files) for session, files in sessions.items()}
    return {name: session for session, name in name_sessions(times, known).items()}


def make_index(
    sessions: Mapping[Session, Sequence[Header]],
    names: Mapping[str, Session],
    patterns: Sequence[str],
    are_same: Callable[[int, int], bool],
) -> dict[str, Entry]:
    """Return what the export has for each subject.

    Parameters
    ----------
    sessions
        The headers of each session.
    names
        The sessions by the names of their subjects.
    patterns
        `acquire.dicom.series`.
    are_same
        Tells whether two files, by their places, have the same pixels.
    """
    mixed = _find_mixed(sessions, names)
    found = {}
    for name, session in names.items():
        entry = Entry(person=name.partition("_")[0], problem=mixed.get(name, ""))
        if not entry.problem:
            try:
                chosen = choose_series(group_series(sessions[session]), patterns)
                files, notes = check_series(chosen, are_same)
                entry = dataclasses.replace(
                    entry, origin=f"DICOM {chosen.name}", files=files, notes=notes
                )
            except BadVolumeError as error:
                entry = dataclasses.replace(entry, problem=str(error))
        found[name] = entry
    return found


def folder_of(headers: Sequence[Header], paths: Sequence[str]) -> str:
    """Return the folder below the export that holds all files of a session."""
    return os.path.commonpath([os.path.dirname(paths[one.file]) for one in headers])  # noqa: PTH120


def _find_mixed(
    sessions: Mapping[Session, Sequence[Header]], names: Mapping[str, Session]
) -> dict[str, str]:
    """Return the mistake in each subject whose patient is in doubt."""
    births: dict[str, set[str]] = defaultdict(set)
    owners: dict[str, list[str]] = defaultdict(list)
    for name, session in names.items():
        births[session.patient] |= {one.birth_date for one in sessions[session]} - {""}
        owners[session.uid].append(name)
    found = {}
    for name, session in names.items():
        others = [other for other in owners[session.uid] if other != name]
        if len(births[session.patient]) > 1:
            found[name] = (
                f"{len(births[session.patient])} dates of birth under its patient ID; expected one "
                "patient for each ID; correct the IDs before the export"
            )
        elif others:
            found[name] = (
                f"its study UID is that of {', '.join(others)} too; expected one patient in a "
                "study; export the study again"
            )
    return found
