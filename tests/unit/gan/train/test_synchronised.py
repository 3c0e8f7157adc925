"""Batch normalisation over all ranks: several compute the same as one with the whole batch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synaxial.gan.networks.saving import SETTINGS_KEY

from .conftest import BINARIES, TINY, Job

pytestmark = pytest.mark.mpi

SYNCHRONISED = {"batch_normalization_statistics": "synchronised"}

#: Without noise and dropout, which every rank draws for itself.
STILL = {
    "batch_size": 8,
    "generator": {**TINY["generator"], "dropout": 0},
    "discriminator": {**TINY["discriminator"], "noise": 0},
}
#: SGD's step is as the gradient; Adam's is a whole one where a gradient is rounding and no more.
SGD = {"optimizer": {"name": "sgd", "learning_rate": 0.05}}


#: Settings that are trained in both types, on one, two and four ranks.
CASES = {
    "adam": {**STILL, **SYNCHRONISED},
    "sgd": {**STILL, **SYNCHRONISED, **SGD},
    "local": {**STILL, **SGD, "batch_size": 4},
    "one_image": {**STILL, **SYNCHRONISED, "batch_size": 4},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A function: weights and running statistics by name of the case, type and ranks."""
    job = Job(tmp_path_factory.mktemp("shared"))
    for name, settings in CASES.items():
        for dtype in ("float32", "float64"):
            job.configure(**settings)
            (job.folder / "study.yaml").rename(job.folder / f"{name}_{dtype}.yaml")
    program = Path(__file__).with_name("shared_batches.py")
    for ranks in (1, 2, 4):
        launcher = [BINARIES / "mpiexec", "-n", str(ranks)] if ranks > 1 else []
        done = subprocess.run(
            [*launcher, sys.executable, program, job.folder],
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def read(name, dtype, ranks):
        with np.load(job.folder / f"{name}_{dtype}_{ranks}.npz") as file:
            return {key: file[key] for key in file.files}

    return read


def largest_difference(first, second):
    """The largest difference of any weight or running statistic, which are 0.01 to 1.

    Not relative to each array's: of biases before a normalisation, rounding is all that is left.
    """
    assert first.keys() == second.keys()
    return max(np.abs(first[name] - array).max() for name, array in second.items())


@pytest.mark.parametrize(
    ("dtype", "optimizer", "tolerance"),
    [("float64", "adam", 1e-10), ("float64", "sgd", 1e-10), ("float32", "sgd", 1e-6)],
)
def test_one_two_and_four_ranks_have_the_same_weights(weights, dtype, optimizer, tolerance):
    one, two, four = (weights(optimizer, dtype, ranks) for ranks in (1, 2, 4))
    assert one["generator/connected/W"].dtype == dtype
    assert largest_difference(two, one) < tolerance
    assert largest_difference(four, one) < tolerance


def test_local_statistics_make_other_weights(weights):
    two, one = (weights("local", "float64", ranks) for ranks in (2, 1))
    assert largest_difference(two, one) > 1e-4


def test_one_image_a_rank_is_enough(weights):
    one, four = (weights("one_image", "float64", ranks) for ranks in (1, 4))
    assert largest_difference(four, one) < 1e-10


def test_on_one_rank_it_changes_no_bit(job):
    local = {"output": job.folder / "local", "checkpoints": job.folder / "other"}
    job.run_here(**local)
    job.configure(**SYNCHRONISED)
    job.run_here()
    for name in ("generator.npz", "discriminator.npz"):
        first, second = job.arrays(local["output"], name), job.arrays(name=name)
        differing = {key for key in first if not np.array_equal(first[key], second[key])}
        assert differing == {SETTINGS_KEY}
