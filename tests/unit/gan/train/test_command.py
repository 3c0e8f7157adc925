"""`synaxial train`: what it writes, and how it reports mistakes.

One rank runs in this process; more ranks and exit statuses need processes.
"""

import json
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import read_machine
from synaxial.gan.networks.saving import digest_of, load_generator
from synaxial.gan.train import command
from synaxial.gan.train.inputs import check_batch
from synaxial.gan.train.slurm import SlurmJob
from synaxial.gan.train.stopping import Stop
from synaxial.io.errors import SynaxialError

from .conftest import BINARIES, Job, assert_same
from .test_updater import tiny_training

pytestmark = pytest.mark.mpi


def test_it_writes_what_the_readme_says(job, capsys):
    job.configure(epochs=6)
    log = job.run_here()
    assert sorted(path.name for path in job.output.iterdir()) == [
        "curves.png",
        "discriminator.npz",
        "generator.npz",
        "log.csv",
        "previews",
        "previews.png",
        "run.json",
    ]
    table = pd.read_csv(job.output / "log.csv")
    assert list(table["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert list(table["iteration"]) == [5, 10, 15, 20, 25, 30]
    # Without held-out subjects there is no distance.
    assert table.pop("distance_held_out").isna().all()
    assert np.isfinite(table.to_numpy()).all()
    assert (table["images_per_second"] > 0).all()
    assert table["seconds"].is_monotonic_increasing
    previews = sorted(path.name for path in (job.output / "previews").iterdir())
    assert previews == ["epoch_0000.png", "epoch_0005.png", "epoch_0006.png"]
    with Image.open(job.output / "previews" / "epoch_0000.png") as preview:
        assert preview.size == (64, 64)

    record = json.loads((job.output / "run.json").read_text())
    trained = load_generator(job.output / "generator.npz")
    assert record["digests"]["generator"] == digest_of(trained.network)
    assert record["settings"] == trained.settings
    dataset = json.loads((job.dataset / "dataset.json").read_text())
    assert record["dataset"]["sha256"] == dataset["sha256"]
    assert record["versions"]["chainer"] == "7.8.1"
    assert record["training_seconds"] > 0
    assert record["ranks"][0]["blas"]["version"]
    assert record["threads_per_rank"] == 1
    assert "1 rank x 1 thread on" in log
    progress = capsys.readouterr().err
    assert "epoch 6.0" in progress
    assert "left" in progress


def test_the_wait_for_another_job_counts_as_time_of_this_one(job, monkeypatch):
    now = time.monotonic()
    clock = types.SimpleNamespace(monotonic=lambda: now)
    budgets = []

    def wait(folder, job):
        # The other job takes a minute to end.
        clock.monotonic = lambda: now + 60

    def stop(iterations, budget, started, communicator):
        budgets.append(budget)
        return Stop(iterations, budget, started, communicator)

    monkeypatch.setattr(command, "time", clock)
    monkeypatch.setattr(command, "own_job", lambda: SlurmJob(7, "run", "RUNNING", 1000.0))
    monkeypatch.setattr(command, "follow_last_job", wait)
    monkeypatch.setattr(command, "Stop", stop)
    job.configure(epochs=1)
    job.run_here()
    assert budgets == [1000]


def test_it_warns_of_a_slow_kernel_and_of_more_threads_than_cores(job, monkeypatch):
    job.configure(epochs=1)
    # A processor without AVX2 has no better kernel, and no warning.
    machine = read_machine(chainer.get_device("@numpy"))
    has_better = bool(machine.vector_instructions) and machine.blas.name == "OpenBLAS"
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    threads = len(machine.cores) + 1
    done = job.run(ranks=2, options=["--threads-per-rank", threads])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("OPENBLAS_CORETYPE=") == has_better
    assert done.stderr.count(f"2 ranks x {threads} threads share") == 1
    record = json.loads((job.output / "run.json").read_text())
    assert record["threads_per_rank"] == threads
    assert [rank["blas"]["name"] for rank in record["ranks"]] == [machine.blas.name] * 2


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(job):
    folders = [job.folder / name for name in ("first", "second", "third")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        job.configure(seeds=[seed], epochs=1)
        job.run_here(output=folder, checkpoints=folder / "ck")
    first, second, third = ((folder / "generator.npz").read_bytes() for folder in folders)
    assert first == second
    assert first != third


def test_a_mistake_of_one_rank_ends_all(job):
    """As when a file is on one node only: the other ranks must not wait for that rank."""
    good = job.command(ranks=2, processes=1)
    bad = [part if not part.endswith("study.yaml") else "nowhere.yaml" for part in good]
    command = [str(BINARIES / "mpiexec"), "-n", "1", *good, ":", "-n", "1", *bad]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 65
    assert "nowhere.yaml: cannot be read" in done.stderr


@pytest.mark.parametrize("difference", [{"epochs": 3}, {"latent": {"size": 9}}])
def test_ranks_with_different_inputs_end_and_do_not_wait(job, difference):
    """As when a node has an old copy of the study: the ranks would wait for each other forever."""
    command = job.command(ranks=2, processes=1)
    other = job.folder / "other.yaml"
    job.configure(**difference)
    (job.folder / "study.yaml").rename(other)
    job.configure()
    old = [str(other) if part.endswith("study.yaml") else part for part in command]
    command = [str(BINARIES / "mpiexec"), "-n", "1", *command, ":", "-n", "1", *old]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 65
    assert done.stderr.count("the ranks have read different settings or data") == 1


@pytest.fixture(scope="module")
def ranks_of_script(tmp_path_factory):
    """What each of two ranks has after `two_ranks.py`."""
    job = Job(tmp_path_factory.mktemp("ranks"), moving_average_images=10, epochs=2)
    script = Path(__file__).with_name("two_ranks.py")
    command = [BINARIES / "mpiexec", "-n", "2", sys.executable, script, job.folder / "study.yaml"]
    done = subprocess.run(
        [*map(str, command), str(job.dataset), str(job.checkpoints)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_gradients_are_averaged_over_the_ranks(ranks_of_script):
    """Two ranks with half a batch each make the step that one rank makes with the whole."""
    step = ranks_of_script[0]["step"]
    np.testing.assert_allclose(step["one_rank"], step["two_ranks"], rtol=1e-5, atol=1e-7)
    # Half of the batch alone makes another step.
    assert not np.allclose(step["one_rank"], step["first_half"], rtol=1e-3)


def test_all_ranks_have_identical_networks(ranks_of_script):
    ranks = ranks_of_script
    assert len(ranks) == 2
    assert ranks[0]["networks"] == ranks[1]["networks"]
    # Data and noise differ, or the test would show nothing.
    assert set(ranks[0]["images"]).isdisjoint(ranks[1]["images"])
    assert ranks[0]["latent"] != ranks[1]["latent"]


@pytest.mark.parametrize("loss", ["wasserstein", "mse", "hinge"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_compared_alternatives_run(job, loss, optimizer):
    job.configure(
        epochs=1,
        loss=loss,
        optimizer={"name": optimizer},
        generator={"channels": [8, 8, 3], "activation": "relu", "output_activation": "sigmoid"},
        discriminator={
            "channels": [4, 8],
            "kernels": [4, 3],
            "activation": "elu",
            "last_activation": "tanh",
        },
        latent={"size": 5, "distribution": "uniform"},
    )
    job.run_here()
    assert len((job.output / "log.csv").read_text().splitlines()) == 2


#: Each is an error of one rank, raised in this process.
MISTAKES = {
    "gpu": ({"options": ["--device", "gpu"]}, "--device gpu: CuPy is not installed; install"),
    "experiment": ({"options": ["--experiment", "other"]}, "'other'; expected one of tiny"),
    "dataset": ({"options": ["--dataset", "nowhere"]}, "nowhere/images.npy: cannot be read"),
    "width": (
        {"training": {"generator": {"channels": [8, 3]}}},
        "generator.channels has 2 numbers, which make images of 8 pixels, but resize.size is 16",
    ),
    "discriminator_steps": (
        {"training": {"discriminator_steps": 21}},
        "discriminator_steps: is 21, but there are 20 iterations",
    ),
    "batch": ({"training": {"batch_size": 21}}, "batch_size: is 21, but "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_error(job, mistake):
    options, expected = MISTAKES[mistake]
    job.configure(**options.get("training", {}))
    with pytest.raises(SynaxialError) as error:
        job.run_here(options=options.get("options", ()))
    assert expected in str(error.value)
    assert not job.output.exists()


#: Of these, exit status and output of all ranks are checked.
MISTAKES_OF_RANKS = {
    "ranks": ({"processes": 2, "ranks": 3}, "one of 2 ranks; expected 3"),
    "batch": ({"ranks": 2}, "batch_size: 5 images cannot be shared evenly among 2 ranks"),
    "device": (
        {"options": ["--device", "tpu"], "ranks": 2},
        "--device: found 'tpu'; expected one of",
    ),
    "diverged": ({}, "a finite number"),
}


@pytest.mark.parametrize("mistake", MISTAKES_OF_RANKS)
def test_a_mistake_of_all_ranks_is_one_line_and_status_65(job, mistake):
    options, expected = MISTAKES_OF_RANKS[mistake]
    job.monitoring["checkpoint_minutes"] = 1e9
    training = {
        "batch": {"batch_size": 5},
        "diverged": {"optimizer": {"name": "sgd", "learning_rate": 1e30}},
    }
    job.configure(**training.get(mistake, {}))
    done = job.run(**options)
    assert done.returncode == 65, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 1, done.stderr
    assert expected in lines[0]
    assert not job.output.exists()


@pytest.mark.parametrize(
    ("batch_size", "statistics", "ranks"),
    [(2, "local", 2), (4, "local", 4), (1, "synchronised", 1)],
)
def test_a_single_image_to_normalise_over_is_refused(batch_size, statistics, ranks):
    training, _ = tiny_training(batch_size=batch_size, batch_normalization_statistics=statistics)
    with pytest.raises(SynaxialError, match="one image per rank; expected at least two"):
        check_batch(training, ranks)


def test_one_image_a_rank_has_no_deviation():
    training, _ = tiny_training(
        generator={"channels": [8, 8, 3], "batch_normalization": False},
        discriminator={
            "channels": [4, 8, 8],
            "kernels": [4, 3, 4],
            "batch_normalization": False,
            "minibatch_deviation": True,
        },
    )
    check_batch(training, 2)
    with pytest.raises(SynaxialError, match=r"discriminator\.minibatch_deviation"):
        check_batch(training, 4)


@pytest.mark.parametrize("damage", ["cut", "other type", "pickle", "another pixel"])
def test_a_damaged_dataset_is_refused(job, damage):
    path = job.dataset / "images.npy"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "other type":
        np.save(path, np.zeros((20, 16, 16), np.float32))
    elif damage == "another pixel":
        images = np.load(path)
        images[7, 3, 4] ^= 1
        np.save(path, images)
    else:
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SynaxialError, match=r"images\.npy"):
        job.run_here()


def test_one_rank_needs_no_mpiexec_and_mpiexec_changes_nothing(job):
    job.run_here()
    command = [str(BINARIES / "mpiexec"), "-n", "1"]
    other = job.command(output=job.folder / "b", checkpoints=job.folder / "c")
    subprocess.run([*command, *other], check=True, capture_output=True, timeout=120)
    assert_same(job.arrays(), job.arrays(job.folder / "b"))
