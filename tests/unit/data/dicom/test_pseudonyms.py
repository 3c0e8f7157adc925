"""The names that take the place of patients."""

import hashlib
import os
from pathlib import Path

import pytest

from synaxial.data.dicom.pseudonyms import Session, name_sessions, read_key, write_key
from synaxial.io.errors import SynaxialError

TIMES = {
    Session("anna", "1.2"): "20200101",
    Session("bert", "1.3"): "20190101",
    Session("anna", "1.1"): "20210101",
    Session("carl", "1.4"): "",
}


def test_names_are_in_the_order_of_digests_and_of_time() -> None:
    names = name_sessions(TIMES, {})
    patients = sorted(
        ("anna", "bert", "carl"), key=lambda name: hashlib.sha256(name.encode()).hexdigest()
    )
    numbers = {patient: f"sub-{n:03d}" for n, patient in enumerate(patients, 1)}
    assert names == {
        Session("anna", "1.2"): f"{numbers['anna']}_ses-1",
        Session("anna", "1.1"): f"{numbers['anna']}_ses-2",
        Session("bert", "1.3"): f"{numbers['bert']}_ses-1",
        Session("carl", "1.4"): f"{numbers['carl']}_ses-1",
    }
    assert name_sessions(dict(reversed(TIMES.items())), {}) == names


def test_a_key_keeps_the_names_of_known_sessions(tmp_path: Path) -> None:
    first = {session: time for session, time in TIMES.items() if session.uid != "1.2"}
    before = name_sessions(first, {})
    path = tmp_path / "private" / "key.csv"
    write_key(path, {session: (name, "a folder") for session, name in before.items()})
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path) == {session: (name, "a folder") for session, name in before.items()}
    more = {f"new {number}": str(number) for number in range(20)}
    later = TIMES | {Session(patient, uid): "" for patient, uid in more.items()}
    after = name_sessions(later, before)
    assert {session: after[session] for session in before} == before
    assert len(set(after.values())) == len(later) == 24
    # The session that is older than the known one comes after it all the same.
    assert after[Session("anna", "1.2")] == before[Session("anna", "1.1")].replace("-1", "-2")
    assert {int(after[Session(patient, uid)][4:7]) for patient, uid in more.items()} == {
        *range(4, 24)
    }


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "subject,patient_id,study_instance_uid,folder\nHans,1,1.2,a\n"]
)
def test_another_file_is_not_read_as_a_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.csv").write_text(text)
    with pytest.raises(SynaxialError, match="is no key file; expected the columns subject"):
        read_key(tmp_path / "key.csv")
    assert read_key(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("encoding", "fits"), [("utf-8-sig", True), ("cp1252", False), ("utf-16", False)]
)
def test_a_key_that_a_spreadsheet_has_saved(tmp_path: Path, encoding: str, fits: bool) -> None:
    path, key = tmp_path / "key.csv", {Session("Jürgen", "1.2"): ("sub-001_ses-1", "Köln")}
    write_key(path, key)
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding, newline="\r\n")
    if fits:
        assert read_key(path) == key
    else:
        with pytest.raises(SynaxialError, match=r"key\.csv: is not in UTF-8; expected"):
            read_key(path)


def test_a_folder_whose_name_is_not_utf_8_is_escaped_in_the_key(tmp_path: Path) -> None:
    session, folder = Session("anna", "1.2"), os.fsdecode(b"J\xfcrgen")
    write_key(tmp_path / "key.csv", {session: ("sub-001_ses-1", folder)})
    known = read_key(tmp_path / "key.csv")
    assert known == {session: ("sub-001_ses-1", r"J\udcfcrgen")}
    write_key(tmp_path / "key.csv", known)
    assert read_key(tmp_path / "key.csv") == known
