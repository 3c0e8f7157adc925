"""What a training was: for run.json."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import Machine, read_machine
from synaxial.config.model import Training

#: The packages whose versions may change a result.
PACKAGES = (
    *("synaxial", "chainer", "numpy", "numba", "llvmlite", "scipy", "mpi4py", "mpich"),
    *("pillow", "tifffile", "isal"),
)


def gather_machines(communicator: Any, device: Any) -> list[Machine]:
    """Return what each rank computes with, by rank; all ranks must call this."""
    return list(communicator.mpi_comm.allgather(read_machine(device)))


def describe_software() -> dict[str, Any]:
    """Return the versions of Python, of the packages and of the linear algebra library."""
    installed = {
        str(d.metadata["Name"]).lower(): d.version for d in importlib.metadata.distributions()
    }
    versions = {"python": platform.python_version()}
    versions |= {name: installed[name] for name in PACKAGES if name in installed}
    versions |= {name: v for name, v in installed.items() if name.startswith("cupy")}
    libraries = [
        {key: info.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
        for info in threadpool_info()
    ]
    return {"versions": versions, "libraries": libraries}


def git_commit(folder: Path) -> str | None:
    """Return the commit of the work tree that holds `folder`, marked if it was changed."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def describe_run(
    experiment: str,
    training: Training,
    fingerprint: str,
    dataset: dict[str, Any],
    machines: Sequence[Machine],
    threads_per_rank: int,
) -> dict[str, Any]:
    """Return what is known when a training begins; the end adds digests and times."""
    return {
        "experiment": experiment,
        "settings": training.model_dump(mode="json"),
        "fingerprint": fingerprint,
        "dataset": dataset,
        "ranks": [{"rank": rank, **asdict(machine)} for rank, machine in enumerate(machines)],
        "threads_per_rank": threads_per_rank,
        "images_per_rank_and_iteration": training.batch_size // len(machines),
        "git_commit": git_commit(Path(__file__).parent),
        "chainer_configuration": {"dtype": str(chainer.global_config.dtype)},
        **describe_software(),
    }
