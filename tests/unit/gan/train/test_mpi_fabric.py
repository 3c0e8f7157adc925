"""MPICH under srun: its network library, and the files deleted before MPI starts.

tests/slurm shows what both are good for.
"""

import mmap
import os
import time

import pytest

from synaxial.gan.train.mpi_fabric import choose_fabric, remove_stale_memory, start_of

RANK = {"SLURM_JOB_ID": "7", "PMI_RANK": "0"}


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        (RANK, "ofi"),
        ({"PMI_RANK": "0"}, None),  # mpiexec
        ({"SLURM_JOB_ID": "7"}, None),  # one process of a job
        ({**RANK, "MPIR_CVAR_CH4_NETMOD": "ucx"}, "ucx"),
        ({**RANK, "MPI4PY_LIBMPI": "/opt/site/libmpi.so"}, None),
    ],
)
def test_only_the_wheel_under_srun_gets_another_network(monkeypatch, environment, chosen):
    for name in ("SLURM_JOB_ID", "PMI_RANK", "MPI4PY_LIBMPI", "MPIR_CVAR_CH4_NETMOD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    choose_fabric()
    assert os.environ.get("MPIR_CVAR_CH4_NETMOD") == chosen


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


def test_an_old_unused_file_is_deleted(file):
    another = file.with_name("sem.mp-1")
    another.touch()
    os.utime(another, (0, 0))
    remove_stale_memory(file.parent)
    assert not file.exists()
    assert another.exists()


def test_a_file_in_use_stays(file):
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0):
        remove_stale_memory(file.parent)
        assert file.exists()


def test_a_file_of_this_job_step_stays(file):
    os.utime(file)
    remove_stale_memory(file.parent)
    assert file.exists()


@pytest.mark.parametrize("name", ["SLURM_JOB_ID", "PMI_RANK"])
def test_outside_srun_nothing_is_touched(file, monkeypatch, name):
    monkeypatch.delenv(name)
    remove_stale_memory(file.parent)
    assert file.exists()


def test_when_a_process_began():
    assert 0 <= time.time() - start_of(os.getpid()) < 24 * 3600
    assert start_of(os.getppid()) <= start_of(os.getpid())
