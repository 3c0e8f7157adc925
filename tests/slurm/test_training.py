"""Trainings on several nodes: how they start, resume and end."""

import json
import signal

import pytest

from ..workflow.conftest import COARSE_TO_FINE, SUBJECTS
from .conftest import (
    EVERY_ITERATION,
    FOUR_RANKS,
    MANY_EPOCHS,
    TWO_RANKS,
    submissions,
)

pytestmark = pytest.mark.slurm

#: As profiles/slurm/config.yaml suggests it.
MPIEXEC = (
    "mpiexec -launcher slurm"
    " -hosts $(scontrol show hostnames $(squeue -hj $SLURM_JOB_ID -o %N) | paste -sd,)"
)
OPEN_MPI = "/usr/lib/x86_64-linux-gnu/libmpi.so.40"


FOUR_HOSTS = ["gpu1", "gpu1", "gpu2", "gpu2"]


def hosts(record):
    return [rank["host"] for rank in record["ranks"]]


def test_the_whole_study_with_four_ranks_on_two_nodes(finished):
    assert submissions(finished.output) == [
        "group_subjects_prepare",
        "rule_pack",
        "rule_train",
        "group_pictures_render_sample",
    ]
    # Four ranks of one communicator: each has two of the eight images of an update.
    record = finished.record()
    assert hosts(record) == FOUR_HOSTS
    assert record["images_per_rank_and_iteration"] == 2
    assert record["iterations"] == 9
    assert finished.results("experiments", "small", "seed_1", "samples", "stack_0.png").exists()
    assert len(list(finished.results("volumes").glob("*.json"))) == len(SUBJECTS)
    done = finished.run("--dry-run")
    assert "Nothing to be done" in done.stdout


def test_mpiexec_more_epochs_other_ranks_and_another_learning_rate(workflow):
    """One training after the other in one folder, as a study grows."""
    workflow.fill_in(**FOUR_RANKS, launcher=MPIEXEC)
    done = workflow.run("--until", "train")
    assert done.returncode == 0, done.stdout
    assert hosts(workflow.record()) == FOUR_HOSTS
    assert "$(scontrol show hostnames" in done.stdout

    # More epochs, and another number of ranks: it goes on from the same weights.
    workflow.configure(epochs=5)
    workflow.fill_in(**TWO_RANKS)
    done = workflow.run("--until", "train")
    assert done.returncode == 0, done.stdout
    assert workflow.resumed_at() == [9]
    assert workflow.record()["iterations"] == 15
    assert len(hosts(workflow.record())) == 2

    # Another learning rate is another model.
    workflow.configure(epochs=3, optimizer={"learning_rate": 0.001})
    done = workflow.run("--until", "train")
    assert done.returncode == 0, done.stdout
    assert workflow.resumed_at() == [9]
    assert len(list(workflow.results("checkpoints").iterdir())) == 2


def test_an_up_sampler_and_its_coarse_generator_are_two_jobs_of_four_ranks(workflow):
    small = {**COARSE_TO_FINE, "batch_size": 8, "epochs": 4}
    workflow.write({**workflow.study, "resize": {"size": 64}, "experiments": {"small": small}})
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    assert submissions(done.stdout)[-3:] == [
        "rule_train_upsampler",
        "rule_train",
        "group_pictures_render_sample",
    ]
    upsampler = workflow.results("experiments", "small", "seed_1", "upsampler", "run.json")
    assert hosts(json.loads(upsampler.read_text())) == FOUR_HOSTS
    assert hosts(workflow.record()) == FOUR_HOSTS
    assert workflow.results("experiments", "small", "seed_1", "samples", "stack_0.png").exists()


def test_the_sites_own_mpi(workflow):
    """Debian's Open MPI by PMIx, which the wheel's MPICH does not speak."""
    workflow.fill_in(**FOUR_RANKS, launcher="srun --mpi=pmix")
    done = workflow.run("--until", "train", MPI4PY_LIBMPI=OPEN_MPI)
    assert done.returncode == 0, done.stdout
    assert hosts(workflow.record()) == FOUR_HOSTS


def test_ranks_that_do_not_find_each_other_are_refused(workflow):
    workflow.fill_in(**FOUR_RANKS, launcher="srun --mpi=none")
    done = workflow.run("--until", "train", "--retries", "0")
    assert done.returncode != 0
    closing = done.stdout[done.stdout.index("The end of results/logs/train/small/seed_1.log") :]
    assert "this process is one of 1 ranks; expected 4" in closing
    assert "srun --mpi=pmi2" in closing
    assert "Traceback" not in done.stdout
    assert not workflow.results("checkpoints").exists()


def test_a_cancelled_training_ends_the_run_and_the_same_command_resumes(workflow):
    workflow.configure(epochs=MANY_EPOCHS)
    workflow.start("--until", "train", "--retries", "1")
    workflow.wait_for(lambda: list(workflow.results("checkpoints").glob("*/log.csv")), "epoch")
    number = workflow.running_job()
    workflow.cluster.command("scancel", number)
    status, said = workflow.finish()
    assert status != 0
    # The retry was not meant: it says so, at the end, and what to do.
    closing = said[said.index("The end of") :]
    assert f"Slurm job {number}: it was cancelled, so this training is not retried" in closing
    assert "the same command" in closing
    assert "Traceback" not in said
    # It was given the time to write a checkpoint.
    (reached,) = workflow.iterations()
    assert "SIGTERM" in workflow.attempts() or reached > 0

    workflow.configure(epochs=reached // 3 + 2)
    done = workflow.run("--until", "train")
    assert done.returncode == 0, done.stdout
    assert workflow.resumed_at() == [reached]


def test_a_second_snakemake_is_refused_and_a_killed_one_followed(workflow):
    workflow.configure(epochs=MANY_EPOCHS, monitoring=EVERY_ITERATION)
    workflow.fill_in(**TWO_RANKS)
    workflow.start("--until", "train")
    workflow.wait_for_iteration(3)
    second = workflow.run("--until", "train")
    assert second.returncode != 0
    assert "another Snakemake is running here" in second.stdout
    assert "Traceback" not in second.stdout

    orphan = workflow.running_job()
    workflow.process.send_signal(signal.SIGKILL)
    workflow.process.wait(30)
    assert workflow.cluster.jobs()[orphan] == "RUNNING"
    workflow.start("--until", "train")
    (resumed,) = workflow.wait_for(workflow.resumed_at, "resumption")
    assert workflow.running_job() != orphan
    assert workflow.cluster.jobs()[orphan] == "CANCELLED"
    # From where the one left behind was when it was asked to stop.
    assert resumed == max(n for n in workflow.iterations() if n <= resumed)
    assert "Traceback" not in workflow.said()
