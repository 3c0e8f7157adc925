"""A real training that is killed with SIGKILL, resumed, and compared bit for bit.

Two trainings of the paper's networks start alike. One is killed after some iterations and starts
again from its checkpoint; the other one is not. Both checkpoints of a later iteration must be
equal: the weights of both networks, and the moments of their optimizers. If they are not, another
uninterrupted training shows whether the device computes the same twice.
"""

import hashlib
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from synaxial.compute.parent import end_with_parent
from synaxial.config.loading import as_yaml
from synaxial.gan.train.checkpoint import find_checkpoints
from synaxial.io.files import write_json, write_text
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

log = logging.getLogger(__name__)

#: The iteration after which a training is killed, and the one that is compared.
KILLED, COMPARED = 4, 8

#: Seconds between two looks at the folder of checkpoints.
PAUSE = 0.05

#: Where Linux shows shared memory.
SHARED_MEMORY = Path("/dev/shm")

#: What a checkpoint says about times, by name.
TIMES = ("extensions/log/state", "_snapshot_elapsed_time")


def check_resume(setting: Setting, findings: Findings) -> None:
    """Compare a resumed training with an uninterrupted one."""
    write_study(setting)
    straight, resumed = setting.folder / "straight", setting.folder / "resumed"
    train_until(setting, straight, COMPARED)
    train_until(setting, resumed, KILLED)
    # Exactly these iterations, however late the signal came.
    for path in checkpoints(resumed):
        if iteration_of(path) > KILLED:
            path.unlink()
    log = train_until(setting, resumed, COMPARED)
    if f"iteration_{KILLED:09d}.npz" not in log:
        raise CheckFailedError("the training did not resume from its checkpoint")
    differing, arrays = compare(checkpoint(straight, COMPARED), checkpoint(resumed, COMPARED))
    findings.note(
        f"killed after iteration {KILLED}, compared after iteration {COMPARED}: "
        f"{arrays - len(differing)} of {arrays} arrays are equal to the last bit",
        arrays=arrays,
        differing=differing,
    )
    if differing:
        fault = f"{len(differing)} arrays differ, such as {differing[0]}"
        raise CheckFailedError(f"{fault}; {control(setting, straight)}")


def control(setting: Setting, straight: Path) -> str:
    """Train once more without an interruption; say what makes a resumed training differ."""
    again = setting.folder / "again"
    train_until(setting, again, COMPARED)
    differing, _ = compare(checkpoint(straight, COMPARED), checkpoint(again, COMPARED))
    if differing:
        return (
            f"the device is not deterministic: {len(differing)} arrays of two uninterrupted "
            "trainings differ, too"
        )
    return "two uninterrupted trainings are equal: resuming loses state"


def write_study(setting: Setting) -> None:
    """Write the study and the data set of the training."""
    keys = setting.study
    # A checkpoint after every iteration; all are kept, and no epoch ends with a preview.
    keys["monitoring"] = {
        "checkpoint_minutes": 1e-9,
        "checkpoints_kept": 1000,
        "preview_epochs": 1000,
    }
    write_text(setting.folder / "study.yaml", as_yaml(keys))
    folder = setting.folder / "dataset"
    folder.mkdir()
    images = setting.images()
    np.save(folder / "images.npy", images)
    digest = hashlib.sha256((folder / "images.npy").read_bytes()).hexdigest()
    description = {"images": len(images), "size": setting.width, "sha256": digest}
    write_json(folder / "dataset.json", description)


def train_until(setting: Setting, folder: Path, iteration: int) -> str:
    """Train until the checkpoint of an iteration is there, then kill it; return its output."""
    with started(setting, folder) as process:
        while not any(iteration_of(path) >= iteration for path in checkpoints(folder)):
            if process.poll() is not None:
                break
            time.sleep(PAUSE)
    output = (setting.folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    log.info("%s", output)
    if not any(iteration_of(path) >= iteration for path in checkpoints(folder)):
        last = (output.strip().splitlines() or ["it said nothing"])[-1]
        raise CheckFailedError(f"the training ended by itself: {last}"[:300])
    return output


@contextmanager
def started(setting: Setting, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a training; SIGKILL ends it at the end of the block."""
    command = [
        *(sys.executable, "-m", "synaxial", "train", "--experiment", "paper"),
        *("--config", str(setting.folder / "study.yaml")),
        *("--dataset", str(setting.folder / "dataset")),
        *("--output", str(folder / "output"), "--checkpoints", str(folder)),
        *("--device", setting.device),
    ]
    with (setting.folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,  # noqa: PLW1509, see there
        )
        try:
            yield process
        finally:
            segments = shared_memory_of(process.pid)
            process.kill()
            process.wait()
            # A killed process leaves those of MPI.
            for segment in segments:
                segment.unlink(missing_ok=True)


def shared_memory_of(process: int) -> set[Path]:
    """Return the files of shared memory that a process has open, as Linux knows them."""
    try:
        lines = Path("/proc", str(process), "maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    # Not those in folders, which can be a user's temporary files.
    files = (line.partition(f"{SHARED_MEMORY}/")[2] for line in lines)
    return {
        SHARED_MEMORY / name for name in files if name and "/" not in name and " (del" not in name
    }


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a training, the newest first."""
    return [path for model in folder.glob("paper_*") for path in find_checkpoints(model)]


def checkpoint(folder: Path, iteration: int) -> Path:
    """Return the checkpoint of an iteration."""
    return next(path for path in checkpoints(folder) if iteration_of(path) == iteration)


def iteration_of(path: Path) -> int:
    """Return the iteration after which a checkpoint was written."""
    return int(path.stem.removeprefix("iteration_"))


def compare(first: Path, second: Path) -> tuple[list[str], int]:
    """Return the names of the arrays that are not the same bits, and the number of arrays."""
    with np.load(first) as one, np.load(second) as other:
        names = [name for name in one.files if name not in TIMES]
        differing = sorted(set(one.files) ^ set(other.files))
        differing += [
            name
            for name in names
            if name in other.files and one[name].tobytes() != other[name].tobytes()
        ]
        return differing, len(names)
