"""The Slurm job of a training, and the earlier job that used the same checkpoints."""

import logging
import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synaxial.compute.gpus import INSTALL, NO_CUPY, has_cupy
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

log = logging.getLogger(__name__)

#: The file in a folder of checkpoints that names the last job that used it.
RECORD = "slurm_job.json"

#: The states of a job that has not ended, as squeue names them.
ACTIVE_STATES = frozenset(
    ["PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "COMPLETING"]
)

#: The longest time that a cancelled job may take to end, in seconds (Slurm's KillWait is 30).
ENDING_SECONDS = 300.0

#: The commands that submit, watch and cancel jobs.
COMMANDS = ("sbatch", "squeue", "scancel")

#: The longest time for an answer of Slurm, in seconds. Its own commands give up after ten if they
#: cannot reach the controller.
ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class SlurmJob:
    """A job as squeue shows it; `seconds_left` are infinite without a time limit.

    Snakemake's plugin gives all jobs of one run the same name.
    """

    number: int
    name: str
    state: str
    seconds_left: float


def check_slurm(seconds: float = ANSWER_SECONDS) -> None:
    """Check that jobs can be submitted from here; Snakemake would wait forever in silence."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        raise SynaxialError(
            "Slurm",
            f"{', '.join(missing)} not found",
            "Slurm's commands on PATH",
            "run the command on a login node of the cluster (perhaps after `module load slurm`), "
            "or run here with --profile profiles/local",
        )
    # As Snakemake asks, but for one's own jobs only: a cluster may have many.
    command = ["squeue", "--noheader", f"--user={os.getuid()}"]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except subprocess.TimeoutExpired:
        found = f"squeue has not answered in {seconds:g} seconds"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        found = f"squeue fails: {lines[-1]}"
    else:
        return
    raise SynaxialError(
        "Slurm",
        found,
        remedy="check that this is a login node and what `scontrol ping` says, and repeat the "
        "command",
    )


def check_environment(device: str) -> None:
    """Check that CuPy is installed if `device` is `gpu`; jobs use this environment."""
    if device == "gpu" and not has_cupy():
        raise SynaxialError(
            "gpus_per_rank in the profile",
            f"{NO_CUPY}, but GPUs are requested",
            remedy=f"{INSTALL}; or set gpus_per_rank = 0 to train on CPUs",
        )


def find_job(number: int) -> SlurmJob | None:
    """Return a job as Slurm knows it; None if it does not know it, or does not answer."""
    command = ["squeue", "--noheader", "--states=all", f"--jobs={number}", "--format=%T|%L|%j"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    if not lines:
        return None
    state, left, name = lines[0].split("|", maxsplit=2)
    return SlurmJob(number, name, state, as_seconds(left))


def own_job() -> SlurmJob | None:
    """Return the job of this process; None outside Slurm."""
    number = os.environ.get("SLURM_JOB_ID", "")
    return find_job(int(number)) if number.isdecimal() else None


def as_seconds(duration: str) -> float:
    """Return the seconds of Slurm's [days-][hours:]minutes:seconds; infinite for words."""
    days, _, rest = duration.strip().rpartition("-")
    seconds = 0
    try:
        for part in rest.split(":"):
            seconds = 60 * seconds + int(part)
        return float(86400 * int(days or 0) + seconds)
    except ValueError:
        return np.inf


def follow_last_job(folder: Path, job: SlurmJob | None) -> None:
    """Wait until the last job that used a folder of checkpoints has ended.

    A job of another run is one that a killed Snakemake has left behind. It is cancelled: it writes
    a checkpoint, from which this job continues. If a user has cancelled a job of the same run, this
    one, a retry, ends with an error.
    """
    record = folder / RECORD
    if job is None or not record.exists():
        return
    found = read_json(record)
    last = find_job(int(found["number"]))
    # Another cluster may have the same number, but not the same name.
    if last is None or last.number == job.number or last.name != found["name"]:
        return
    if last.name != job.name and last.state in ACTIVE_STATES:
        _end_job(last)
    elif last.name == job.name and last.state == "CANCELLED":
        raise SynaxialError(
            f"Slurm job {last.number}",
            "it was cancelled, so this training is not retried",
            remedy="repeat the command to continue from its checkpoint",
        )


def record_job(folder: Path, job: SlurmJob | None) -> None:
    """Record that this job uses a folder of checkpoints."""
    if job is not None:
        write_json(folder / RECORD, {"number": job.number, "name": job.name})


def _end_job(job: SlurmJob) -> None:
    log.info("cancelling Slurm job %d, which a killed Snakemake has left behind", job.number)
    # If Slurm does not answer, the job's state says so below.
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(["scancel", str(job.number)], check=False, timeout=60)
    until = time.monotonic() + ENDING_SECONDS
    while (now := find_job(job.number)) is not None and now.state in ACTIVE_STATES:
        if time.monotonic() > until:
            raise SynaxialError(
                f"Slurm job {job.number}",
                f"it trains the same model, and is still {now.state} after scancel",
                remedy="wait until it has ended, and repeat the command",
            )
        time.sleep(1)
