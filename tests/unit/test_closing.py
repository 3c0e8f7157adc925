"""What a run says at its end."""

import re
import time
from pathlib import Path

import pytest

from synaxial.closing import advice, summary
from synaxial.config import make_study

STUDY = make_study({"experiments": {"final": {"seeds": [1, 2]}}})
RESULTS = Path("results")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_summary_names_what_there_is():
    assert summary(STUDY, RESULTS) == ""
    for name in ("comparison.html", "experiments/final/seed_1/curves.png"):
        path = Path("results", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert re.findall(r"\S+$", summary(STUDY, RESULTS), re.MULTILINE) == [
        "at:",
        "results/experiments/final/seed_1/curves.png",
        "results/comparison.html",
    ]
    Path("results/dataset").mkdir()
    Path("results/dataset/dataset.json").write_text('{"skipped": ["A"]}')
    assert summary(STUDY, RESULTS).endswith(
        "1 subjects were left out; results/manifest.csv says why."
    )
    Path("results/manifest.csv").write_text("subject,warnings\nA,bad side | big\nB,bad side\nC,\n")
    assert summary(STUDY, RESULTS).splitlines()[-3:] == [
        "Check these subjects (warnings of results/manifest.csv):",
        "  A, B: bad side",
        "  A: big",
    ]


def test_advice_repeats_this_runs_errors_and_ends_of_trainings():
    lines = {
        "slice/A.log": ["12:00:00 INFO A", "synaxial data slice: error: A: hold no brain"],
        "slice/B.log": ["synaxial data slice: error: A: hold no brain"],
        "train/final/seed_1.log": ["training [####]", "loss is nan"],
        "train/final/seed_2.log": ["it is done"],
        "train_upsampler/modern/seed_1.log": ["no space left"],
        "train_upsampler/modern/seed_2.log": ["it is done"],
    }
    for name, text in lines.items():
        path = Path("results/logs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(text))
    for folder in ("final/seed_2", "modern/seed_2/upsampler"):
        record = Path("results/experiments", folder, "run.json")
        record.parent.mkdir(parents=True)
        record.touch()
    lines = advice(RESULTS, 0).splitlines()
    assert lines.count("synaxial data slice: error: A: hold no brain") == 1
    assert "The end of results/logs/train/final/seed_1.log:" in lines
    assert "  loss is nan" in lines
    assert "The end of results/logs/train_upsampler/modern/seed_1.log:" in lines
    assert not any("####" in line or "it is done" in line or "12:00" in line for line in lines)
    assert "Not finished. Each job has its own log in results/logs. What is finished is kept." in (
        lines
    )
    assert "loss is nan" not in advice(RESULTS, time.time() + 60)
