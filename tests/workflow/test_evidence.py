"""Evidence: held-out subjects, controls, the comparison and the figures, on a small study."""

import copy
import csv
import json
import sqlite3
from contextlib import closing

import pytest
from PIL import Image

from .conftest import STUDY, Workflow, jobs_of, write_subject

pytestmark = pytest.mark.snakemake

SUBJECTS = [f"BraTS20_Training_{number:03d}" for number in range(1, 7)]

#: Two subjects to train with, four held out; images of 64 x 64, as the metrics want.
EVIDENCE = {
    **STUDY,
    "acquire": {**STUDY["acquire"], "subjects": "001-002", "held_out": "003-006"},
    "resize": {"size": 64},
    "training": {
        "epochs": 1,
        "batch_size": 4,
        "latent": {"size": 6},
        "generator": {"channels": [8, 8, 8, 8, 3]},
        "discriminator": {"channels": [4, 8, 8, 8], "kernels": [4, 4, 4, 4]},
    },
    "experiments": {
        "final": {},
        "relu": {"generator": {"activation": "relu"}, "keep": "best", "validation_epochs": 1},
    },
    "default_experiments": ["final"],
    "sample": {"stacks": 2, "images": 10},
    "evaluate": {"images": 12, "repeats": 10},
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The study, run without a target."""
    workflow = Workflow(tmp_path_factory.mktemp("evidence"), EVIDENCE)
    for seed, subject in enumerate(SUBJECTS):
        write_subject(workflow.folder / "data", subject, seed)
    done = workflow.run()
    assert done.returncode == 0, done.stdout + done.stderr
    workflow.output = done.stdout + done.stderr
    return workflow


def table_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_evaluates_the_default_experiments(evaluated):
    jobs = jobs_of(evaluated.output)
    expected = {"train": 1, "sample": 2, "control": 6, "measure": 1, "measure_control": 6}
    expected |= {
        "evaluate": 1,
        "evaluate_control": 5,
        "compare": 1,
        "cases": 1,
        "catalogue_load": 1,
    }
    assert {rule: jobs.get(rule) for rule in expected} == expected
    rows = table_of(evaluated.results("comparison.csv"))
    assert {row["set"] for row in rows} == {
        *("real", "copies", "blurred", "grid", "noise"),
        "final",
    }
    assert {row["images"] for row in rows} == {"12"}
    folder = evaluated.results("experiments", "final", "seed_1")
    for name in ("nearest.png", "cases.png"):
        with Image.open(folder / name) as picture:
            assert picture.height > 2 * 64
    assert "comparison.html" in evaluated.output[evaluated.output.index("Finished. What") :]


def test_every_image_of_a_run_is_in_the_catalogue(evaluated):
    path = evaluated.results("catalogue.sqlite")
    with closing(sqlite3.connect(path)) as catalogue:
        images, measured = catalogue.execute(
            "SELECT count(*), count(image_id) FROM images LEFT JOIN numbers ON image_id = images.id"
        ).fetchone()
        areas = catalogue.execute(
            "SELECT tumour_area_pixels, tumour_area_mm2 FROM numbers"
        ).fetchall()
        digest = catalogue.execute("SELECT sha256 FROM generators").fetchone()[0]
    assert (images, measured) == (20, 12)
    # 24 voxels of 1 mm are 64 pixels.
    assert all(area == pytest.approx(pixels * (24 / 64) ** 2) for pixels, area in areas)
    run = json.loads(evaluated.results("experiments", "final", "seed_1", "run.json").read_text())
    assert digest == run["digests"]["generator"]


def test_a_catalogue_that_was_deleted_is_loaded_again(evaluated):
    done = evaluated.run("catalogue", "--dry-run")
    assert jobs_of(done.stdout + done.stderr) == {}
    path = evaluated.results("catalogue.sqlite")
    before = path.read_bytes()
    path.unlink()
    done = evaluated.run("catalogue")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(jobs_of(done.stdout + done.stderr)) == {"catalogue_load", "catalogue"}
    assert len(path.read_bytes()) == len(before)


def test_held_out_subjects_are_not_trained_with(evaluated):
    seen, unseen = (
        {row["subject"] for row in table_of(evaluated.results(name, "index.csv"))}
        for name in ("dataset", "held_out")
    )
    assert (seen, unseen) == (set(SUBJECTS[:2]), set(SUBJECTS[2:]))
    record = json.loads(evaluated.results("experiments", "final", "seed_1", "run.json").read_text())
    assert record["dataset"]["subjects"] == SUBJECTS[:2]


def test_figures_train_what_is_missing_and_nothing_else(evaluated):
    done = evaluated.run("figures", "--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    assert {rule: jobs.get(rule) for rule in ("train", "sample", "measure", "pair")} == {
        "train": 1,
        "sample": 2,
        "measure": 1,
        "pair": 1,
    }
    assert "control" not in jobs
    done = evaluated.run("figures")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = table_of(evaluated.results("figures", "comparison.csv"))
    assert {row["set"] for row in rows if row["kind"] == "experiment"} == {"final", "relu"}
    assert evaluated.results("figures", "relu_seed_1.png").exists()
    record = json.loads(evaluated.results("experiments", "relu", "seed_1", "run.json").read_text())
    assert record["nearest_to_held_out"]["epoch"] == 1
    # Another experiment adds itself alone.
    more = copy.deepcopy(EVIDENCE)
    more["experiments"]["mine"] = {"seeds": [1, 2]}
    evaluated.write(more)
    done = evaluated.run("figures", "--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    assert (jobs["train"], jobs["evaluate"], jobs["pair"]) == (2, 2, 1)
    assert not {"acquire", "pack", "control", "evaluate_control"} & set(jobs)
