"""What clusters do to a training, and how it goes on."""

import json
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from ..workflow.conftest import SNAKEMAKE
from .conftest import EVERY_ITERATION, MANY_EPOCHS, NO_REGULAR, TWO_RANKS, assert_same

pytestmark = pytest.mark.slurm


@pytest.fixture
def training(workflow):
    """A study whose training has two ranks on one node, and a checkpoint of each iteration."""
    workflow.fill_in(**TWO_RANKS)
    workflow.configure(epochs=MANY_EPOCHS, monitoring=EVERY_ITERATION)
    return workflow


def ranks_of(workflow):
    """The processes that are ranks of this study's training, by rank."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        # python synaxial train …
        if (process.info["cmdline"] or [])[2:3] == ["train"]:
            try:
                if process.cwd() == str(workflow.folder):
                    found[int(process.environ()["PMI_RANK"])] = process
            except (psutil.Error, KeyError):
                continue
    return found


def test_a_killed_rank_ends_the_job_which_is_retried(training):
    training.start("--until", "train")
    training.wait_for_iteration(5)
    number = training.running_job()
    ranks = ranks_of(training)
    assert sorted(ranks) == [0, 1]
    began = time.monotonic()
    ranks[1].kill()
    training.wait_for(lambda: training.cluster.jobs()[number] != "RUNNING", "end", seconds=30)
    assert time.monotonic() - began < 30
    (resumed,) = training.wait_for(training.resumed_at, "resumption")
    assert resumed >= 5
    assert training.running_job() != number


def test_a_drained_node_finishes_and_a_dead_one_is_replaced(training):
    training.start("--until", "train")
    training.wait_for_iteration(5)
    number = training.running_job()
    node = node_of(training, number)
    command = training.cluster.command
    command("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    training.wait_for_iteration(max(training.iterations()) + 5)
    assert training.cluster.jobs()[number] == "RUNNING"

    training.cluster.kill_node(node)
    (resumed,) = training.wait_for(training.resumed_at, "resumption", seconds=120)
    assert resumed >= 10
    # Slurm has put the same job back into the queue; Snakemake has not noticed.
    assert training.running_job() == number
    assert node_of(training, number) not in {node, ""}
    assert "Error" not in training.said()


def node_of(workflow, number):
    return workflow.cluster.command("squeue", "-h", "-j", number, "-o", "%N").strip()


def test_a_rank_that_raises_ends_the_job_which_is_retried(training):
    """The disk is full for one rank, and has room again before the next attempt."""
    disk = training.cluster.small_disk / "raising"
    disk.mkdir()
    training.results("checkpoints").symlink_to(disk)
    training.configure(epochs=MANY_EPOCHS, monitoring={**EVERY_ITERATION, "checkpoints_kept": 3})
    training.start("--until", "train")
    training.wait_for_iteration(5)
    number = training.running_job()
    filler = training.cluster.small_disk / "filler"
    fill(filler)
    began = time.monotonic()
    training.wait_for(lambda: training.cluster.jobs()[number] != "RUNNING", "end", seconds=30)
    assert time.monotonic() - began < 30
    filler.unlink()
    (resumed,) = training.wait_for(training.resumed_at, "resumption")
    assert resumed >= 5
    assert training.running_job() != number
    assert "Trying to restart job" in training.said()
    # The attempts' own log is on the full disk; Slurm's of that job is not.
    told = training.folder / "logs" / "slurm" / "rule_train" / "small_1" / f"{number}.log"
    assert "error on rank 0" in told.read_text()


def test_a_full_disk_and_a_cut_off_checkpoint(training):
    """Rank 0 writes, so it alone raises: the job must end, and its words be told."""
    disk = training.cluster.small_disk / "checkpoints"
    disk.mkdir()
    training.results("checkpoints").symlink_to(disk)
    training.configure(epochs=MANY_EPOCHS, monitoring={**EVERY_ITERATION, "checkpoints_kept": 3})
    training.start("--until", "train", "--retries", "0")
    training.wait_for_iteration(5)
    filler = training.cluster.small_disk / "filler"
    number = training.running_job()
    fill(filler)
    training.wait_for(lambda: training.cluster.jobs()[number] != "RUNNING", "end", seconds=30)
    status, said = training.finish()
    assert status != 0
    assert f"logs/slurm/rule_train/small_1/{number}.log" in said
    closing = said[said.index("The end of") :]
    assert re.search(r"error on rank 0: results/checkpoints/.*: No space left on device", closing)
    assert "Traceback" not in said

    # Room again, but the newest checkpoint has lost its end.
    filler.unlink()
    folder = next(path for path in disk.iterdir() if path.is_dir())
    newest, before = sorted(folder.glob("iteration_*.npz"), reverse=True)[:2]
    newest.write_bytes(newest.read_bytes()[:2000])
    reached = int(before.stem.removeprefix("iteration_"))
    training.configure(epochs=reached // 3 + 2)
    done = training.run("--until", "train")
    assert done.returncode == 0, done.stdout
    assert "skipping a damaged checkpoint" in training.attempts()
    assert training.resumed_at() == [reached]


def fill(path: Path):
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            pass


def test_the_time_limit_cuts_a_training_and_changes_no_bit(training):
    """Job 1 has a minute, and its ranks are held up for most of it; job 2, or 3, finishes."""
    training.configure(epochs=200, monitoring=NO_REGULAR)
    training.fill_in(**{**TWO_RANKS, "hours": 1 / 60, "segments": 3})
    training.start("--until", "train")
    training.wait_for(lambda: list(training.results("checkpoints").glob("*/log.csv")), "epoch")
    number = training.running_job()
    ranks = ranks_of(training)
    assert len(ranks) == 2
    for rank in ranks.values():
        rank.send_signal(signal.SIGSTOP)
    training.wait_for(lambda: seconds_left(training, number) < 28, "end of the time", 60)
    for rank in ranks.values():
        rank.send_signal(signal.SIGCONT)
    training.wait_for(lambda: training.cluster.jobs()[number] != "RUNNING", "end", 30)
    assert "the time budget is almost used up" in training.log()
    # It has stopped by itself, not been killed, and what it had done is on the disk.
    assert training.cluster.jobs()[number] == "FAILED"
    (reached,) = training.iterations()
    # Two more jobs may take a minute each, and wait for the scheduler in between.
    status, said = training.finish(240)
    assert status == 0, said
    # Each job went on where the one before it had ended; the machine decides how many there are.
    assert training.iterations()[0] == reached
    assert training.resumed_at() == training.iterations()[:-1]
    assert "Trying to restart job" in said
    assert training.record()["iterations"] == 600

    # The same ranks without the interruption, on the same cluster but not through Snakemake.
    straight = training.folder / "straight"
    command = re.search(r"-n 2 (synaxial train .*?) 2>&1", said)[1]
    command = command.replace("--output results/experiments/small/seed_1", f"--output {straight}")
    command = command.replace("--checkpoints results", f"--checkpoints {straight}")
    command = re.sub(r" --time-budget \S+", "", command)
    srun = ("srun", "--mpi=pmi2", "--partition=gpu", "--ntasks=2", "--chdir", training.folder)
    training.cluster.command(*srun, SNAKEMAKE.parent / "python", "-m", *command.split())
    assert json.loads((straight / "run.json").read_text())["iterations"] == 600
    assert_same(training.weights(straight), training.weights())


def seconds_left(workflow, number):
    minutes, seconds = workflow.cluster.command("squeue", "-hj", number, "-o", "%L").split(":")
    return 60 * int(minutes) + int(seconds)
