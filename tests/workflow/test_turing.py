"""The readers' page of a small study: what it needs, and that it is made and stays."""

import json

import pytest

from .conftest import Workflow, jobs_of, write_subject
from .test_evidence import EVIDENCE, SUBJECTS

pytestmark = pytest.mark.snakemake

HELD_OUT = {**EVIDENCE, "turing": {"images": 10, "seed": 3}}


@pytest.fixture
def planned(tmp_path):
    for seed, subject in enumerate(SUBJECTS):
        write_subject(tmp_path / "data", subject, seed)
    return Workflow(tmp_path, HELD_OUT)


def test_it_asks_for_what_it_needs_and_no_more(planned):
    done = planned.run("turing", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = jobs_of(done.stdout + done.stderr)
    assert {rule: jobs[rule] for rule in ("turing", "train", "sample", "pack_held_out")} == {
        "turing": 1,
        "train": 1,
        "sample": 2,
        "pack_held_out": 1,
    }
    assert not {"evaluate", "measure", "control", "render"} & set(jobs)
    # And nobody gets it who has not asked.
    done = planned.run("--dry-run")
    assert "turing" not in jobs_of(done.stdout + done.stderr)


MISTAKES = {
    "nobody held out": (
        {"acquire": {**EVIDENCE["acquire"], "held_out": []}, "experiments": {"final": {}}},
        "see acquire.held_out",
    ),
    "too many": ({"turing": {"images": 40}}, "turing.images: 40 may need 24 generated images"),
    "too few": ({"turing": {"images": 5}}, "turing.images: found 5"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_before_any_work(planned, name):
    changes, expected = MISTAKES[name]
    planned.write({**HELD_OUT, **changes})
    done = planned.run("turing")
    assert done.returncode != 0
    assert expected in done.stdout + done.stderr
    assert not planned.results("volumes").exists()


def test_the_page_is_made_of_the_first_training(planned):
    done = planned.run("turing")
    assert done.returncode == 0, done.stdout + done.stderr
    key = json.loads(planned.results("turing", "key.json").read_text())
    assert key["seed"] == 3
    assert len(key["images"]) == 11
    origins = [image["origin"] for image in key["images"]]
    assert {origin.get("subject") for origin in origins} <= {None, *SUBJECTS[2:]}
    assert {origin.get("stack") for origin in origins} <= {
        None,
        *(f"results/experiments/final/seed_1/samples/stack_{number}.tif" for number in (0, 1)),
    }
    assert {"stack" in origin for origin in origins} == {True, False}
    assert key["page"] in planned.results("turing", "page.html").read_text()
    # The key is protected from being written again.
    assert planned.results("turing", "key.json").stat().st_mode & 0o222 == 0
    done = planned.run("turing", "--dry-run")
    assert "turing" not in jobs_of(done.stdout + done.stderr)
