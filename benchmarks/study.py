"""The study that is measured: the paper's networks and settings, on images of noise."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.partner import Partner

import synaxial
from synaxial.config.model import Training

#: Images of the dataset; what they show does not change the time of an iteration.
IMAGES, WIDTH = 64, 256

#: The program of the other side; the check of GPUs has it too.
TWIN = Path(synaxial.__file__).parent / "studies" / "gpu_check" / "twin.py"

#: glibc's variables that do what `synaxial.compute.machine` does.
KEEPING_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}


def write_study(folder: Path) -> Path:
    """Write what both sides read."""
    (folder / "training.json").write_text(Training().model_dump_json())
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, WIDTH, WIDTH), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    return folder


def start_ours(study: Path, threads: int, *options: str, launcher: Sequence[str] = ()) -> Partner:
    """Start our side."""
    command = [*launcher, sys.executable, "-m", "benchmarks.training.ours", str(study)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return Partner(
        [*command, "--threads", str(threads), *options],
        {} if "--stock" in options else one_thread,
    )


def start_twin(
    python: Path, study: Path, threads: int, *options: str, keep_memory: bool = False
) -> Partner:
    """Start the twin in the environment that has PyTorch; its folder has modules of other uses."""
    return Partner(
        [python, "-P", TWIN, study, "--threads", str(threads), *options],
        KEEPING_MEMORY if keep_memory else None,
    )
