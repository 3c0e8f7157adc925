"""Two ranks with a GPU each: they must compute what one does that has the whole batch.

On GPUs the gradients go through NCCL, and the statistics of synchronised batch normalisation
through the host.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from synaxial.compute.devices import count_gpus
from synaxial.compute.parent import end_with_parent
from synaxial.studies.gpu_check.results import CheckFailedError, Findings, NotRunError
from synaxial.studies.gpu_check.setting import Setting

RANKS = 2

#: The largest difference of any weight or running statistic, which are 0.01 to 1. The networks are
#: the same small ones on all devices. With Chainer's functions on the CPU it was 6e-7. What a GPU's
#: rounding gives has not been seen.
TOLERANCE = 1e-5

PROGRAM = "synaxial.studies.gpu_check.one_of_ranks"


def check_ranks(setting: Setting, findings: Findings) -> None:
    """Train a few iterations on one and on two ranks, and compare the weights."""
    if setting.device == "gpu" and count_gpus() < RANKS:
        raise NotRunError("one GPU, and NCCL needs two")
    mpiexec = find_mpiexec()
    if mpiexec is None:
        raise NotRunError("there is no mpiexec on the PATH")
    alone = train(setting, [], "alone")
    together = train(setting, [mpiexec, "-n", str(RANKS)], "together")
    communicator = str(together.pop("communicator"))
    del alone["communicator"]
    apart = largest_difference(alone, together)
    places = " on GPU 0 and 1" if setting.device == "gpu" else ""
    findings.note(
        f"{RANKS} ranks{places}, {communicator}, synchronised normalisation: the weights differ "
        f"by {apart:.0e} from those of one rank",
        communicator=communicator,
        largest_difference={"value": apart, "limit": TOLERANCE},
    )
    if not apart <= TOLERANCE:
        raise CheckFailedError(f"the weights of {RANKS} ranks differ by more than {TOLERANCE:g}")


def largest_difference(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    """Return the largest absolute difference of arrays of the same names; NaN if there is one."""
    # Python's max() passes over NaN.
    return float(np.max([np.abs(first[name] - second[name]).max() for name in first]))


def find_mpiexec() -> str | None:
    """Return mpiexec of this environment, or that of the PATH."""
    own = Path(sys.executable).with_name("mpiexec")
    return str(own) if own.exists() else shutil.which("mpiexec")


def train(setting: Setting, launcher: list[str], name: str) -> dict[str, np.ndarray]:
    """Train on the ranks of a launcher; return the weights by path, and their communicator."""
    path = setting.folder / f"{name}.npz"
    command = [*launcher, sys.executable, "-m", PROGRAM, setting.device, str(path)]
    # Open MPI starts nothing as root without these.
    permitted = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    environment = {**os.environ, **permitted}
    done = subprocess.run(command, env=environment, check=False, preexec_fn=end_with_parent)
    if done.returncode or not path.exists():
        raise CheckFailedError(f"{' '.join(command[:4])} … ended with status {done.returncode}")
    with np.load(path) as file:
        return dict(file)
