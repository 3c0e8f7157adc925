"""Whole trainings with `--device gpu`: killed and resumed, of every kind, and on two ranks.

On the stand-in they show that no array of the host is on the device's path.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

from synaxial.cli import make_app
from synaxial.io.stacks import read_stack

from ..unit.gan.train.conftest import (
    COARSE_TO_FINE,
    Job,
    assert_same,
    kill_everything,
    write_index,
    write_masks,
)
from .conftest import commands, use_stand_in

pytestmark = pytest.mark.mpi

GPU = ("--device", "gpu")

#: What the paper's recipe lacks: other layers, penalties and losses.
REGULARISED = {
    "epochs": 1,
    "loss": "non_saturating",
    "generator": {"channels": [8, 8, 3], "upsampling": ["sub_pixel", "nearest"]},
    "discriminator": {
        **{"channels": [4, 8, 8], "kernels": [4, 3, 4], "blur": True},
        **{"minibatch_deviation": True, "batch_normalization": False},
        "spectral_normalization": True,
    },
    **{"r1": 1.0, "r1_interval": 2, "gradient_penalty": 1.0},
    "moving_average_images": 20,
    "augmentation": {"probability": 0.5, "target": 0.6, "adaptation_images": 100},
}


def sample(job, device="gpu", images=4, config=None):
    """Return the words of a command that samples a job's generator, and its stack."""
    stack = job.folder / f"{device}.tif"
    return stack, [
        *("sample", "--generator", job.output / "generator.npz", "--output", stack),
        *("--config", config or job.folder / "study.yaml", "--images", images),
        *("--device", device, "--threads", 1),
    ]


def test_dcgans_killed_and_resumed_and_with_all_other_layers_and_losses(device, tmp_path):
    job, straight = (Job(tmp_path / name, options=GPU, epochs=2) for name in ("killed", "straight"))
    process = job.start()
    job.wait_for_iteration(process, 3)
    kill_everything(process)
    job.keep_checkpoints_until(3)
    stack, sampling = sample(job)
    other = Job(tmp_path / "other", options=GPU, **REGULARISED)
    # In one process, because each start of Python takes longer than one of these trainings.
    commands(job.arguments(), straight.arguments(), sampling, other.arguments())
    assert other.latest_iteration() == 5
    for name in ("generator.npz", "discriminator.npz"):
        assert_same(job.arrays(name=name), straight.arrays(name=name))
    (rank,) = json.loads((job.output / "run.json").read_text())["ranks"]
    assert rank["device"].startswith("@cupy:0")

    # Images do not depend on the device, but for rounding.
    on_cpu, sampling = sample(job, "cpu")
    make_app("sample")([str(word) for word in sampling], standalone_mode=False)
    gpu, cpu = (np.int16(read_stack(path).pages) for path in (stack, on_cpu))
    assert np.abs(gpu - cpu).max() <= 1
    assert (gpu != cpu).mean() < 0.01


def test_the_coarse_to_fine_recipe_with_masks_and_conditions(device, tmp_path):
    short = {**COARSE_TO_FINE["coarse"], "width_epochs": 1, "fading_epochs": 1}
    recipe = {
        **COARSE_TO_FINE,
        **{"coarse": short, "epochs": 3, "masks": True, "conditions": ["level", "tumour"]},
        "upsampler": {**COARSE_TO_FINE["upsampler"], "epochs": 2},
        "augmentation": {"probability": 0.5},
    }
    upsampler = Job(tmp_path / "upsampler", 32, "upsampler train", GPU, **recipe)
    coarse = Job(tmp_path / "coarse", 32, options=GPU, **recipe)
    write_masks(coarse.dataset)
    write_index(coarse.dataset)
    coarse.options += ("--upsampler", upsampler.output / "upsampler.npz")
    commands(upsampler.arguments(), coarse.arguments())
    names = {upsampler: "upsampler.npz", coarse: "generator.npz"}
    straight = {job: job.arrays(name=name) for job, name in names.items()}

    upsampler.keep_checkpoints_until(6)
    coarse.keep_checkpoints_until(8)
    stack, sampling = sample(coarse)
    commands(upsampler.arguments(), coarse.arguments(), sampling)
    for job, name in names.items():
        assert_same(job.arrays(name=name), straight[job])
    # An image and its mask on two pages.
    assert read_stack(stack).pages.shape[:3] == (8, 32, 32)


def test_two_ranks_resumed_are_those_of_one_run(two_devices, tmp_path):
    """On the stand-in MPI sums in place of NCCL; ChainerMN's kernels pack and unpack."""
    statistics = {"batch_normalization_statistics": "synchronised"}
    job = Job(tmp_path, options=GPU, epochs=1, **statistics)
    done = job.run(ranks=2)
    assert done.returncode == 0, done.stderr
    straight = job.arrays()
    job.keep_checkpoints_until(2)
    done = job.run(ranks=2)
    assert done.returncode == 0, done.stderr
    assert "iteration_000000002.npz" in done.stderr
    assert_same(job.arrays(), straight)
    ranks = json.loads((job.output / "run.json").read_text())["ranks"]
    assert [rank["device"][:7] for rank in ranks] == ["@cupy:0", "@cupy:1"]


def test_without_nccl_two_ranks_say_what_is_missing(monkeypatch, tmp_path):
    use_stand_in(monkeypatch, gpus=2)
    monkeypatch.setenv("STAND_IN_NCCL", "none")
    done = Job(tmp_path, options=GPU).run(ranks=2)
    assert done.returncode == 65
    assert "CuPy finds no NCCL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"STAND_IN_GPUS": "none"},
            "CuPy finds no NVIDIA driver or no GPU here (cudaErrorInsufficientDriver: CUDA driver "
            "version is insufficient for CUDA runtime version); use a node with a GPU that "
            "`nvidia-smi` shows; or use --device cpu",
        ),
        (
            {"STAND_IN_LIBRARIES": "none"},
            'CuPy cannot load its CUDA libraries (Failure finding "libcublasLt.so.13 or '
            'libcublasLt.so.12": No such file); install envs/cuda12.txt or envs/cuda13.txt, as '
            "your driver needs; or use --device cpu",
        ),
    ],
)
def test_cupy_that_cannot_work_is_no_gpu(variables, said, monkeypatch):
    use_stand_in(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = (
        "from synaxial.compute.devices import *\n"
        "print(use_one_device('auto'))\n"
        "try: use_one_device('gpu')\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    auto, gpu = done.stdout.splitlines()
    assert auto == "@numpy"
    assert gpu == f"--device gpu: {said}"
