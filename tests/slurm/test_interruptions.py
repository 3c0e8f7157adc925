"""A job that Slurm puts back into the queue, as it does to preempt it; and Ctrl-C."""

import signal

import pytest

from .cluster import GPU_NODES
from .conftest import MANY_EPOCHS, NO_REGULAR, TWO_RANKS
from .test_failures import node_of, ranks_of

pytestmark = pytest.mark.slurm


@pytest.fixture
def training(workflow):
    """A training with two ranks on one node, and no checkpoint but of an early stop."""
    workflow.fill_in(**TWO_RANKS)
    workflow.configure(epochs=MANY_EPOCHS, monitoring=NO_REGULAR)
    return workflow


@pytest.mark.parametrize("killed", [False, True])
def test_a_requeued_training_goes_on_on_the_same_node(training, killed):
    """From the checkpoint that SIGTERM is followed by; also past MPI's files of killed ranks."""
    training.start("--until", "train")
    training.wait_for(lambda: list(training.results("checkpoints").glob("*/log.csv")), "epoch")
    number = training.running_job()
    node = node_of(training, number)
    (other,) = set(GPU_NODES) - {node}
    command = training.cluster.command
    command("scontrol", "update", f"nodename={other}", "state=drain", "reason=test")
    files = list(training.cluster.shared_memory(node).glob("mpich_shm_*"))
    assert len(files) == 1
    content = files[0].read_bytes()
    ranks = ranks_of(training)
    command("scontrol", "requeue", number)
    training.wait_for(lambda: not any(rank.is_running() for rank in ranks.values()), "end", 30)
    (reached,) = training.iterations()
    # The ranks have cleaned up.
    assert not files[0].exists()
    if killed:
        files[0].write_bytes(content)
    (resumed,) = training.wait_for(training.resumed_at, "resumption", seconds=100)
    assert resumed == reached
    assert training.running_job() == number
    assert node_of(training, number) == node
    # Snakemake has not noticed.
    assert training.process.poll() is None
    assert "Error" not in training.said()


def test_ctrl_c_cancels_the_training_and_the_same_command_goes_on(training):
    training.start("--until", "train")
    training.wait_for(lambda: list(training.results("checkpoints").glob("*/log.csv")), "epoch")
    number = training.running_job()
    training.process.send_signal(signal.SIGINT)
    status, said = training.finish(60)
    assert status != 0
    assert "Traceback" not in said
    training.wait_for(lambda: training.cluster.jobs()[number] == "CANCELLED", "end", 30)
    # scancel gives the ranks the time for a checkpoint.
    (reached,) = training.wait_for(training.iterations, "checkpoint", 30)
    training.configure(epochs=reached // 3 + 2)
    done = training.run("--until", "train")
    assert done.returncode == 0, done.stdout
    assert training.resumed_at() == [reached]
