"""A coarse generator and its up-sampler through every stage, on a small study."""

import csv
import json

import numpy as np
import pytest

from synaxial.gan.networks.saving import digest_of, load_generator, load_upsampler
from synaxial.io.stacks import read_stack

from .conftest import COARSE_TO_FINE, EVIDENCE, copy_of, jobs_of, run_once

pytestmark = pytest.mark.snakemake

STUDY = {
    **EVIDENCE,
    "experiments": {
        "final": {},
        "coarse": {
            **COARSE_TO_FINE,
            "epochs": 4,
            "batch_size": 4,
            "keep": "best",
            "validation_epochs": 1,
            "conditions": ["level", "tumour"],
        },
    },
    "default_experiments": ["coarse"],
    "sample": {
        "stacks": 2,
        "requests": [
            {"images": 4, "tumour": "none"},
            {"images": 6, "level": 8, "tumour": "left"},
        ],
    },
}


@pytest.fixture(scope="module")
def enlarged(evaluated, tmp_path_factory):
    """The study, from the evaluated one, on the ranks that profiles/local has for it."""

    def prepare(folder):
        workflow = copy_of(evaluated, folder)
        workflow.write(STUDY)
        return workflow

    return run_once(tmp_path_factory, "enlarged", prepare)


def test_the_up_sampler_is_trained_before_the_generator(enlarged):
    jobs = jobs_of(enlarged.output)
    expected = {"train_upsampler": 1, "train": 1, "sample": 1}
    expected |= {"evaluate": 1, "evaluate_upsampler": 1}
    assert {rule: jobs.get(rule) for rule in expected} == expected
    done = enlarged.run("--dry-run")
    assert jobs_of(done.stdout + done.stderr) == {}
    # The paper's experiments have no up-sampler.
    done = enlarged.run("--dry-run", "--forceall", "results/experiments/final/seed_1/generator.npz")
    jobs = jobs_of(done.stdout + done.stderr)
    assert jobs["train"] == 1
    assert "train_upsampler" not in jobs


def test_the_up_sampler_of_an_experiment_with_masks_sees_images_alone(enlarged):
    masked = {**STUDY, "experiments": {"coarse": {**STUDY["experiments"]["coarse"], "masks": True}}}
    enlarged.write(masked)
    try:
        folder = "results/experiments/coarse/seed_1"
        done = enlarged.run("--dry-run", "--forceall", f"{folder}/upsampler/upsampler.npz")
        jobs = jobs_of(done.stdout + done.stderr)
        assert jobs["train_upsampler"] == 1
        assert "pack_masks" not in jobs
        done = enlarged.run("--dry-run", "--forceall", "results/comparison.csv")
        jobs = jobs_of(done.stdout + done.stderr)
        assert (jobs["pack_masks"], jobs["evaluate_upsampler"]) == (1, 1)
    finally:
        enlarged.write(STUDY)


def test_the_generator_is_one_file_with_both(enlarged):
    folder = enlarged.results("experiments", "coarse", "seed_1")
    trained = load_generator(folder / "generator.npz")
    upsampler = load_upsampler(folder / "upsampler" / "upsampler.npz")
    assert digest_of(trained.network.upsampler) == digest_of(upsampler)
    stack = read_stack(folder / "samples" / "stack_0.tif")
    assert stack.pages.shape == (10, 64, 64, 3)
    assert stack.descriptions[0]["generator"] == digest_of(trained.network)
    for part, ranks in (("run.json", 2), ("upsampler/run.json", 2)):
        assert len(json.loads((folder / part).read_text())["ranks"]) == ranks
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Only a generator that has all its stages is compared with held-out subjects.
    assert [row["distance_held_out"] != "" for row in rows] == [False, False, True, True]


def test_real_images_made_small_and_enlarged_stand_in_the_comparison(enlarged):
    with enlarged.results("comparison.csv").open(newline="") as file:
        names = {row["set"] for row in csv.DictReader(file)}
    assert {"coarse", "coarse.enlarged", "real", "warped"} <= names
    real = read_stack(enlarged.results("controls", "real", "images.tif"))
    folder = enlarged.results("experiments", "coarse", "seed_1", "upsampler")
    enlarged_images = read_stack(folder / "real.tif")
    assert enlarged_images.pages.shape[:3] == real.pages.shape[:3]
    assert enlarged_images.descriptions[0]["subject"] == real.descriptions[0]["subject"]
    assert not np.array_equal(enlarged_images.pages[..., 0], real.pages[..., 0])


def test_images_show_what_was_asked_for(enlarged):
    """The made subjects have their tumour on the left, at the levels 6 to 10."""
    folder = enlarged.results("experiments", "coarse", "seed_1")
    stack = read_stack(folder / "samples" / "stack_1.tif")
    asked = [description["asked"] for description in stack.descriptions]
    with_tumour = [label for label in asked if label["tumour"]]
    assert len(with_tumour) == 6
    assert {(label["level"], label["side"]) for label in with_tumour} == {(8.0, "left")}
    numbers = json.loads((folder / "conditions.json").read_text())
    assert numbers["generated"]["images"] == 20
    # With four held-out people there is no judge.
    assert numbers["real"]["level_error"] is None
    assert numbers["real"]["with_tumour"] == 1
    assert numbers["real"]["without_tumour"] < 1
    assert numbers["real"]["side"] == 1
