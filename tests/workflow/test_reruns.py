"""What runs again after a change, and what does not."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import time

import psutil
import pytest

from .conftest import STUDY, SUBJECTS, files_of, jobs_of, new_study, write_subject

pytestmark = pytest.mark.snakemake

AFTER_TRAINING = {"train": 1, "sample": 1, "render": 1}
AFTER_PREPARING = {"prepare": 1, "pack": 1, **AFTER_TRAINING}


def dry_run(workflow, *arguments):
    done = workflow.run("--dry-run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = jobs_of(done.stdout + done.stderr)
    # The files with parts of the study, and their pages, say nothing of the work.
    shown = ("settings", "experiment", "resolved_configuration")
    return {
        rule: count
        for rule, count in jobs.items()
        if rule not in shown and not rule.startswith("report_")
    }


def change(workflow, section, **values):
    workflow.write({**workflow.study, section: {**workflow.study.get(section, {}), **values}})


def test_nothing_changed_nothing_runs(workflow):
    done = workflow.run()
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_another_learning_rate_runs_training_and_what_follows(workflow):
    change(workflow, "training", optimizer={"learning_rate": 0.001})
    assert dry_run(workflow) == AFTER_TRAINING
    assert workflow.run().returncode == 0
    assert dry_run(workflow) == {}
    # The old model's checkpoints are still there.
    assert len(list(workflow.results("checkpoints").iterdir())) == 2


def run_again(workflow, *arguments):
    """Run what is to run, and return which files of subjects were made."""
    before = workflow.subjects_files()
    done = workflow.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return workflow.made_again(before)


def of_all(*stages):
    return set().union(*(files_of(subject, *stages) for subject in SUBJECTS))


def test_another_window_runs_slicing_and_what_follows(workflow):
    change(workflow, "slice", window=[5, 95])
    assert dry_run(workflow) == {**AFTER_PREPARING, "manifest": 1}
    assert run_again(workflow) == of_all("slice", "resize")
    assert dry_run(workflow) == {}


def test_another_filter_leaves_volumes_and_slices_alone(workflow):
    change(workflow, "resize", filter="nearest")
    assert run_again(workflow, "--until", "prepare") == of_all("resize", "mask")


def test_a_subjects_lost_slices_are_made_again_and_no_others(workflow):
    workflow.results("slices", f"{SUBJECTS[1]}.tif").unlink()
    assert dry_run(workflow) == {**AFTER_PREPARING, "manifest": 1}
    assert run_again(workflow, "--until", "prepare") == files_of(SUBJECTS[1], "slice", "resize")
    # They are what they were, so that nothing that depends on them need run.
    assert dry_run(workflow) == {}


def test_a_file_that_was_cut_short_is_made_again(workflow):
    path = workflow.results("images", f"{SUBJECTS[2]}.tif")
    path.write_bytes(path.read_bytes()[:100])
    assert run_again(workflow, "--until", "prepare") == files_of(SUBJECTS[2], "resize")


def test_killed_while_it_prepares_the_same_command_goes_on(workflow):
    """What a killed batch has left: a subject half finished, one not begun, and no table."""
    workflow.results("prepared", "training_0.csv").unlink()
    workflow.results("images", f"{SUBJECTS[0]}.tif").unlink()
    for name in files_of(SUBJECTS[1]):
        workflow.results(name).unlink()
    workflow.results("prepared", "subjects", f"{SUBJECTS[1]}.json").unlink()
    expected = files_of(SUBJECTS[0], "resize") | files_of(SUBJECTS[1])
    assert run_again(workflow, "--until", "prepare") == expected
    assert dry_run(workflow) == {}


def flair_of(workflow, subject):
    return workflow.folder / "data" / subject / f"{subject}_flair.nii.gz"


def corrected(workflow, subject):
    """Another volume of a subject, with an older time than the one that was used."""
    write_subject(workflow.folder / "new", subject, seed=9)
    path = workflow.folder / "new" / subject / f"{subject}_flair.nii.gz"
    os.utime(path, (10**9, 10**9))
    return path


def test_a_corrected_volume_runs_that_subject_also_if_it_is_older(workflow):
    path = flair_of(workflow, SUBJECTS[0])
    # As `rsync -a` and `cp -p` do.
    shutil.copy2(corrected(workflow, SUBJECTS[0]), path)
    assert dry_run(workflow) == {**AFTER_PREPARING, "manifest": 1}
    assert run_again(workflow, "--until", "prepare") == files_of(SUBJECTS[0])
    record = json.loads(workflow.results("volumes", f"{SUBJECTS[0]}.json").read_text())
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    # And if the run ends here, the next one goes on.
    assert dry_run(workflow) == {"manifest": 1, "pack": 1, **AFTER_TRAINING}


def test_a_link_pointed_elsewhere_runs_that_subject(workflow):
    path = flair_of(workflow, SUBJECTS[1])
    path.unlink()
    path.symlink_to(corrected(workflow, SUBJECTS[1]))
    assert dry_run(workflow)["prepare"] == 1


def test_a_corrected_segmentation_runs_that_subject(workflow):
    path = flair_of(workflow, SUBJECTS[1])
    path = path.with_name(f"{SUBJECTS[1]}_seg.nii.gz")
    modified = path.stat().st_mtime
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    os.utime(path, (modified, modified))
    assert dry_run(workflow)["prepare"] == 1


def test_a_data_set_that_is_moved_and_touched_runs_nothing(workflow):
    (workflow.folder / "data").rename(workflow.folder / "moved")
    for path in (workflow.folder / "moved").rglob("*"):
        path.touch()
    change(workflow, "acquire", directory={"path": "moved"})
    assert dry_run(workflow) == {}
    assert workflow.run().returncode == 0
    # And what is changed there is seen.
    path = workflow.folder / "moved" / SUBJECTS[0] / f"{SUBJECTS[0]}_flair.nii.gz"
    shutil.copy2(corrected(workflow, SUBJECTS[0]), path)
    assert dry_run(workflow)["prepare"] == 1


def test_other_checks_of_the_volumes_run_all_subjects(workflow):
    change(workflow, "acquire", volume={"shape": [24, 24, 16], "affine": "sform"})
    assert run_again(workflow, "--until", "prepare") == of_all()


def test_what_becomes_of_bad_volumes_changes_no_good_one(workflow):
    change(workflow, "acquire", on_bad_volume="skip")
    assert run_again(workflow, "--until", "prepare") == set()


def test_one_more_subject_runs_that_subject_and_the_training(workflow):
    write_subject(workflow.folder / "data", "BraTS20_Training_004", 4)
    assert dry_run(workflow) == {**AFTER_PREPARING, "manifest": 1}
    assert run_again(workflow, "--until", "prepare") == files_of("BraTS20_Training_004")


def test_a_batch_less_is_packed_in_the_same_run(tmp_path):
    names = [f"BraTS20_Training_{number:03d}" for number in range(1, 34)]
    packed = "results/dataset/images.npy"
    workflow = new_study(tmp_path, STUDY, names)
    assert workflow.run(packed).returncode == 0
    assert dry_run(workflow, packed) == {}
    # Without the last one, the first batch is what it was.
    change(workflow, "acquire", subjects="001-032")
    done = workflow.run(packed)
    jobs = jobs_of(done.stdout + done.stderr)
    assert (jobs.get("prepare"), jobs.get("pack")) == (None, 1)
    description = json.loads(workflow.results("dataset", "dataset.json").read_text())
    assert description["subjects"] == names[:-1]
    assert dry_run(workflow, packed) == {}


def test_a_table_that_is_written_again_as_it_was_packs_nothing(workflow):
    workflow.results("prepared", "training_0.csv").touch()
    assert dry_run(workflow, "--forcerun", "manifest") == {"manifest": 1}


def test_a_new_experiment_runs_alone(workflow):
    change(workflow, "experiments", other={"loss": "mse"})
    assert dry_run(workflow) == AFTER_TRAINING


def test_more_stacks_run_sampling_alone(workflow):
    change(workflow, "sample", stacks=3)
    jobs = dry_run(workflow)
    assert "train" not in jobs
    assert (jobs["sample"], jobs["render"]) == (1, 1)


def test_monitoring_changes_nothing(workflow):
    change(workflow, "monitoring", checkpoint_minutes=1, preview_epochs=2)
    assert dry_run(workflow) == {}


def test_the_profile_changes_nothing(workflow):
    arguments = ("--set-resources", "train:tasks=4", "train:runtime=5", "--cores", "1")
    assert dry_run(workflow, *arguments) == {}


def test_killed_in_the_middle_the_same_command_goes_on(workflow):
    change(workflow, "training", epochs=40000)
    change(workflow, "monitoring", checkpoint_minutes=1e-9)
    process = subprocess.Popen(
        workflow.command(), cwd=workflow.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until = time.monotonic() + 120
    while latest_iteration(workflow) <= 18:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    # Meanwhile no other Snakemake may begin, with or without Snakemake's own lock.
    second = workflow.run("--nolock")
    assert "results: another Snakemake is running here" in second.stdout + second.stderr
    for member in [*psutil.Process(process.pid).children(recursive=True), process]:
        member.kill()
    process.wait(30)
    reached = latest_iteration(workflow)
    # A number of epochs that is soon reached from there; the model is the same.
    change(workflow, "training", epochs=reached // 6 + 2)
    done = workflow.run("--unlock")
    assert done.returncode == 0
    done = workflow.run()
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "resuming from" in output
    assert f"iteration_{reached:09d}.npz" in output
    assert dry_run(workflow) == {}


def latest_iteration(workflow):
    paths = sorted(workflow.results("checkpoints").glob("*/iteration_*.npz"))
    return int(paths[-1].stem.removeprefix("iteration_"))


def test_a_training_that_stops_itself_is_tried_again(workflow):
    change(workflow, "training", seeds=[3])
    # No budget at all: each try does one iteration, so two tries do not finish 18.
    done = workflow.run("--set-resources", "train:runtime=0", "--retries", "1")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "the time budget is almost used up" in output
    assert "stopped after iteration 2 in" in output
    assert "the same command" in output
    assert workflow.run().returncode == 0
