"""Evidence: held-out subjects, controls, the comparison and the figures, on a small study."""

import copy
import csv
import json
import re
import sqlite3
from contextlib import closing

import pytest
from PIL import Image

from .conftest import EVIDENCE, SIX_SUBJECTS, copy_of, jobs_of

pytestmark = pytest.mark.snakemake


@pytest.fixture(scope="module")
def changed(evaluated, tmp_path_factory):
    """A copy of the study, which the tests go on with."""
    return copy_of(evaluated, tmp_path_factory.mktemp("changed") / "study")


def table_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_evaluates_the_default_experiments(evaluated):
    jobs = jobs_of(evaluated.output)
    expected = {"train": 1, "sample": 1, "judge": 1, "reference": 1, "controls": 1}
    expected |= {"evaluate": 1, "compare": 1, "catalogue_load": 1}
    assert {rule: jobs.get(rule) for rule in expected} == expected
    # Nobody gets a further study or masks without asking for them.
    assert not [rule for rule in jobs if re.search("mask|segment|turing|scaling", rule)]
    rows = table_of(evaluated.results("comparison.csv"))
    assert {row["set"] for row in rows} == {
        *("real", "copies", "warped", "blurred", "grid", "noise"),
        "final",
    }
    assert {row["images"] for row in rows} == {"12"}
    folder = evaluated.results("experiments", "final", "seed_1")
    for name in ("nearest.png", "cases.png"):
        with Image.open(folder / name) as picture:
            assert picture.height > 2 * 64
    assert "comparison.html" in evaluated.output[evaluated.output.index("Finished. Results") :]
    # A number may fail to detect a control: the report and the comparison must say so alike.
    verdicts = [
        re.search("<table class='verdict'>.*?</table>", page.read_text(), re.DOTALL)[0]
        for page in (evaluated.results("comparison.html"), evaluated.results("report/summary.html"))
    ]
    assert verdicts[0] == verdicts[1]


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


def test_a_catalogue_that_was_deleted_is_loaded_again(changed):
    done = changed.run("catalogue", "--dry-run")
    assert jobs_of(done.stdout + done.stderr) == {}
    path = changed.results("catalogue.sqlite")
    before = path.read_bytes()
    path.unlink()
    done = changed.run("catalogue")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(jobs_of(done.stdout + done.stderr)) == {"catalogue_load", "catalogue"}
    assert len(path.read_bytes()) == len(before)


def test_held_out_subjects_are_not_trained_with(evaluated):
    seen, unseen = (
        {row["subject"] for row in table_of(evaluated.results(name, "index.csv"))}
        for name in ("dataset", "held_out")
    )
    assert (seen, unseen) == (set(SIX_SUBJECTS[:2]), set(SIX_SUBJECTS[2:]))
    record = json.loads(evaluated.results("experiments", "final", "seed_1", "run.json").read_text())
    assert record["dataset"]["subjects"] == SIX_SUBJECTS[:2]


def test_figures_train_what_is_missing_and_nothing_else(changed):
    done = changed.run("figures", "--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    assert {rule: jobs.get(rule) for rule in ("train", "sample", "evaluate", "pair")} == {
        "train": 1,
        "sample": 1,
        "evaluate": 1,
        "pair": 1,
    }
    assert not {"reference", "controls"} & set(jobs)
    done = changed.run("figures")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = table_of(changed.results("figures", "comparison.csv"))
    assert {row["set"] for row in rows if row["kind"] == "experiment"} == {"final", "relu"}
    assert changed.results("figures", "relu_seed_1.png").exists()
    record = json.loads(changed.results("experiments", "relu", "seed_1", "run.json").read_text())
    assert record["nearest_to_held_out"]["epoch"] == 1
    # Another experiment adds itself alone.
    more = copy.deepcopy(EVIDENCE)
    more["experiments"]["mine"] = {"seeds": [1, 2]}
    changed.write(more)
    done = changed.run("figures", "--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    assert (jobs["train"], jobs["evaluate"], jobs["pair"]) == (2, 2, 1)
    assert not {"prepare", "pack", "reference", "controls"} & set(jobs)
