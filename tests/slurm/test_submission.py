"""What is asked of Slurm, to the letter, and what Slurm makes of it."""

import re

import pytest

from .conftest import FOUR_RANKS, MANY_EPOCHS

pytestmark = pytest.mark.slurm

CASES = {
    "two nodes with two GPUs each": (
        FOUR_RANKS,
        "-p gpu -t 1440 --mem-per-cpu 8000 --nodes=2 --requeue --ntasks=4 --cpus-per-task=1"
        " --ntasks-per-node=2 -D FOLDER --gres=gpu:2",
        {"NumNodes": "2", "NumTasks": "4", "NumCPUs": "4", "TresPerNode": "gres:gpu:2"},
    ),
    "one rank on one GPU": (
        {**FOUR_RANKS, "nodes": 1, "ranks_per_node": 1, "cores_per_rank": 4},
        "-p gpu -t 1440 --mem-per-cpu 2000 --nodes=1 --requeue --cpus-per-task=4"
        " --ntasks-per-node=1 -D FOLDER --gres=gpu:1",
        {"NumNodes": "1", "NumTasks": "1", "NumCPUs": "4", "TresPerNode": "gres:gpu:1"},
    ),
    "without GPUs": (
        {**FOUR_RANKS, "training_partition": "", "gpus_per_rank": 0, "cores_per_rank": 2},
        "-p cpu -t 1440 --mem-per-cpu 4000 --nodes=2 --requeue --ntasks=4 --cpus-per-task=2"
        " --ntasks-per-node=2 -D FOLDER",
        {"NumNodes": "2", "NumTasks": "4", "NumCPUs": "8"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_training_asks_for(workflow, name):
    values, expected, found = CASES[name]
    workflow.configure(epochs=MANY_EPOCHS)
    workflow.fill_in(**values)
    workflow.start("--until", "train", "--verbose")
    number = workflow.wait_for(lambda: last_submitted(workflow), "submission")
    line = re.search(r"sbatch call: (sbatch .*?) --wrap=", workflow.said())[1]
    assert asked_for(line, workflow) == expected
    workflow.wait_for(lambda: workflow.cluster.jobs()[int(number)] == "RUNNING", "start")
    told = workflow.cluster.command("scontrol", "show", "job", number)
    assert {key: re.search(rf"\b{key}=(\S+)", told)[1] for key in found} == found


def last_submitted(workflow):
    numbers = re.findall(r"submitted with SLURM jobid (\d+)", workflow.said())
    return numbers[-1] if numbers else None


def asked_for(line, workflow):
    """What differs between clusters and jobs of an sbatch line: all after the comment."""
    assert line.startswith("sbatch --parsable --job-name ")
    asked = line[line.index("--comment") :].split(maxsplit=2)[2]
    return asked.replace(str(workflow.folder), "FOLDER").strip()


def test_small_jobs_ask_for_little(workflow):
    """A batch of subjects: a core and 2 GB for each of its processes."""
    workflow.start("--until", "prepare", "--forcerun", "prepare", "--verbose")
    workflow.wait_for(lambda: last_submitted(workflow), "submission")
    line = re.search(r"sbatch call: (sbatch .*?) --wrap=", workflow.said())[1]
    assert asked_for(line, workflow) == (
        "-p cpu -t 30 --mem 6000 --requeue --ntasks=1 --cpus-per-task=3 -D FOLDER"
    )
