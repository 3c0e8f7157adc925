"""How MPICH's ranks on several nodes talk to each other under srun."""

import os


def choose_network() -> None:
    """Have MPICH's wheel use libfabric in a rank that srun has started; before MPI starts.

    By default it uses UCX, whose addresses do not come through whole by Slurm's PMI: other nodes'
    ranks get bytes that are none ("failed to unpack address, invalid bandwidth"), and MPI's start
    fails or hangs, the more often the later in a process it is. A choice that is made already
    stays, and another MPI, by `MPI4PY_LIBMPI`, has its own.
    """
    by_srun = "SLURM_JOB_ID" in os.environ and "PMI_RANK" in os.environ
    if by_srun and "MPI4PY_LIBMPI" not in os.environ:
        os.environ.setdefault("MPIR_CVAR_CH4_NETMOD", "ofi")
