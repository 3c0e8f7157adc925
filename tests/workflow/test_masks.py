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

from .conftest import MASKED, MASKED_TARGETS, SIX_SUBJECTS, jobs_of, new_study

pytestmark = pytest.mark.snakemake


def test_masks_of_held_out_subjects_are_made_for_whoever_asks(tmp_path):
    study = {**MASKED, "default_experiments": ["final"], "base": "final"}
    done = new_study(tmp_path, study, SIX_SUBJECTS).run("--dry-run", "results/held_out/masks.npy")
    jobs = jobs_of(done.stdout + done.stderr)
    # The manifest, which comes first, is of the training subjects too.
    assert (jobs["prepare"], jobs["pack_masks_held_out"]) == (2, 1)


def test_a_run_makes_masks_where_they_are_wanted(tmp_path):
    done = new_study(tmp_path, MASKED, SIX_SUBJECTS).run("--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    expected = {"prepare": 2, "pack_masks": 1, "train": 1, "sample": 1, "evaluate": 1}
    expected |= {"render": 1, "render_masks": 1, "catalogue_load": 1}
    assert {rule: jobs.get(rule) for rule in expected} == expected
    assert "pack_masks_held_out" not in jobs


def test_what_is_made_is_not_made_again(masked):
    # Masks were made when the subjects were prepared, for a study without an experiment with them.
    jobs = jobs_of(masked.output)
    assert "prepare" not in jobs
    assert "pack" not in jobs
    assert jobs["pack_masks"] == 1
    done = masked.run(*MASKED_TARGETS, "--dry-run")
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
    assert images.pages.shape == masks.pages.shape == (10, 64, 64, 3)
    names = {path.name for path in (samples / "stack_0_images").glob("*.png")}
    assert len(names) == 20
    assert {"stack_0_009.png", "stack_0_009_mask.png"} <= names
    with (
        Image.open(samples / "stack_0.png") as plain,
        Image.open(samples / "stack_0_masks.png") as outlined,
    ):
        assert plain.size == outlined.size == (10 * 66 - 2, 66 - 2)
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
    assert counts == [40, 20, 24]


def test_a_subject_without_a_segmentation_is_named(tmp_path):
    workflow = new_study(tmp_path, MASKED, SIX_SUBJECTS)
    (workflow.folder / "data" / SIX_SUBJECTS[1] / f"{SIX_SUBJECTS[1]}_seg.nii.gz").unlink()
    done = workflow.run("results/dataset/masks.npy")
    assert done.returncode != 0
    errors = [line for line in (done.stdout + done.stderr).splitlines() if "error:" in line]
    told = [line for line in errors if line.startswith("synaxial data pack-masks: error:")]
    assert told, done.stdout + done.stderr
    assert f"{SIX_SUBJECTS[1]}: no masks (no segmentation); expected a segmentation" in told[0]
    assert not workflow.results("dataset", "masks.npy").exists()
