"""Which files of MPICH are deleted before MPI starts; tests/slurm shows what it is good for."""

import mmap
import os
import time

import pytest

from synaxial.gan.train.leftovers import remove_leftovers, start_of


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of a killed job, an hour old, in a rank that srun has started."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PMI_RANK", "0")
    path = tmp_path / "mpich_shm_eb421bf2_0"
    path.write_bytes(bytes(4096))
    long_ago = start_of(os.getppid()) - 3600
    os.utime(path, (long_ago, long_ago))
    return path


def test_an_old_file_that_nobody_uses_is_deleted(file):
    another = file.with_name("sem.mp-1")
    another.touch()
    os.utime(another, (0, 0))
    remove_leftovers(file.parent)
    assert not file.exists()
    assert another.exists()


def test_a_file_in_use_stays(file):
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0):
        remove_leftovers(file.parent)
        assert file.exists()


def test_a_file_of_this_job_step_stays(file):
    os.utime(file)
    remove_leftovers(file.parent)
    assert file.exists()


@pytest.mark.parametrize("name", ["SLURM_JOB_ID", "PMI_RANK"])
def test_outside_srun_nothing_is_touched(file, monkeypatch, name):
    monkeypatch.delenv(name)
    remove_leftovers(file.parent)
    assert file.exists()


def test_when_a_process_began():
    assert 0 <= time.time() - start_of(os.getpid()) < 24 * 3600
    assert start_of(os.getppid()) <= start_of(os.getpid())
