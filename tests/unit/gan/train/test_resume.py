"""A training that is stopped, killed, resumed or extended.

One rank runs in this process. Ranks, signals and exit statuses need processes and a real MPI.
"""

import csv
import json
import re
import shutil
import signal
import time

import numpy as np
import pytest

from synaxial.gan.train.checkpoint import lock_folder
from synaxial.io.errors import StoppedEarlyError, SynaxialError

from .conftest import (
    COARSE_TO_FINE,
    Job,
    assert_same,
    kill_everything,
    ranks_of,
    write_index,
    write_masks,
)

pytestmark = pytest.mark.mpi

#: 20 images in batches of 4 are five iterations an epoch, 20 in all.
MANY_ITERATIONS = {"epochs": 2000}

#: Batch normalisation, dropout, noise, the moving average and spectral normalisation, whose states
#: all matter.
EVERYTHING = {
    "moving_average_images": 10,
    "discriminator": {
        "channels": [4, 8, 8],
        "kernels": [4, 3, 4],
        "spectral_normalization": True,
    },
}

#: Options beyond the paper. Iteration 10 lies between two updates of the generator.
BEYOND = {
    "loss": "hinge",
    "discriminator_steps": 3,
    "gradient_penalty": 1,
    "r1": 1,
    "r1_interval": 4,
    "moving_average_images": 10,
    "generator": {"channels": [8, 8, 3], "upsampling": ["sub_pixel", "bilinear"]},
    "discriminator": {
        "channels": [4, 8, 8],
        "kernels": [4, 3, 4],
        "batch_normalization": False,
        "spectral_normalization": True,
        "blur": True,
        "minibatch_deviation": True,
    },
    "augmentation": {"probability": 0.3, "target": 0.6, "adaptation_images": 100},
}

SETTINGS = {
    "local": EVERYTHING,
    "synchronised": {**EVERYTHING, "batch_normalization_statistics": "synchronised"},
    "beyond": BEYOND,
    "masks": {"masks": True, "generator": {"channels": [8, 8, 2]}},
    "beyond, masks": {
        **BEYOND,
        "masks": True,
        "generator": {"channels": [8, 8, 2], "upsampling": ["sub_pixel", "bilinear"]},
    },
    # At iteration 10 a stage joins.
    "coarse": {
        **COARSE_TO_FINE,
        "r1": 1,
        "r1_interval": 4,
        "moving_average_images": 10,
        "augmentation": BEYOND["augmentation"],
        "conditions": ["level", "tumour"],
    },
    "upsampler": COARSE_TO_FINE,
}


def make_job(folder, name):
    """Make the job of some settings; a DCGAN's images have masks."""
    settings = SETTINGS[name]
    if "architecture" not in settings:
        job = Job(folder, **settings)
        write_masks(job.dataset)
        return job
    upsampler = Job(folder / "upsampler", 32, "upsampler train", **settings)
    if name == "upsampler":
        return upsampler
    upsampler.run_here()
    options = ("--upsampler", upsampler.output / "upsampler.npz")
    coarse = Job(folder / "coarse", 32, options=options, **settings)
    write_index(coarse.dataset)
    return coarse


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Trainings that nothing has interrupted, by ranks and settings, with all checkpoints."""
    done = {}

    def train(ranks, name):
        if (ranks, name) not in done:
            job = make_job(tmp_path_factory.mktemp("straight"), name)
            run(job, ranks)
            assert job.latest_iteration() == 20
            shutil.copytree(job.output, job.folder / "straight")
            done[ranks, name] = job
        return done[ranks, name]

    return train


def run(job, ranks):
    """Run to the end; return the log."""
    if ranks == 1:
        return job.run_here()
    done = job.run(ranks=ranks)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("ranks", "settings"),
    [
        *((1, "local"), (1, "beyond"), (1, "masks"), (1, "coarse")),
        *((2, "local"), (2, "synchronised"), (2, "beyond, masks")),
        *((2, "coarse"), (2, "upsampler")),
    ],
)
def test_resumed_after_ten_iterations_it_ends_with_the_same_bits(straight, ranks, settings):
    job = straight(ranks, settings)
    job.keep_checkpoints_until(10)
    assert_ends_like_straight(job, run(job, ranks))


def assert_ends_like_straight(job, log):
    assert "resuming from" in log
    assert "iteration_000000010.npz" in log
    for name in [path.name for path in (job.folder / "straight").glob("*.npz")]:
        assert_same(job.arrays(job.folder / "straight", name), job.arrays(name=name))
    # The log has no gap and no repetition, and all but the times are equal.
    rows = [rows_of(folder / "log.csv") for folder in (job.folder / "straight", job.output)]
    assert rows[0] == rows[1]
    assert [row["epoch"] for row in rows[0]] == ["1", "2", "3", "4"]
    assert all(float(row["gradient_norm_generator"]) > 0 for row in rows[0])


def rows_of(log):
    """The log's rows without the times."""
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = {"images_per_second", "seconds"}
    return [{key: value for key, value in row.items() if key not in times} for row in rows]


def test_killed_after_ten_iterations_it_ends_with_the_same_bits(straight):
    """With SIGKILL to mpiexec and all ranks."""
    job = straight(2, "local")
    shutil.rmtree(job.checkpoints)
    process = job.start(ranks=2)
    job.wait_for_iteration(process, 10)
    kill_everything(process)
    # Exactly ten iterations, however late the signal came.
    job.keep_checkpoints_until(10)
    assert_ends_like_straight(job, run(job, 2))


@pytest.mark.parametrize(
    ("ranks", "number"), [(1, signal.SIGUSR1), (2, signal.SIGTERM), (2, signal.SIGINT)]
)
def test_a_signal_ends_it_with_a_checkpoint_and_status_75(job, ranks, number):
    job.monitoring["checkpoint_minutes"] = 1e9
    job.configure(**MANY_ITERATIONS)
    process = job.start(ranks=ranks)
    wait_for_log(job)
    processes = [process]
    if number == signal.SIGINT:
        # As a terminal does: to mpiexec, which passes it on, and to the ranks themselves.
        processes += ranks_of(process)
    for each in processes:
        each.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75, output
    assert f"received {number.name}" in output
    assert "Traceback" not in output
    assert job.latest_iteration() > 0
    assert not (job.output / "generator.npz").exists()


def wait_for_log(job, seconds=60):
    until = time.monotonic() + seconds
    while not list(job.checkpoints.glob("*/log.csv")):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_time_budget_ends_it_and_the_same_command_finishes(job):
    job.monitoring["checkpoint_minutes"] = 1e9
    job.configure()
    iterations = []
    for _ in range(2):
        # Even a budget that is too short allows an iteration, so that retries come to an end.
        with pytest.raises(StoppedEarlyError, match="time budget"):
            job.run_here(options=["--time-budget", "0.01"])
        iterations.append(job.latest_iteration())
    assert 1 <= iterations[0] < iterations[1]
    job.run_here()
    assert job.latest_iteration() == 20


def test_a_killed_rank_ends_the_job_within_seconds(job):
    job.configure(**MANY_ITERATIONS)
    process = job.start(ranks=2)
    job.wait_for_iteration(process, 2)
    victim = ranks_of(process)[1]
    began = time.monotonic()
    victim.kill()
    process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode != 0


def test_a_rank_that_fails_alone_ends_the_job_and_says_why(job):
    job.configure(epochs=1)
    job.run_here()
    # Rank 0 writes the log: a folder in its place makes that rank alone fail.
    log = next(job.checkpoints.glob("*/log.csv"))
    log.unlink()
    log.mkdir()
    job.configure(**MANY_ITERATIONS)
    began = time.monotonic()
    done = job.run(ranks=2)
    assert time.monotonic() - began < 60
    assert done.returncode not in {0, 75}
    said = r"^synaxial train: error on rank 0: .*log\.csv: is a folder"
    assert re.search(said, done.stderr, re.M)


def test_fewer_epochs_are_not_those_of_a_longer_training(job):
    job.configure(epochs=5)
    job.run_here()
    job.configure(epochs=2)
    assert "iteration_000000010.npz" in job.run_here()
    straight = {"output": job.folder / "straight", "checkpoints": job.folder / "other"}
    job.run_here(**straight)
    assert_same(job.arrays(straight["output"]), job.arrays())
    record = json.loads((job.output / "run.json").read_text())
    assert (record["iterations"], record["settings"]["epochs"]) == (10, 2)
    # The longer training can continue.
    assert job.latest_iteration() == 25


def test_fewer_epochs_without_a_checkpoint_start_afresh(job):
    job.monitoring["checkpoint_minutes"] = 1e9
    job.configure(epochs=5)
    job.run_here()
    job.configure(epochs=2)
    assert "resuming" not in job.run_here()
    names = sorted(path.name for path in job.checkpoints.glob("*/*.npz"))
    assert names == ["iteration_000000010.npz", "iteration_000000025.npz"]


def test_two_trainings_of_one_model_do_not_share_a_folder(job):
    job.run_here()
    with (
        lock_folder(next(job.checkpoints.iterdir())),
        pytest.raises(SynaxialError, match="another training of this model is running"),
    ):
        job.run_here(output=job.folder / "second")
    job.run_here(output=job.folder / "second")


def test_what_a_killed_process_left_half_written_is_deleted(job):
    job.run_here()
    folder = next(job.checkpoints.iterdir())
    (folder / ".partial-123-iteration_000000001.npz").write_bytes(b"x")
    job.configure(epochs=5)
    job.run_here()
    assert not list(folder.glob(".partial-*"))
    assert "resuming from" in (folder / "attempts.log").read_text()


def test_a_finished_training_is_not_repeated_and_lost_previews_are_redrawn(job, capsys):
    job.run_here()
    assert "training [" in capsys.readouterr().err
    finished = job.arrays()
    shutil.rmtree(job.output)
    shutil.rmtree(next(job.checkpoints.iterdir()) / "previews")
    job.run_here()
    assert "training [" not in capsys.readouterr().err
    assert_same(finished, job.arrays())
    assert (job.output / "previews.png").exists()


def test_more_epochs_extend_it_and_another_learning_rate_starts_afresh(job):
    job.run_here()
    job.configure(epochs=5)
    assert "iteration_000000020.npz" in job.run_here()
    assert len((job.output / "log.csv").read_text().splitlines()) == 1 + 5
    straight = {"output": job.folder / "straight", "checkpoints": job.folder / "other"}
    job.run_here(**straight)
    assert_same(job.arrays(straight["output"]), job.arrays())

    job.configure(optimizer={"learning_rate": 0.001})
    assert "resuming" not in job.run_here()
    assert len(list(job.checkpoints.iterdir())) == 2


def test_a_damaged_newest_checkpoint_is_skipped(job):
    job.run_here()
    finished = job.arrays()
    newest = sorted(job.checkpoints.glob("*/iteration_*.npz"))[-1]
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    log = job.run_here()
    assert "skipping a damaged checkpoint" in log
    assert str(newest) in log
    assert "iteration_000000019.npz" in log
    assert_same(finished, job.arrays())


def test_two_ranks_continue_where_one_stopped(job):
    job.configure(epochs=2)
    job.run_here()
    job.configure(epochs=4)
    assert "iteration_000000010.npz" in run(job, 2)
    record = json.loads((job.output / "run.json").read_text())
    assert [rank["rank"] for rank in record["ranks"]] == [0, 1]
    assert record["iterations"] == 20
    assert all(np.isfinite(array).all() for k, array in job.arrays().items() if k != "settings")
