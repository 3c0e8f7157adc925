"""What profiles/slurm says before any work; no Slurm is needed."""

import re
import resource
import shutil
import subprocess

import pytest

from ..workflow.conftest import REPOSITORY, SNAKEMAKE, Workflow, jobs_of

pytestmark = pytest.mark.snakemake

#: All subjects of BraTS 2020's training data, and the paper's comparisons.
FULL_STUDY = {
    "acquire": {"source": "phantom", "subjects": "001-320", "held_out": "321-369"},
    "experiments": {f"latent_{size}": {"latent": {"size": size}} for size in range(100, 125)},
}


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory):
    """The full study's dry run: how long it took, and what it said."""
    workflow = Workflow(tmp_path_factory.mktemp("full"), FULL_STUDY)
    began = processor_seconds()
    done = workflow.run("--dry-run", profile="slurm")
    assert done.returncode == 0, done.stdout + done.stderr
    return processor_seconds() - began, done.stdout + done.stderr


def processor_seconds():
    """What finished processes have computed: how long they took, had they a core of their own."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_full_study_is_planned_in_a_few_seconds(dry_run):
    seconds, output = dry_run
    jobs = jobs_of(output)
    assert {rule: jobs[rule] for rule in ("prepare", "train", "sample")} == {
        "prepare": 12,
        "train": 25,
        "sample": 25,
    }
    assert seconds < 6


def test_hundreds_of_subjects_are_few_jobs(dry_run):
    _, output = dry_run
    groups = re.findall(r"Group job (\w+)", output)
    assert {name: groups.count(name) for name in groups} == {
        "subjects": 6,
        "pictures": 25,
        "numbers": 25,
        "controls": 1,
    }


def test_masks_need_no_jobs_of_their_own(tmp_path):
    study = {
        **FULL_STUDY,
        "training": {"masks": True, "generator": {"channels": [*[8] * 6, 2]}},
        "experiments": {"pairs": {}},
        "render": {"nifti": True},
    }
    done = Workflow(tmp_path, study).run("--dry-run", profile="slurm")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    jobs = jobs_of(output)
    expected = {"prepare": 12, "pack_masks": 1, "render_masks": 1}
    assert {rule: jobs[rule] for rule in expected} == expected
    groups = re.findall(r"Group job (\w+)", output)
    assert {name: groups.count(name) for name in ("subjects", "pictures")} == {
        "subjects": 6,
        "pictures": 1,
    }


def test_the_partition_file_is_one_that_the_plugin_reads():
    """The example names limits that the plugin knows; it refuses others."""
    from snakemake_executor_plugin_slurm.partitions import read_partition_file

    partitions = read_partition_file(REPOSITORY / "profiles" / "slurm" / "partitions.yaml")
    assert {partition.name for partition in partitions} >= {"cpu", "gpu"}


def test_the_profile_is_complete_without_a_partition(tmp_path):
    """As it is in the repository, for the default partition; and with no command of Slurm."""
    for name in ("sh", "bash", "which"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [SNAKEMAKE, "--profile", "profiles/slurm", "--dry-run", "--forceall"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
        env={"PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    resources = re.search(r"rule train:.*?resources: (.*?)\n", done.stdout + done.stderr, re.DOTALL)
    assert "gres=gpu:1" in resources[1]
    assert "device=gpu" in resources[1]
