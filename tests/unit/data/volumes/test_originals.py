"""Whether a subject's files are still what its record was made from."""

import json
import os
import shutil
from pathlib import Path

import pytest

from synaxial.data.volumes import originals
from synaxial.data.volumes.originals import digests_of, state_for_rerun, state_of


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "flair.nii.gz", tmp_path / "seg.nii.gz"]
    for path in paths:
        path.write_text(path.name)
    return paths


@pytest.fixture
def record(tmp_path, files):
    """A record made from the files."""
    path = tmp_path / "results" / "subject.json"
    path.parent.mkdir()
    content = {"state": state_of(files), "original_sha256": digests_of(files)}
    path.write_text(json.dumps(content))
    return path


def test_without_a_record_it_is_the_state_now(tmp_path, files):
    assert state_for_rerun(files, tmp_path / "none.json") == state_of(files)


def test_files_with_the_same_state_are_not_read(files, record, monkeypatch):
    monkeypatch.setattr(originals, "digests_of", None)
    assert state_for_rerun(files, record) == state_of(files)


def test_same_bytes_elsewhere_are_read_once(tmp_path, files, record, monkeypatch):
    before = state_of(files)
    moved = [Path(shutil.copy(path, tmp_path / f"moved_{path.name}")) for path in files]
    assert state_of(moved) != before
    assert state_for_rerun(moved, record) == before
    monkeypatch.setattr(originals, "digests_of", None)
    assert state_for_rerun(moved, record) == before


def test_other_bytes_of_the_same_size_and_time_are_another_state(files, record):
    before = state_of(files)
    status = files[1].stat()
    files[1].write_text("GES.nii.gz")
    os.utime(files[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert files[1].stat().st_size == status.st_size
    assert state_for_rerun(files, record) == state_of(files) != before


def test_what_was_remembered_of_an_older_record_does_not_count(files, record):
    old = state_of(files)
    files[0].touch()
    touched = state_of(files)
    assert state_for_rerun(files, record) == old
    # The record is now one of other bytes.
    content = {"state": "another", "original_sha256": ["other", "bytes"]}
    record.write_text(json.dumps(content))
    assert state_for_rerun(files, record) == touched


def test_files_that_are_gone_change_nothing(files, record):
    before = state_of(files)
    files[0].unlink()
    assert state_for_rerun(files, record) == before
