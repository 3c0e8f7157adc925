"""What a killed predecessor under the same Slurm job number has left, and MPI would stumble over.

MPICH under `srun --mpi=pmi2` names its shared memory, `/dev/shm/mpich_shm_*`, by the numbers of
the job and the step. They are the same again when Slurm puts a job back into its queue. Where the
ranks were killed before they could clean up, the new ones on that node take the old file for
theirs, and fail or wait for ever in MPI's start (both were seen).
"""

import os
import time
from pathlib import Path

#: Where Linux keeps shared memory with a name.
SHARED_MEMORY = Path("/dev/shm")


def remove_leftovers(folder: Path = SHARED_MEMORY) -> None:
    """Delete MPICH's files that are older than this job step and that no process uses.

    It does nothing but in a rank that srun has started, and must be called before MPI starts.
    """
    if "SLURM_JOB_ID" not in os.environ or "PMI_RANK" not in os.environ:
        return
    # slurmstepd, the parent of all of the step's ranks on this node: what they make is younger.
    began = start_of(os.getppid())
    for path in folder.glob("mpich_shm_*"):
        try:
            found = path.stat()
            ours = found.st_uid == os.getuid()
            if ours and found.st_mtime < began and not is_used(path):
                # Another rank may have removed it meanwhile, started MPI and made a new one.
                again = path.stat()
                if (again.st_ino, again.st_mtime) == (found.st_ino, found.st_mtime):
                    path.unlink()
        except OSError:
            # Another rank was first, or it is somebody else's.
            continue


def start_of(process: int) -> float:
    """Return when a process of this machine began, in seconds since 1970."""
    # After the command's name, which may have blanks in it; counted since the machine's start.
    ticks = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def is_used(path: Path) -> bool:
    """Return whether any process that can be seen has a file mapped, or may have."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            if str(path) in maps.read_text(errors="replace"):
                return True
        except OSError:
            # It has ended, or is another user's, who has no part in files of ours.
            continue
    return False
