"""Segmentation with generated images: what is asked for and refused, and one that really runs."""

import json
import re

import pandas as pd
import pytest
from PIL import Image

from .conftest import EVIDENCE, MASKED, SIX_SUBJECTS, copy_of, jobs_of, new_study

pytestmark = pytest.mark.snakemake

PAIRS = {**MASKED["experiments"]["pairs"], "seeds": [1, 2]}
STUDY = {
    **EVIDENCE,
    "experiments": {"final": {}, "pairs": PAIRS},
    "segment": {"seeds": [5, 6], "updates": 4, "batch_size": 4, "channels": [4, 8]},
}


def inputs_of(output):
    """The generated stacks that each U-Net is trained with, by its kind and seed."""
    found = {}
    for job in re.findall(r"^rule segment_training:\n.*?^Shell command: .*?$", output, re.S | re.M):
        name = re.search(r"output: results/segment/(\w+)/seed_(\d)\.json", job)
        found[name[1], name[2]] = re.findall(r"experiments/(\w+/seed_\d)/samples", job)
    return found


def test_it_trains_each_kind_at_each_size(tmp_path):
    planned = new_study(tmp_path, STUDY, SIX_SUBJECTS)
    done = planned.run("segment", "--dry-run")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    jobs = jobs_of(output)
    expected = {"segment_training": 10, "segment_check": 1, "segment": 1}
    # Not of the experiment without masks.
    expected |= {"train": 2, "sample": 2, "pack_masks": 1, "pack_masks_held_out": 1}
    assert {rule: jobs.get(rule) for rule in expected} == expected
    stacks = inputs_of(output)
    for people in ("all", "quarter"):
        assert stacks[f"real_{people}", "5"] == []
        # Another seed takes the images of another generator.
        assert set(stacks[f"both_{people}", "5"]) == {"pairs/seed_1"}
        assert set(stacks[f"both_{people}", "6"]) == {"pairs/seed_2"}
    assert set(stacks["synthetic_none", "6"]) == {"pairs/seed_2"}


def test_real_slices_alone_need_no_generator(tmp_path):
    planned = new_study(tmp_path, STUDY, SIX_SUBJECTS)
    done = planned.run("results/segment/real_all/seed_5.json", "--dry-run")
    assert not {"train", "sample"} & set(jobs_of(done.stdout + done.stderr))


def test_a_comparison_to_the_report(masked, tmp_path):
    planned = copy_of(masked, tmp_path / "study")
    all_alone = {**STUDY, "segment": {**STUDY["segment"], "subjects": ["all"]}}
    planned.write(all_alone)
    done = planned.run("segment")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = planned.results("segment")
    table = pd.read_csv(folder / "segmentation.csv", keep_default_na=False)
    assert table[["subjects", "people", "number"]].to_numpy().tolist() == [
        ["none", 0, "threshold"],
        ["none", 0, "empty"],
        ["all", 2, "real"],
        ["all", 2, "both"],
        ["none", 0, "synthetic"],
        ["all", 2, "both - real"],
        ["all", 2, "both - real, smaller tumours"],
        ["all", 2, "synthetic - real"],
        ["all", 2, "synthetic - real, smaller tumours"],
    ]
    assert table["held_out"].tolist() == [4, 4, 4, 4, 4, 4, 2, 4, 2]
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()

    values = json.loads((folder / "segmentation.json").read_text())
    assert values["budget"]["images_seen"] == 16
    assert values["check"]["images"] == {"generated": 40, "real": 32}
    # Six volumes of an ellipsoid with a bright ball: the threshold finds it.
    assert values["check"]["masks"]["real"]["contrast"]["value"] > 0.9
    trainings = {(t["kind"], t["subjects"], t["seed"]): t for t in values["trainings"]}
    assert len(trainings) == 6
    assert trainings["real", "all", 5]["real_images"] == 16
    assert trainings["both", "all", 6]["synthetic_images"] == 20
    people = {tuple(sorted(t["dice"])) for t in values["trainings"]}
    assert people == {tuple(SIX_SUBJECTS[2:])}
    with Image.open(folder / "both_all" / "seed_5.png") as picture:
        assert picture.width > 4 * 192

    report = planned.run("segment", "--report", "results/report.html")
    assert report.returncode == 0, report.stderr
    text = planned.results("report.html").read_text()
    for name in ("segmentation.html", "segmentation.png", "masks.png", "seed_5.png"):
        assert name in text

    # A quarter of the people trains its own U-Nets alone; another length trains all.
    planned.write(STUDY)
    jobs = jobs_of(planned.run("segment", "--dry-run").stdout)
    assert jobs["segment_training"] == 4
    assert not {"segment_check", "train", "sample"} & set(jobs)
    planned.write({**STUDY, "segment": {**STUDY["segment"], "updates": 5}})
    assert jobs_of(planned.run("segment", "--dry-run").stdout)["segment_training"] == 10
