"""The studies that are measured: the paper's networks and the coarse ones, on images of noise."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.partner import Partner

import synaxial
from synaxial.config.loading import make_study
from synaxial.config.model import Training

#: Images of the dataset; what they show does not change the time of an iteration.
IMAGES, WIDTH = 64, 256

#: The folder of the other side's program; the check of GPUs has it too.
TWIN = Path(synaxial.__file__).parent / "studies" / "gpu_check" / "pytorch"

#: glibc's variables that do what `synaxial.compute.machine` does.
KEEPING_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}


#: What a PyTorch user would try, in float32. All but the first keep freed memory as ours does, by
#: glibc's variables.
TRIED = {
    "eager": (),
    "eager that keeps freed memory": (),
    "torch.compile": ("--compiled",),
    "channels-last": ("--channels-last",),
}


def paper() -> Training:
    """Return the paper's settings."""
    return Training()


def coarse() -> Training:
    """Return those of the coarse networks, at their full width from the start.

    Real images are neither varied nor augmented, which is no work of the networks.
    """
    training = modern()
    at_once = training.coarse.model_copy(update={"first_width": training.coarse.width})
    plain = {name: getattr(Training(), name) for name in ("variation", "augmentation")}
    return training.model_copy(update={"coarse": at_once, **plain})


def modern() -> Training:
    """Return the settings of `preset: modern`."""
    return make_study({"experiments": {"modern": {"preset": "modern"}}}).experiments["modern"]


def write_study(folder: Path, training: Training) -> Path:
    """Write what both sides read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.json").write_text(training.model_dump_json())
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
    """Start the twin in the environment that has PyTorch."""
    memory = KEEPING_MEMORY if keep_memory else {}
    return Partner(
        [python, "-m", "twin", study, "--threads", str(threads), *options],
        {"PYTHONPATH": str(TWIN), **memory},
    )
