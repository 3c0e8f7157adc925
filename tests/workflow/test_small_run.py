"""A small study through every stage, and what it leaves."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from PIL import Image

from .conftest import STUDY, SUBJECTS, jobs_of

pytestmark = pytest.mark.snakemake


def test_every_stage_ran(finished):
    assert jobs_of(finished.output) == {
        "experiment": 1,
        "manifest": 1,
        "pack": 1,
        "prepare": 1,
        "render": 1,
        "report_configuration": 1,
        "report_experiment": 1,
        "report_manifest": 1,
        "report_summary": 1,
        "resolved_configuration": 1,
        "sample": 1,
        "settings": 6,
        "train": 1,
    }


def test_the_manifest_has_all_subjects(finished):
    table = pd.read_csv(finished.results("manifest.csv"))
    assert list(table["subject"]) == list(SUBJECTS)
    assert (table["status"] == "ok").all()


def test_the_dataset_has_all_slices(finished):
    images = np.load(finished.results("dataset", "images.npy"))
    assert (images.shape, images.dtype) == ((24, 16, 16), np.uint8)
    index = pd.read_csv(finished.results("dataset", "index.csv"))
    assert list(index["slice"]) == [*range(4, 12)] * 3
    assert index["tumour_voxels"].max() > 0


def test_every_subject_has_the_files_of_all_stages(finished):
    for subject in SUBJECTS:
        for name in (
            *(f"volumes/{subject}{end}" for end in ("_flair.nii.gz", "_seg.nii.gz", ".json")),
            *(f"{stage}/{subject}.tif" for stage in ("slices", "images", "masks")),
        ):
            assert finished.results(name).stat().st_size > 100
    table = pd.read_csv(finished.results("prepared", "training_0.csv"))
    assert list(table["subject"]) == list(SUBJECTS)


def test_training_and_samples_are_linked(finished):
    folder = finished.results("experiments", "small", "seed_1")
    record = json.loads((folder / "run.json").read_text())
    assert [rank["rank"] for rank in record["ranks"]] == [0, 1]
    assert record["iterations"] == 18
    with tifffile.TiffFile(folder / "samples" / "stack_0.tif") as stack:
        assert len(stack.pages) == 10
        assert stack.pages[0].shape == (16, 16, 3)
        assert (
            json.loads(stack.pages[0].description)["generator"] == (record["digests"]["generator"])
        )
    with Image.open(folder / "samples" / "stack_0.png") as sheet:
        assert sheet.width == 10 * 16 + 9 * 2


def test_the_resolved_configuration_is_kept(finished):
    content = yaml.safe_load(finished.results("configuration.yaml").read_text())
    assert content["experiments"]["small"]["loss"] == "wasserstein"
    assert content["slice"]["first"] == STUDY["slice"]["first"]


def test_progress_and_the_closing_words_are_on_the_terminal(finished):
    assert re.search(r"training \[#+\] 100%  iteration 18 of 18, .* images/s", finished.output)
    closing = finished.output[finished.output.index("Finished. Results") :]
    assert "results/experiments/small/seed_1/samples/stack_0.png" in closing
    assert "results/experiments/small/seed_1/curves.png" in closing


def test_every_job_has_a_log(finished):
    logs = {
        str(path.relative_to(finished.results("logs")))
        for path in finished.results("logs").rglob("*.log")
    }
    assert {
        "prepare/training_0.log",
        "pack.log",
        "manifest.log",
        "train/small/seed_1.log",
        "sample/small/seed_1.log",
    } <= logs


def test_the_report_is_one_page_with_all_parts(workflow):
    done = workflow.run("--report", "results/report.html")
    assert done.returncode == 0, done.stderr
    page = workflow.results("report.html").read_text()
    for text in ("manifest.html", "overview.png", "curves.png", "previews.png", "stack_0.png"):
        assert text in page
    assert "small/seed_1/experiment.html" in page
    assert "report/configuration.html" in page
    # The first page opens with the sheet and with what was run.
    first = page[page.index("data:image/jpeg;base64") :]
    assert "Trained: small (seed 1; 3 epochs)." in first[: first.index("made this report")]


def test_pngs_and_a_nifti_volume_on_request(workflow):
    study = {**workflow.study, "render": {"images": True, "nifti": True}}
    workflow.write(study)
    done = workflow.run()
    assert done.returncode == 0, done.stdout + done.stderr
    samples = workflow.results("experiments", "small", "seed_1", "samples")
    assert len(list((samples / "stack_0_images").glob("*.png"))) == 10
    assert (samples / "stack_0.nii.gz").stat().st_size > 100
    assert "train" not in jobs_of(done.stdout + done.stderr)
