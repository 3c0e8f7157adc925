"""Batch normalisation over all ranks: several compute the same as one with the whole batch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synaxial.gan.networks.saving import SETTINGS_KEY
from synaxial.gan.train.shares import check_shares
from synaxial.io.errors import SynaxialError

from .conftest import BINARIES, TINY
from .test_updater import UNNORMALISED, tiny_training

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


def train(job, ranks, dtype):
    """Train on so many ranks; return the weights and running statistics."""
    output = job.folder / f"{ranks}.npz"
    launcher = [BINARIES / "mpiexec", "-n", str(ranks)] if ranks > 1 else []
    program = Path(__file__).with_name("shared_batches.py")
    folder = job.folder / f"checkpoints_{ranks}"
    folder.mkdir()
    arguments = [job.folder / "study.yaml", job.dataset, folder, dtype, output]
    done = subprocess.run(
        [*launcher, sys.executable, program, *arguments],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(output) as file:
        return {name: file[name] for name in file.files}


def largest_difference(first, second):
    """The largest difference of any weight or running statistic, which are 0.01 to 1.

    Not relative to each array's: of biases before a normalisation, rounding is all that is left.
    """
    assert first.keys() == second.keys()
    return max(np.abs(first[name] - array).max() for name, array in second.items())


@pytest.mark.parametrize(
    ("dtype", "optimizer", "tolerance"),
    [("float64", {}, 1e-10), ("float64", SGD, 1e-10), ("float32", SGD, 1e-6)],
)
def test_one_two_and_four_ranks_have_the_same_weights(job, dtype, optimizer, tolerance):
    job.configure(**STILL, **SYNCHRONISED, **optimizer)
    one, two, four = (train(job, ranks, dtype) for ranks in (1, 2, 4))
    weight = one["generator/connected/W"]
    assert weight.dtype == dtype
    assert largest_difference(two, one) < tolerance
    assert largest_difference(four, one) < tolerance


def test_local_statistics_make_other_weights(job):
    job.configure(**STILL, **SGD)
    assert largest_difference(train(job, 2, "float64"), train(job, 1, "float64")) > 1e-4


def test_one_image_a_rank_is_enough(job):
    job.configure(**{**STILL, "batch_size": 4}, **SYNCHRONISED)
    one, four = (train(job, ranks, "float64") for ranks in (1, 4))
    assert largest_difference(four, one) < 1e-10


@pytest.mark.parametrize(("statistics", "ranks"), [("local", 4), ("synchronised", 1)])
def test_a_single_image_to_normalise_over_is_refused(statistics, ranks):
    training, _ = tiny_training(batch_size=ranks, batch_normalization_statistics=statistics)
    with pytest.raises(SynaxialError, match="one image a rank"):
        check_shares(training, ranks)


def test_on_one_rank_it_changes_no_bit(job):
    job.configure(**TINY)
    local = {"output": job.folder / "local", "checkpoints": job.folder / "other"}
    assert job.run(**local).returncode == 0
    job.configure(**TINY, **SYNCHRONISED)
    done = job.run()
    assert done.returncode == 0, done.stderr
    for name in ("generator.npz", "discriminator.npz"):
        first, second = job.arrays(local["output"], name), job.arrays(name=name)
        differing = {key for key in first if not np.array_equal(first[key], second[key])}
        assert differing == {SETTINGS_KEY}


def test_one_image_a_rank_differs_from_no_other():
    training, _ = tiny_training(
        generator={**TINY["generator"], "batch_normalization": False},
        discriminator={**UNNORMALISED, "minibatch_deviation": True},
    )
    check_shares(training, 2)
    with pytest.raises(SynaxialError, match=r"discriminator\.minibatch_deviation"):
        check_shares(training, 4)
