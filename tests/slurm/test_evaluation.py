"""The evaluation on a cluster: few jobs, with few cores each."""

import re

import pytest

from ..workflow.conftest import EVIDENCE, SIX_SUBJECTS, write_subject
from .conftest import TWO_RANKS, ClusterWorkflow, submissions
from .test_submission import asked_for

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def evaluated(cluster, tmp_path_factory):
    """A small study with held-out subjects, run on the cluster to its end."""
    folder = tmp_path_factory.mktemp("evaluated")
    for seed, subject in enumerate(SIX_SUBJECTS):
        write_subject(folder / "data", subject, seed)
    workflow = ClusterWorkflow(folder, EVIDENCE, cluster)
    workflow.fill_in(**TWO_RANKS)
    done = workflow.run("--verbose")
    assert done.returncode == 0, done.stdout
    workflow.output = done.stdout
    return workflow


def test_controls_stacks_and_numbers_are_jobs_of_their_own(evaluated):
    kinds = [
        re.sub(r"^(group|rule)_([a-z]+).*", r"\2", job) for job in submissions(evaluated.output)
    ]
    # Two data sets.
    expected = ["controls", "numbers", "pack", "pack", "pictures", "subjects", "train"]
    assert sorted(kinds) == expected
    assert evaluated.results("comparison.html").exists()
    assert evaluated.results("experiments", "final", "seed_1", "cases.png").exists()
    assert "comparison.html" in evaluated.output[evaluated.output.index("Finished. Results") :]


def test_a_group_asks_for_the_cores_of_one_of_its_jobs(evaluated):
    """And for the time of all, one after the other."""
    asked = {}
    for line in re.findall(r"sbatch call: (sbatch .*?) --wrap=", evaluated.output):
        group = re.search(r"group_(controls|numbers)", line)
        if group:
            asked[group[1]] = asked_for(line, evaluated)
    assert asked == {
        "controls": "-p cpu -t 60 --mem 4000 --requeue --ntasks=1 --cpus-per-task=4 -D FOLDER",
        "numbers": "-p cpu -t 10 --mem 4000 --requeue --ntasks=1 --cpus-per-task=4 -D FOLDER",
    }
