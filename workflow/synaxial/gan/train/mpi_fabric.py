"""Settings and clean-up for MPICH, before it starts in a rank that srun has launched.

Both solve problems that were seen on real clusters. UCX, MPICH's default network library, does not
start reliably with Slurm's PMI. And MPICH fails if it finds the shared memory of a killed job: it
names these files, `/dev/shm/mpich_shm_*`, after the job ID and step ID, which stay the same when
Slurm requeues the job.
"""

import os
import time
from pathlib import Path

#: Where Linux keeps named shared memory.
SHARED_MEMORY = Path("/dev/shm")


def launched_by_srun() -> bool:
    """Return whether srun has started this process as an MPI rank."""
    return "SLURM_JOB_ID" in os.environ and "PMI_RANK" in os.environ


def choose_fabric() -> None:
    """Make the MPICH wheel use libfabric in place of UCX, in a rank that srun has launched.

    Slurm's PMI truncates the addresses of UCX. Ranks on other nodes then receive invalid addresses
    ("failed to unpack address, invalid bandwidth"), and the start of MPI fails or hangs. A value
    that is set in the environment is kept. Another MPI, chosen by `MPI4PY_LIBMPI`, is left alone.
    """
    if launched_by_srun() and "MPI4PY_LIBMPI" not in os.environ:
        os.environ.setdefault("MPIR_CVAR_CH4_NETMOD", "ofi")


def remove_stale_memory(folder: Path = SHARED_MEMORY) -> None:
    """Delete MPICH's files that are older than this job step and that no process uses.

    With a stale file, the ranks of a node fail or wait forever when MPI starts.
    """
    if not launched_by_srun():
        return
    # slurmstepd is the parent of all ranks of this step on this node: their files are younger.
    began = start_of(os.getppid())
    for path in folder.glob("mpich_shm_*"):
        try:
            found = path.stat()
            ours = found.st_uid == os.getuid()
            if ours and found.st_mtime < began and not is_used(path):
                # Another rank may have deleted it, started MPI and made a new file meanwhile.
                again = path.stat()
                if (again.st_ino, again.st_mtime) == (found.st_ino, found.st_mtime):
                    path.unlink()
        except OSError:
            # Another rank was faster, or the file belongs to another user.
            continue


def start_of(process: int) -> float:
    """Return when a process of this machine started, in seconds since 1970."""
    # The start is counted in clock ticks since boot. The command's name may contain blanks.
    ticks = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def is_used(path: Path) -> bool:
    """Return whether a visible process has mapped a file into its memory."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            if str(path) in maps.read_text(errors="replace"):
                return True
        except OSError:
            # The process has ended, or belongs to another user, who cannot use our files.
            continue
    return False
