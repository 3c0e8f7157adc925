"""The readers' page of a small study: what it needs, and that it is made and stays."""

import json

import pytest

from .conftest import EVIDENCE, SIX_SUBJECTS, copy_of, jobs_of, new_study

pytestmark = pytest.mark.snakemake

HELD_OUT = {**EVIDENCE, "turing": {"images": 10, "seed": 3}}


def test_it_asks_for_what_it_needs_and_no_more(tmp_path):
    planned = new_study(tmp_path, HELD_OUT, SIX_SUBJECTS)
    done = planned.run("turing", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = jobs_of(done.stdout + done.stderr)
    assert {rule: jobs[rule] for rule in ("turing", "train", "sample", "pack_held_out")} == {
        "turing": 1,
        "train": 1,
        "sample": 1,
        "pack_held_out": 1,
    }
    assert not {"evaluate", "reference", "controls", "render"} & set(jobs)


def test_a_mistake_is_told_before_any_work(tmp_path):
    """Of the mistakes of a further study, which tests/unit/test_plan.py has all."""
    study = {**HELD_OUT, "acquire": {**EVIDENCE["acquire"], "held_out": []}}
    planned = new_study(tmp_path, {**study, "experiments": {"final": {}}}, SIX_SUBJECTS)
    done = planned.run("turing")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    expected = "turing: needs subjects that no network sees; see acquire.held_out"
    assert sum(expected in line for line in output.splitlines()) == 1, output
    assert not planned.results("volumes").exists()


def test_the_page_is_made_of_the_first_training(evaluated, tmp_path):
    planned = copy_of(evaluated, tmp_path / "study")
    planned.write(HELD_OUT)
    done = planned.run("turing")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train" not in jobs_of(done.stdout + done.stderr)
    key = json.loads(planned.results("turing", "key.json").read_text())
    assert key["seed"] == 3
    assert len(key["images"]) == 11
    origins = [image["origin"] for image in key["images"]]
    assert {origin.get("subject") for origin in origins} <= {None, *SIX_SUBJECTS[2:]}
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
