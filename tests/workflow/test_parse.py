"""What Snakemake says before any work: dry runs, mistakes, lint."""

import html
import json
import os
import re
import shutil
import subprocess
import tarfile

import nibabel
import numpy as np
import pytest
import yaml

from synaxial.config import as_yaml, read_study

from .conftest import (
    EVIDENCE,
    REPOSITORY,
    SNAKEMAKE,
    STUDY,
    SUBJECTS,
    Workflow,
    files_of,
    jobs_of,
    new_study,
    write_subject,
)

pytestmark = pytest.mark.snakemake

STUDIES = {
    "the paper's, embedded data": ({}, {"prepare": 2, "train": 1, "sample": 1}),
    "two experiments, all pictures": (
        {
            "acquire": {"source": "phantom", "subjects": ["1", "7"]},
            "experiments": {"a": {}, "b": {"loss": "mse"}},
            "render": {"images": True, "nifti": True},
            "sample": {"stacks": 2},
        },
        {"prepare": 1, "pack": 1, "train": 2, "experiment": 2, "sample": 2, "render": 2},
    ),
    "no experiment, only data": (
        {"acquire": {"subjects": ["1", "7"]}, "default_experiments": []},
        {"prepare": 1, "pack": 1, "train": None, "report_summary": None},
    ),
    "an archive, not fetched": ({"acquire": {"source": "archive"}}, {"fetch": 1}),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_dry_run_shows_the_jobs(tmp_path, name):
    study, expected = STUDIES[name]
    done = Workflow(tmp_path, study).run("--dry-run")
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


OWN = {
    "results": "results/mine",
    "acquire": {"subjects": "001-002", "held_out": []},
    "experiments": {"mine": {"generator": {"activation": "relu"}}},
    "sample": {"stacks": 1},
}


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_a_configfile_replaces_config_yaml(tmp_path, profile):
    """It means what `synaxial check` says; config.yaml names other volumes and experiments."""
    workflow = new_study(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(OWN))
    arguments = ("--dry-run", "--configfile", "mine.yaml")
    done = workflow.run(*arguments, "--printshellcmds", profile=profile)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "The study is mine.yaml; config.yaml is not read.\n" in output
    assert set(re.findall(r"--experiment (\S+)", output)) == {"mine"}
    assert re.findall(r"data prepare .* (\S+ \S+) >", output) == ["phantom_001 phantom_002"]

    done = workflow.run(*arguments, "--config", "training={epochs: 7}", profile=profile)
    output = done.stdout + done.stderr
    assert "--config changes training.epochs.\n" in output
    assert jobs_of(output)["train"] == 1


def test_a_configfile_means_what_check_says(tmp_path):
    workflow = new_study(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(OWN))
    made = workflow.run("results/mine/configuration.yaml", "--configfile", "mine.yaml")
    assert made.returncode == 0, made.stderr
    checked = as_yaml(read_study(tmp_path / "mine.yaml").model_dump(mode="json"))
    assert (tmp_path / "results/mine/configuration.yaml").read_text() == checked


def test_two_configfiles_are_merged_and_said(tmp_path):
    workflow = new_study(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"results": "results/mine"}))
    done = workflow.run("--dry-run", "--configfile", "config.yaml", "mine.yaml")
    output = done.stdout + done.stderr
    assert "The study is config.yaml, with the keys of mine.yaml merged into it.\n" in output
    assert "results/mine/experiments/small/seed_1" in output


def test_a_mistake_is_one_line_and_nothing_runs(tmp_path):
    """Of the mistakes in config.yaml, which tests/unit/test_plan.py has all."""
    workflow = new_study(tmp_path)
    path = workflow.folder / "config.yaml"
    path.write_text(path.read_text() + "slice: {first: 2, last: 3}\n")
    done = workflow.run()
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output
    expected = "the key 'slice' is there twice"
    assert sum(expected in line for line in output.splitlines()) == 1, output
    assert not workflow.results("volumes").exists()


def test_another_experiment_than_the_studys_is_one_line(tmp_path):
    target = "results/experiments/smal/seed_1/generator.npz"
    done = new_study(tmp_path).run("--dry-run", target)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"No rule to produce {target}" in output
    assert "Traceback" not in output


def test_a_warning_about_a_patient_is_on_the_terminal_and_in_the_report(tmp_path):
    workflow = new_study(tmp_path)
    path = workflow.folder / "data" / SUBJECTS[1] / f"{SUBJECTS[1]}_flair.nii.gz"
    image = nibabel.load(path)
    image.set_qform(image.affine @ np.diag([-1, 1, 1, 1]), 1)
    image.set_sform(image.affine, 1)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), None, image.header), path)
    done = workflow.run("results/report/manifest.html")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    warning = "the sform says LPS and the qform RPS; the sform is used; check the patient's sides"
    # When the manifest is made, and at the end.
    assert f"WARNING {SUBJECTS[1]}: {warning}" in output
    assert f"  {SUBJECTS[1]}: {warning}" in output[output.index("Check these subjects") :]
    assert html.escape(warning) in workflow.results("report", "manifest.html").read_text()


def test_a_bad_volume_can_be_left_out(tmp_path):
    workflow = new_study(tmp_path)
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
    # The other subjects of its batch are finished.
    before = workflow.subjects_files()
    assert set(before) == files_of(SUBJECTS[0]) | files_of(SUBJECTS[2])

    acquire = {**STUDY["acquire"], "on_bad_volume": "skip"}
    workflow.write({**STUDY, "acquire": acquire})
    done = workflow.run("--until", "pack")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 subjects were left out; results/manifest.csv says why" in done.stderr
    # What becomes of bad volumes does not change a good one.
    assert workflow.made_again(before) == files_of(SUBJECTS[1])
    manifest = workflow.results("manifest.csv").read_text().splitlines()
    assert len(manifest) == 4
    assert "skipped" in manifest[2]
    description = json.loads(workflow.results("dataset", "dataset.json").read_text())
    assert description["skipped"] == [SUBJECTS[1]]
    assert description["images"] == 16


def test_a_head_trained_with_and_held_out_under_two_names_ends_the_run(tmp_path):
    workflow = new_study(tmp_path, EVIDENCE)
    for number in (4, 5, 6):
        # Subject 6 is subject 1 again.
        write_subject(workflow.folder / "data", f"BraTS20_Training_{number:03d}", number % 6)
    done = workflow.run("results/dataset/images.npy")
    assert done.returncode != 0
    assert (
        "error: acquire.held_out: the same head is trained with and held out: "
        "BraTS20_Training_001 and BraTS20_Training_006 (identical voxels)" in done.stderr
    )
    assert not workflow.results("dataset", "images.npy").exists()


def test_an_archive_is_fetched_and_then_its_subjects_are_known(tmp_path):
    workflow = new_study(tmp_path)
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

    # A corrected archive of the same name is unpacked again, though its time is older.
    for seed, subject in enumerate(SUBJECTS):
        write_subject(tmp_path / "data", subject, 9 if seed == 1 else seed)
    with tarfile.open(workflow.folder / "data.tar.gz", "w:gz") as archive:
        archive.add(workflow.folder / "data", "MICCAI_BraTS2020_TrainingData")
    os.utime(workflow.folder / "data.tar.gz", (10**9, 10**9))
    before = workflow.subjects_files()
    done = workflow.run("--until", "pack")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    # Only one of its volumes has other bytes.
    assert workflow.made_again(before) == files_of(SUBJECTS[1])

    (workflow.folder / "data.tar.gz").touch()
    done = workflow.run("--until", "pack")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert re.findall(r"synaxial data (\S+)", output) == ["fetch"]

    (workflow.folder / "data.tar.gz").unlink()
    done = workflow.run("--until", "pack")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "synaxial data" not in output


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
