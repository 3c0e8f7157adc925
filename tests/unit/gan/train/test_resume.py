"""A training that is stopped, killed or extended, with real processes and a real MPI."""

import csv
import json
import shutil
import signal
import time

import numpy as np
import pytest

from .conftest import assert_same, kill_everything, ranks_of

pytestmark = pytest.mark.mpi

#: 20 images in batches of 4: five iterations an epoch.
TWENTY_ITERATIONS = {"epochs": 4}
MANY_ITERATIONS = {"epochs": 2000}

#: With BN, dropout, noise, the moving average and spectral normalisation, so that all their
#: states matter.
EVERYTHING = {
    "moving_average_images": 10,
    "discriminator": {
        "channels": [4, 8, 8],
        "kernels": [4, 3, 4],
        "spectral_normalization": True,
    },
}


#: The same of what goes beyond the paper. Ten iterations are between two updates of the generator.
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
}


@pytest.mark.parametrize(
    ("ranks", "settings"),
    [(1, "local"), (2, "local"), (2, "synchronised"), (1, "beyond"), (2, "beyond")],
)
def test_killed_after_ten_iterations_it_ends_with_the_same_bits(job, ranks, settings):
    job.configure(**{**TWENTY_ITERATIONS, **SETTINGS[settings]})
    straight = {"output": job.folder / "straight", "checkpoints": job.folder / "other"}
    done = job.run(ranks=ranks, **straight)
    assert done.returncode == 0, done.stderr
    assert job.latest_iteration(straight["checkpoints"]) == 20

    process = job.start(ranks=ranks)
    job.wait_for_iteration(process, 10)
    kill_everything(process)
    # Exactly ten iterations, however late the signal came.
    for path in job.checkpoints.glob("*/iteration_*.npz"):
        if int(path.stem.removeprefix("iteration_")) > 10:
            path.unlink()
    shutil.rmtree(job.output, ignore_errors=True)

    done = job.run(ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert "resuming from" in done.stderr
    assert "iteration_000000010.npz" in done.stderr
    for name in ("generator.npz", "discriminator.npz"):
        assert_same(job.arrays(straight["output"], name), job.arrays(name=name))
    # The log has no gap and no repeat, and all but the times are equal.
    rows = [rows_of(folder / "log.csv") for folder in (straight["output"], job.output)]
    assert rows[0] == rows[1]
    assert [row["epoch"] for row in rows[0]] == ["1", "2", "3", "4"]
    assert all(float(row["gradient_norm_generator"]) > 0 for row in rows[0])


def rows_of(log):
    """The log's rows without the times."""
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = {"images_per_second", "seconds"}
    return [{key: value for key, value in row.items() if key not in times} for row in rows]


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_it_with_a_checkpoint_and_status_75(job, ranks, number):
    job.monitoring["checkpoint_minutes"] = 1e9
    job.configure(**MANY_ITERATIONS)
    process = job.start(ranks=ranks)
    wait_for_text(job, "log.csv")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75, output
    assert f"received {number.name}" in output
    assert "Traceback" not in output
    assert job.latest_iteration() > 0
    assert not (job.output / "generator.npz").exists()


def wait_for_text(job, name, seconds=60):
    until = time.monotonic() + seconds
    while not list(job.checkpoints.glob(f"*/{name}")):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_time_budget_ends_it_and_the_same_command_finishes(job):
    job.monitoring["checkpoint_minutes"] = 1e9
    done = job.run(options=["--time-budget", "0.01"])
    assert done.returncode == 75, done.stderr
    assert "time budget" in done.stderr
    # Even a hopeless budget gets on, so that retries come to an end.
    first = job.latest_iteration()
    assert first >= 1
    assert job.run(options=["--time-budget", "0.01"]).returncode == 75
    assert job.latest_iteration() > first
    assert job.run().returncode == 0


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


def test_a_rank_that_fails_alone_ends_the_job_and_tells_why(job):
    job.configure(**MANY_ITERATIONS)
    # Rank 0 writes the log: a folder in its place makes that rank alone fail.
    process = job.start(ranks=2)
    job.wait_for_iteration(process, 1)
    kill_everything(process)
    folder = next(job.checkpoints.iterdir())
    shutil.rmtree(folder / "previews")
    (folder / "log.csv").unlink(missing_ok=True)
    (folder / "log.csv").mkdir()
    began = time.monotonic()
    done = job.run(ranks=2)
    assert time.monotonic() - began < 60
    assert done.returncode not in {0, 75}
    assert "error on rank 0" in done.stderr
    assert "log.csv" in done.stderr


def test_fewer_epochs_are_not_those_of_a_longer_training(job):
    job.configure(epochs=5)
    assert job.run().returncode == 0
    job.configure(epochs=2)
    done = job.run()
    assert "iteration_000000010.npz" in done.stderr
    straight = {"output": job.folder / "straight", "checkpoints": job.folder / "other"}
    assert job.run(**straight).returncode == 0
    assert_same(job.arrays(straight["output"]), job.arrays())
    record = json.loads((job.output / "run.json").read_text())
    assert (record["iterations"], record["settings"]["epochs"]) == (10, 2)
    # The longer training can go on.
    assert job.latest_iteration() == 25


def test_fewer_epochs_without_a_checkpoint_start_afresh(job):
    job.monitoring["checkpoint_minutes"] = 1e9
    job.configure(epochs=5)
    assert job.run().returncode == 0
    job.configure(epochs=2)
    done = job.run()
    assert done.returncode == 0
    assert "resuming" not in done.stderr
    names = sorted(path.name for path in job.checkpoints.glob("*/*.npz"))
    assert names == ["iteration_000000010.npz", "iteration_000000025.npz"]


def test_two_trainings_of_one_model_do_not_share_a_folder(job):
    job.configure(**MANY_ITERATIONS)
    process = job.start()
    job.wait_for_iteration(process, 2)
    done = job.run(output=job.folder / "second")
    assert done.returncode == 65
    assert "another training of this model is running" in done.stderr
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 75


def test_what_a_killed_process_left_half_written_is_deleted(job):
    assert job.run().returncode == 0
    folder = next(job.checkpoints.iterdir())
    (folder / ".partial-123-iteration_000000001.npz").write_bytes(b"x")
    job.configure(epochs=5)
    assert job.run().returncode == 0
    assert not list(folder.glob(".partial-*"))
    assert "resuming from" in (folder / "attempts.log").read_text()


def test_lost_previews_are_drawn_again(job):
    assert job.run().returncode == 0
    shutil.rmtree(next(job.checkpoints.iterdir()) / "previews")
    assert job.run().returncode == 0
    assert (job.output / "previews.png").exists()


def test_ctrl_c_ends_all_ranks_with_a_checkpoint(job):
    job.monitoring["checkpoint_minutes"] = 1e9
    job.configure(**MANY_ITERATIONS)
    process = job.start(ranks=2)
    wait_for_text(job, "log.csv")
    # As a terminal does: to mpiexec, which passes it on, and to the ranks themselves.
    ranks = ranks_of(process)
    process.send_signal(signal.SIGINT)
    for rank in ranks:
        rank.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75, output
    assert job.latest_iteration() > 0


def test_more_epochs_extend_it_and_another_learning_rate_starts_afresh(job):
    assert job.run().returncode == 0
    job.configure(epochs=5)
    done = job.run()
    assert "iteration_000000020.npz" in done.stderr
    assert len((job.output / "log.csv").read_text().splitlines()) == 1 + 5
    straight = {"output": job.folder / "straight", "checkpoints": job.folder / "other"}
    assert job.run(**straight).returncode == 0
    assert_same(job.arrays(straight["output"]), job.arrays())

    job.configure(optimizer={"learning_rate": 0.001})
    done = job.run()
    assert "resuming" not in done.stderr
    assert len(list(job.checkpoints.iterdir())) == 2


def test_a_damaged_newest_checkpoint_is_passed_over(job):
    assert job.run(ranks=2).returncode == 0
    finished = job.arrays()
    newest = sorted(job.checkpoints.glob("*/iteration_*.npz"))[-1]
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    done = job.run(ranks=2)
    assert done.returncode == 0, done.stderr
    assert "passing over a damaged checkpoint" in done.stderr
    assert str(newest) in done.stderr
    assert "iteration_000000019.npz" in done.stderr
    assert_same(finished, job.arrays())


def test_a_finished_training_is_not_run_again(job):
    assert job.run().returncode == 0
    finished = job.arrays()
    shutil.rmtree(job.output)
    done = job.run()
    assert "training [" not in done.stderr
    assert_same(finished, job.arrays())


def test_two_ranks_go_on_where_one_stopped(job):
    job.configure(epochs=2)
    assert job.run(ranks=1).returncode == 0
    job.configure(epochs=4)
    done = job.run(ranks=2)
    assert done.returncode == 0, done.stderr
    assert "iteration_000000010.npz" in done.stderr
    record = json.loads((job.output / "run.json").read_text())
    assert [rank["rank"] for rank in record["ranks"]] == [0, 1]
    assert record["iterations"] == 20
    assert all(np.isfinite(array).all() for k, array in job.arrays().items() if k != "settings")
