"""MPICH's network under srun."""

import os

import pytest

from synaxial.gan.train.mpi_fabric import choose_network

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
    choose_network()
    assert os.environ.get("MPIR_CVAR_CH4_NETMOD") == chosen
