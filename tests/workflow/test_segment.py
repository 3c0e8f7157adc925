"""Segmentation with generated images: what is asked for and refused, and one that really runs."""

import json
import re

import pandas as pd
import pytest
from PIL import Image

from .conftest import Workflow, jobs_of, write_subject
from .test_evidence import EVIDENCE, SUBJECTS

pytestmark = pytest.mark.snakemake

MASKS = {"masks": True, "generator": {"channels": [8, 8, 8, 8, 2]}, "seeds": [1, 2]}
STUDY = {
    **EVIDENCE,
    "experiments": {"final": {}, "pairs": MASKS},
    "sample": {"stacks": 1, "images": 10},
    "segment": {"seeds": [5, 6], "updates": 4, "batch_size": 4, "channels": [4, 8]},
}


@pytest.fixture
def planned(tmp_path):
    for seed, subject in enumerate(SUBJECTS):
        write_subject(tmp_path / "data", subject, seed)
    return Workflow(tmp_path, STUDY)


def inputs_of(output):
    """The generated stacks that each U-Net is trained with, by its kind and seed."""
    found = {}
    for job in re.findall(r"^rule segment_training:\n.*?^Shell command: .*?$", output, re.S | re.M):
        name = re.search(r"output: results/segment/(\w+)/seed_(\d)\.json", job)
        found[name[1], name[2]] = re.findall(r"experiments/(\w+/seed_\d)/samples", job)
    return found


def test_it_trains_each_kind_at_each_size_and_nobody_gets_it_unasked(planned):
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

    done = planned.run("--dry-run")
    assert not {"segment", "segment_training"} & set(jobs_of(done.stdout + done.stderr))


def test_real_slices_alone_need_no_generator(planned):
    done = planned.run("results/segment/real_all/seed_5.json", "--dry-run")
    assert not {"train", "sample"} & set(jobs_of(done.stdout + done.stderr))


MISTAKES = {
    "no masks": ({"experiments": {"final": {}}}, "segment: no experiment has masks: true"),
    "without masks": (
        {"segment": {"experiment": "final"}},
        "segment.experiment: 'final' does not have masks: true",
    ),
    "nobody held out": (
        {"acquire": {**EVIDENCE["acquire"], "held_out": []}},
        "see acquire.held_out",
    ),
    "no such experiment": ({"segment": {"experiment": "x"}}, "segment.experiment: 'x' is not"),
    "odd": ({"segment": {"batch_size": 3}}, "segment.batch_size: found 3"),
    "twice": ({"segment": {"seeds": [1, 1]}}, "segment.seeds: [1, 1] names one twice"),
    "too many": (
        {"segment": {**STUDY["segment"], "subjects": ["all", 999]}},
        "segment.subjects: asks for 999 people; expected at most the 2 trained with",
    ),
    "too deep": (
        {"segment": {**STUDY["segment"], "channels": [4] * 8}},
        "segment.channels: 8 levels halve the width 7 times, which 64 pixels do not allow",
    ),
    "nobody": ({"segment": {"subjects": ["half"]}}, "segment.subjects"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_before_any_work(planned, name):
    changes, expected = MISTAKES[name]
    planned.write({**STUDY, **changes})
    done = planned.run("segment")
    assert done.returncode != 0
    assert expected in done.stdout + done.stderr
    assert not planned.results("volumes").exists()


def test_a_study_without_masks_is_not_held_against_what_segment_needs(planned):
    settings = {"subjects": [999], "channels": [4] * 8}
    planned.write({**STUDY, "experiments": {"final": {}}, "segment": settings})
    done = planned.run("--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_comparison_from_volumes_to_the_report(planned):
    done = planned.run("segment")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = planned.results("segment")
    table = pd.read_csv(folder / "segmentation.csv", keep_default_na=False)
    assert table[["subjects", "people", "number"]].to_numpy().tolist() == [
        ["none", 0, "threshold"],
        ["none", 0, "empty"],
        ["all", 2, "real"],
        ["all", 2, "both"],
        ["quarter", 1, "real"],
        ["quarter", 1, "both"],
        ["none", 0, "synthetic"],
        *(
            [subjects, people, number]
            for subjects, people in (("all", 2), ("quarter", 1))
            for number in ("both - real", "synthetic - real")
        ),
    ]
    assert set(table["held_out"]) == {4}
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()

    values = json.loads((folder / "segmentation.json").read_text())
    assert values["budget"]["images_seen"] == 16
    assert values["check"]["images"] == {"generated": 20, "real": 32}
    # Six volumes of an ellipsoid with a bright ball: the threshold finds it.
    assert values["check"]["masks"]["real"]["contrast"]["value"] > 0.9
    trainings = {(t["kind"], t["subjects"], t["seed"]): t for t in values["trainings"]}
    assert len(trainings) == 10
    assert trainings["real", "quarter", 5]["real_images"] == 8
    assert trainings["both", "all", 6]["synthetic_images"] == 10
    people = {tuple(sorted(t["dice"])) for t in values["trainings"]}
    assert people == {tuple(SUBJECTS[2:])}
    with Image.open(folder / "both_all" / "seed_5.png") as picture:
        assert picture.width > 4 * 192

    report = planned.run("segment", "--report", "results/report.html")
    assert report.returncode == 0, report.stderr
    text = planned.results("report.html").read_text()
    for name in ("segmentation.html", "segmentation.png", "masks.png", "seed_5.png"):
        assert name in text

    # One more seed trains its own U-Nets alone; another length trains all.
    planned.write({**STUDY, "segment": {**STUDY["segment"], "seeds": [5, 6, 7]}})
    jobs = jobs_of(planned.run("segment", "--dry-run").stdout)
    assert jobs["segment_training"] == 5
    assert not {"segment_check", "train", "sample"} & set(jobs)
    planned.write({**STUDY, "segment": {**STUDY["segment"], "updates": 5}})
    assert jobs_of(planned.run("segment", "--dry-run").stdout)["segment_training"] == 10
