"""Images with their masks through every stage, on a small study."""

import csv
import json
import sqlite3
from contextlib import closing

import nibabel
import numpy as np
import pytest
from PIL import Image

from synaxial.io.stacks import images_of, masks_of, read_stack

from .conftest import Workflow, jobs_of, write_subject
from .test_evidence import EVIDENCE, SUBJECTS

pytestmark = pytest.mark.snakemake

MASKED = {
    **EVIDENCE,
    "experiments": {
        "final": {},
        "pairs": {
            "masks": True,
            "generator": {"channels": [8, 8, 8, 8, 2]},
            "augmentation": {"probability": 0.5},
            "keep": "best",
            "validation_epochs": 1,
        },
    },
    "default_experiments": ["pairs"],
    "base": "pairs",
    "render": {"images": True, "nifti": True},
    "sample": {"stacks": 1, "images": 12},
}


def prepare(folder, study=MASKED):
    for seed, subject in enumerate(SUBJECTS):
        write_subject(folder / "data", subject, seed)
    return Workflow(folder, study)


#: What the tests look at; the whole run's controls would take as long again.
SAMPLES = "results/experiments/pairs/seed_1/samples/stack_0"
TARGETS = [
    *(f"{SAMPLES}{end}" for end in (".png", "_images", ".nii.gz", "_masks.png", "_mask.nii.gz")),
    *(f"results/experiments/pairs/seed_1/{n}" for n in ("evaluation.json", "catalogue.json")),
]


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    """The study, run as far as its evaluation and catalogue."""
    workflow = prepare(tmp_path_factory.mktemp("masked"))
    done = workflow.run(*TARGETS, "--set-resources", "train:tasks=2", "train:cpus_per_task=1")
    assert done.returncode == 0, done.stdout + done.stderr
    workflow.output = done.stdout + done.stderr
    return workflow


def test_no_study_without_masks_makes_any(tmp_path):
    workflow = prepare(tmp_path, {**MASKED, "default_experiments": ["final"], "base": "final"})
    done = workflow.run("--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not {job for job in jobs_of(done.stdout + done.stderr) if "mask" in job}
    # Held-out ones are made for whoever asks for them.
    done = workflow.run("--dry-run", "results/held_out/masks.npy")
    jobs = jobs_of(done.stdout + done.stderr)
    assert (jobs["mask"], jobs["pack_masks_held_out"]) == (4, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_without_a_channel_for_it_are_refused(tmp_path, channels):
    study = {**MASKED, "experiments": {"pairs": {"masks": True}}}
    study["training"] = {
        **EVIDENCE["training"],
        "generator": {"channels": [8, 8, 8, 8, channels]},
    }
    done = prepare(tmp_path, study).run("--dry-run")
    assert done.returncode != 0
    expected = f"the last number of generator.channels is {channels}; expected 2 with masks: true"
    assert expected in done.stdout + done.stderr


def test_a_run_makes_masks_where_they_are_wanted(tmp_path):
    done = prepare(tmp_path).run("--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    expected = {"mask": 2, "pack_masks": 1, "train": 1, "sample": 1, "measure": 1}
    expected |= {"render": 1, "render_images": 1, "render_nifti": 1}
    expected |= {"render_masks": 1, "render_nifti_masks": 1, "catalogue_load": 1}
    assert {rule: jobs.get(rule) for rule in expected} == expected
    assert "pack_masks_held_out" not in jobs


def test_what_is_made_is_not_made_again(masked):
    assert jobs_of(masked.output)["mask"] == 2
    done = masked.run(*TARGETS, "--dry-run")
    assert jobs_of(done.stdout + done.stderr) == {}


def test_packed_masks_are_the_tumours_of_the_images(masked):
    images, masks = (np.load(masked.results("dataset", f"{n}.npy")) for n in ("images", "masks"))
    assert masks.shape == images.shape == (16, 64, 64)
    assert set(np.unique(masks)) == {0, 255}
    with masked.results("dataset", "index.csv").open(newline="") as file:
        voxels = [int(row["tumour_voxels"]) for row in csv.DictReader(file)]
    # 24 voxels of 1 mm are 64 pixels.
    pixels = (masks == 255).sum(axis=(1, 2))
    np.testing.assert_allclose(pixels, np.array(voxels) * (64 / 24) ** 2, rtol=0.1, atol=8)
    # The tumour is brighter by two thirds than the rest.
    inside, brain = masks == 255, images > 0
    assert images[inside].mean() > images[brain & ~inside].mean() + 60
    record = json.loads(masked.results("experiments", "pairs", "seed_1", "run.json").read_text())
    description = json.loads(masked.results("dataset", "masks.json").read_text())
    assert record["dataset"]["masks_sha256"] == description["sha256"]
    assert record["dataset"]["sha256"] == description["images_sha256"]
    assert len(record["ranks"]) == 2


def test_stacks_and_pictures_have_both(masked):
    samples = masked.results("experiments", "pairs", "seed_1", "samples")
    stack = read_stack(samples / "stack_0.tif")
    images, masks = images_of(stack), masks_of(stack)
    assert images.pages.shape == masks.pages.shape == (12, 64, 64, 3)
    names = {path.name for path in (samples / "stack_0_images").glob("*.png")}
    assert len(names) == 24
    assert {"stack_0_011.png", "stack_0_011_mask.png"} <= names
    with (
        Image.open(samples / "stack_0.png") as plain,
        Image.open(samples / "stack_0_masks.png") as outlined,
    ):
        assert plain.size == outlined.size == (10 * 66 - 2, 2 * 66 - 2)
        assert outlined.mode == "RGB"
    volume, inside = (
        nibabel.load(samples / name) for name in ("stack_0.nii.gz", "stack_0_mask.nii.gz")
    )
    np.testing.assert_array_equal(volume.affine, inside.affine)
    found = np.asarray(inside.dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(found * 255, masks.pages[..., 0])


def test_numbers_and_catalogue_are_of_the_images(masked):
    folder = masked.results("experiments", "pairs", "seed_1")
    assert json.loads((folder / "evaluation.json").read_text())["images"] == 12
    with closing(sqlite3.connect(masked.results("catalogue.sqlite"))) as catalogue:
        counts = [
            catalogue.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("images", "masks", "numbers")
        ]
    assert counts == [12, 12, 12]


def test_a_subject_without_a_segmentation_is_named(tmp_path):
    workflow = prepare(tmp_path)
    (workflow.folder / "data" / SUBJECTS[1] / f"{SUBJECTS[1]}_seg.nii.gz").unlink()
    done = workflow.run("results/dataset/masks.npy")
    assert done.returncode != 0
    errors = [line for line in (done.stdout + done.stderr).splitlines() if "error:" in line]
    told = [line for line in errors if line.startswith("synaxial data mask: error:")]
    assert told, done.stdout + done.stderr
    assert f"{SUBJECTS[1]}: has no segmentation; expected one of every subject" in told[0]
    assert not workflow.results("dataset", "masks.npy").exists()
