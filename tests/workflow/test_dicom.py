"""A DICOM export through Snakemake to the report, and what of it runs again."""

import base64
import csv
import re

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from ..unit.data.exports import HANS, LATER, SECRETS, VERA, make_scan, save, write_series
from .conftest import EVIDENCE, Workflow, jobs_of

pytestmark = pytest.mark.snakemake

PATIENTS = (HANS, VERA, *(("MUELLER^HANS", f"ACC55310{n}", "19540617") for n in range(4)))
TARGETS = [f"results/{name}/images.npy" for name in ("dataset", "held_out")]
#: A word in any case, without letters around it.
WORD = rb"(?i)(?<![a-z])%s(?![a-z])"

SHEET = "results/experiments/final/seed_1/samples/stack_0.png"

STUDY = {
    **EVIDENCE,
    "acquire": {
        "source": "dicom",
        "subjects": "001-002",
        "held_out": "003-006",
        "dicom": {"path": "export"},
        "volume": {"shape": [24, 24, 30]},
        "conform": {"resample": "linear", "skull": False},
    },
    # The highest slice with brain has a level of about 13.
    "slice": {"first": 4, "last": 11},
}


def make_head(seed):
    scan = make_scan((18, 20, 14))
    noise = np.random.default_rng(seed).integers(-150, 150, scan.shape)
    return np.where(scan > 0, scan + noise, 0)


def test_an_export_becomes_images_without_names(tmp_path):
    for seed, patient in enumerate(PATIENTS):
        write_series(tmp_path / "export" / str(patient), make_head(seed), patient=patient)
    # The first patient comes again.
    again = tmp_path / "export" / "again"
    write_series(again, make_head(9), patient=HANS, study="second", when=LATER)
    workflow = Workflow(tmp_path, STUDY)
    done = workflow.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs_of(done.stdout + done.stderr)["fetch"] == 1
    with Image.open(workflow.folder / SHEET) as sheet:
        assert sheet.height == 64
    people = {}
    for name in ("dataset", "held_out"):
        with workflow.results(name, "index.csv").open(newline="") as file:
            people[name] = {row["person"] for row in csv.DictReader(file)}
    assert people == {
        "dataset": {"sub-001", "sub-002"},
        "held_out": {f"sub-{number:03d}" for number in range(3, 7)},
    }
    images = [np.load(workflow.folder / path) for path in TARGETS]
    assert sum(map(len, images)) == 7 * 8
    report = workflow.run("--report", "results/report.html")
    assert report.returncode == 0, report.stdout + report.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    written = [path for path in written if not path.is_relative_to(tmp_path / "export")]
    texts = [str(path).encode() + path.read_bytes() for path in written]
    # The files in the report, such as the manifest.
    page = workflow.results("report.html").read_bytes()
    packed = [*map(base64.b64decode, re.findall(rb"base64,([A-Za-z0-9+/=]{4,})", page))]
    assert any(b"sub-001_ses-1" in content for content in packed)
    texts += packed
    texts.append((report.stdout + report.stderr).encode())
    for content in (*texts, (done.stdout + done.stderr).encode()):
        # As words: `moving_average` has the name of one of them.
        found = [
            secret for secret in SECRETS if re.search(WORD % re.escape(secret.encode()), content)
        ]
        assert found == [], content[:300]

    done = workflow.run(*TARGETS, "--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr
    # In the middle, where there is brain.
    file = sorted(again.iterdir())[7]
    image = dcmread(file)
    image.PixelData = image.PixelData[::-1]
    save(file, image)
    done = workflow.run(*TARGETS)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said.count("checkpoint fetch:") == said.count("rule prepare:") == 1
