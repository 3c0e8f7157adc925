"""What Snakemake says before any work: dry runs of all profiles, sources and options; mistakes."""

import json
import re
import shutil
import subprocess
import tarfile

import pytest

from .conftest import REPOSITORY, SNAKEMAKE, STUDY, SUBJECTS, Workflow, jobs_of, write_subject

pytestmark = pytest.mark.snakemake

PHANTOM = {"acquire": {"source": "phantom", "subjects": "001-015"}}

STUDIES = {
    "the paper's, embedded data": ({}, {"acquire": 35, "slice": 35, "train": 1, "sample": 3}),
    "phantoms by list": ({"acquire": {"subjects": ["1", "7"]}}, {"acquire": 2, "pack": 1}),
    "a folder": (STUDY, {"acquire": 3, "manifest": 1, "train": 1}),
    "a range of a folder": (
        {**STUDY, "acquire": {**STUDY["acquire"], "subjects": "001-002"}},
        {"acquire": 2},
    ),
    "a folder by a pattern": (
        {
            **STUDY,
            "acquire": {
                **STUDY["acquire"],
                "directory": {
                    "path": "data",
                    "pattern": "{subject}/{subject}_flair.nii.gz",
                    "segmentation_pattern": "{subject}/{subject}_seg.nii.gz",
                },
            },
        },
        {"acquire": 3, "manifest": 1, "resolved_configuration": 1, "train": 1},
    ),
    "two experiments": (
        {**PHANTOM, "experiments": {"a": {}, "b": {"loss": "mse"}}},
        {"train": 2, "experiment": 2, "sample": 6, "render": 6},
    ),
    "all pictures": (
        {**PHANTOM, "render": {"images": True, "nifti": True}, "sample": {"stacks": 2}},
        {"render": 2, "render_images": 2, "render_nifti": 2},
    ),
    "masks": (
        {**PHANTOM, "training": {"masks": True, "generator": {"channels": [*[8] * 6, 2]}}},
        {"mask": 15, "pack_masks": 1, "train": 1, "render_masks": 3},
    ),
    "padded": ({**PHANTOM, "resize": {"mode": "pad"}}, {"resize": 35}),
    "an archive, not fetched": (
        {"acquire": {"source": "archive"}},
        {"fetch": 1},
    ),
    "kaggle, not fetched": ({"acquire": {"source": "kaggle"}}, {"fetch": 1}),
}


@pytest.fixture
def workflow(tmp_path):
    workflow = Workflow(tmp_path)
    for seed, subject in enumerate(SUBJECTS):
        write_subject(tmp_path / "data", subject, seed)
    return workflow


@pytest.mark.parametrize("name", STUDIES)
def test_a_dry_run_shows_the_jobs(workflow, name):
    study, expected = STUDIES[name]
    workflow.write(study)
    done = workflow.run("--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = jobs_of(done.stdout + done.stderr)
    assert {rule: jobs.get(rule) for rule in expected} == expected


@pytest.mark.parametrize(
    "profile", sorted(p.parent.name for p in REPOSITORY.glob("profiles/*/config.yaml"))
)
def test_every_profile_makes_a_dry_run_in_the_repository(profile):
    done = subprocess.run(
        [SNAKEMAKE, "--profile", f"profiles/{profile}", "--dry-run", "--forceall", "--nolock"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs_of(done.stdout + done.stderr)["train"] >= 1


MISTAKES = {
    "key": ({"slices": 3}, "unknown key slices"),
    "value": ({"slice": {"first": "x"}}, "slice.first: found 'x'"),
    "networks": ({"resize": {"size": 64}}, "resize.size is 64"),
    "folder": (
        {"acquire": {"source": "directory", "directory": {"path": "nowhere"}}},
        "nowhere",
    ),
    "subject": ({**STUDY, "acquire": {**STUDY["acquire"], "subjects": ["77"]}}, "77"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_runs(workflow, name):
    study, expected = MISTAKES[name]
    workflow.write(study)
    done = workflow.run()
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output
    assert sum(expected in line for line in output.splitlines()) == 1, output
    assert not workflow.results("volumes").exists()


def test_a_bad_volume_can_be_left_out(workflow):
    path = workflow.folder / "data" / SUBJECTS[1] / f"{SUBJECTS[1]}_flair.nii.gz"
    path.write_bytes(path.read_bytes()[:500])
    done = workflow.run("--until", "pack")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"error: {SUBJECTS[1]}" in output
    # Told again at the end, where the eye is.
    last = output[: output.index("Not finished.")].splitlines()[-1]
    assert f"error: {SUBJECTS[1]}" in last
    assert "Traceback" not in output
    assert not workflow.results("dataset", "images.npy").exists()

    acquire = {**STUDY["acquire"], "on_bad_volume": "skip"}
    workflow.write({**STUDY, "acquire": acquire})
    done = workflow.run("--until", "pack", "manifest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 subjects were left out; results/manifest.csv says why" in done.stderr
    manifest = workflow.results("manifest.csv").read_text().splitlines()
    assert len(manifest) == 4
    assert "skipped" in manifest[2]
    description = json.loads(workflow.results("dataset", "dataset.json").read_text())
    assert description["skipped"] == [SUBJECTS[1]]
    assert description["images"] == 16


def test_an_archive_is_fetched_and_then_its_subjects_are_known(workflow):
    with tarfile.open(workflow.folder / "data.tar.gz", "w:gz") as archive:
        archive.add(workflow.folder / "data", "MICCAI_BraTS2020_TrainingData")
    shutil.rmtree(workflow.folder / "data")
    source = {
        "source": "archive",
        "subjects": "all",
        "archive": {"location": "data.tar.gz"},
        "volume": STUDY["acquire"]["volume"],
    }
    workflow.write({**STUDY, "acquire": source})
    done = workflow.run("--until", "pack")
    assert done.returncode == 0, done.stdout + done.stderr
    description = json.loads(workflow.results("dataset", "dataset.json").read_text())
    assert description["subjects"] == list(SUBJECTS)


def test_lint_finds_nothing_but_the_one_environment():
    """All rules run in the environment that Snakemake runs in, so none names one of its own."""
    done = subprocess.run(
        [SNAKEMAKE, "--lint", "--nolock"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
    )
    findings = re.findall(r"^ +\* (.*):$", done.stdout + done.stderr, re.MULTILINE)
    # Had it not run at all, there would be no findings either.
    assert set(findings) == {"Specify a conda environment or container for each rule."}


def test_a_key_that_is_there_twice_is_told(workflow):
    path = workflow.folder / "config.yaml"
    path.write_text(path.read_text() + "slice: {first: 2, last: 3}\n")
    done = workflow.run("--dry-run")
    assert done.returncode != 0
    assert "the key 'slice' is there twice" in done.stdout + done.stderr
