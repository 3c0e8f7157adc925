"""What Slurm knows of the job that a training runs in, and of the one before it."""

import importlib.util
import logging
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json

log = logging.getLogger(__name__)

#: Where a folder of checkpoints says which job was the last at work in it.
RECORD = "slurm_job.json"

#: The states of a job that has not ended, as squeue calls them.
ACTIVE_STATES = frozenset(
    ["PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "COMPLETING"]
)

#: How long a cancelled job may take to end, in seconds: Slurm's KillWait is 30 by default.
ENDING_SECONDS = 300.0

#: What submits, watches and cancels jobs.
COMMANDS = ("sbatch", "squeue", "scancel")

#: How long Slurm may take to answer, in seconds; a controller that cannot be reached is given up
#: after ten by its own commands.
ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class SlurmJob:
    """A job as squeue shows it.

    Attributes
    ----------
    number
        Its id.
    name
        Its name. Snakemake's plugin gives all jobs of one run the same, and each run another.
    state
        Its state, such as RUNNING.
    seconds_left
        Until its time limit; infinite without one.
    """

    number: int
    name: str
    state: str
    seconds_left: float


def check_slurm(seconds: float = ANSWER_SECONDS) -> None:
    """Check that jobs can be submitted from here: Snakemake would wait for ever in silence.

    Raises
    ------
    SynaxialError
        Commands are missing, or Slurm does not answer within so many seconds.
    """
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        raise SynaxialError(
            "Slurm",
            f"{', '.join(missing)} not found",
            "Slurm's commands on PATH",
            "give the command on a login node of the cluster (perhaps after `module load slurm`), "
            "or run here with --profile profiles/local",
        )
    # What Snakemake asks all the time, but of one's own jobs only: the cluster's may be many.
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
        remedy="see whether this is a login node and what `scontrol ping` says, and give the same "
        "command again",
    )


def check_environment(device: str) -> None:
    """Check that trainings for which GPUs are asked could use them: jobs have this environment.

    Raises
    ------
    SynaxialError
        `device` is `gpu`, and CuPy is not installed.
    """
    if device == "gpu" and importlib.util.find_spec("cupy") is None:
        raise SynaxialError(
            "gpus_per_rank in the profile",
            "GPUs are asked for, and this environment has no CuPy to use them",
            remedy="set gpus_per_rank = 0 to train on CPUs, or install envs/cuda12.txt or "
            "envs/cuda13.txt in place of envs/cpu.txt",
        )


def find_job(number: int) -> SlurmJob | None:
    """Ask Slurm for a job; None if it does not know it (any more), or cannot be asked."""
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
    """Return the job that this process runs in; None outside Slurm."""
    number = os.environ.get("SLURM_JOB_ID", "")
    return find_job(int(number)) if number.isdecimal() else None


def as_seconds(duration: str) -> float:
    """Return the seconds of Slurm's [days-][hours:]minutes:seconds; infinite for a word."""
    days, _, rest = duration.strip().rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
        whole_days = int(days or 0)
    except ValueError:
        return np.inf
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + part
    return float(86400 * whole_days + seconds)


def follow_last_job(folder: Path, job: SlurmJob | None) -> None:
    """Wait until a folder of checkpoints is free for this job, if the job before it allows.

    A job that a killed Snakemake has left behind is cancelled: it writes a checkpoint, and this
    one goes on from there. A job of the same run that somebody has cancelled was not meant to be
    followed by a retry.

    Raises
    ------
    SynaxialError
        The last job was cancelled, or one that was left behind does not end.
    """
    record = folder / RECORD
    if job is None or not record.exists():
        return
    found = read_json(record)
    last = find_job(int(found["number"]))
    # Numbers begin anew on another cluster, names do not.
    if last is None or last.number == job.number or last.name != found["name"]:
        return
    if last.name != job.name and last.state in ACTIVE_STATES:
        _end_job(last)
    elif last.name == job.name and last.state == "CANCELLED":
        raise SynaxialError(
            f"Slurm job {last.number}",
            "it was cancelled, so this training is not tried again",
            remedy="give the same command again to go on from its checkpoint",
        )


def record_job(folder: Path, job: SlurmJob | None) -> None:
    """Write down that this job is at work in a folder of checkpoints."""
    if job is not None:
        write_json(folder / RECORD, {"number": job.number, "name": job.name})


def _end_job(job: SlurmJob) -> None:
    log.info("cancelling Slurm job %d, left behind by a Snakemake that is gone", job.number)
    subprocess.run(["scancel", str(job.number)], check=False, timeout=60)
    until = time.monotonic() + ENDING_SECONDS
    while (now := find_job(job.number)) is not None and now.state in ACTIVE_STATES:
        if time.monotonic() > until:
            raise SynaxialError(
                f"Slurm job {job.number}",
                f"it is at work on the same model, and {now.state} for long after scancel",
                remedy="wait until it has ended, and give the same command again",
            )
        time.sleep(1)
