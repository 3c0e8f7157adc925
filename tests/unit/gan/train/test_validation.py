"""The distance to held-out subjects in a training: the best generator, and an early end."""

import csv
import json

import numpy as np
import pytest

from synaxial.config import make_study
from synaxial.config.model import Training
from synaxial.data.dataset.reading import COLUMNS
from synaxial.gan.networks.saving import digest_of, load_generator
from synaxial.gan.train.inputs import validation_images
from synaxial.gan.train.validation import Validation
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv
from synaxial.io.images import ImageSet

from .conftest import Job, assert_same, write_index


def blobs(count, seed, width=16):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (count, width // 4, width // 4), np.uint8)
    return pixels.repeat(4, axis=1).repeat(4, axis=2)


def test_its_images_are_of_the_half_that_is_no_reference():
    groups = np.repeat(np.arange(5, dtype=np.int64), 4)
    pixels = np.arange(20, dtype=np.uint8)[:, None, None].repeat(16, 1).repeat(16, 2)
    found = validation_images(ImageSet(pixels, groups))
    assert set(found[:, 0, 0]) == {4, 5, 6, 7, 12, 13, 14, 15}
    with pytest.raises(ValueError, match="3 held-out people"):
        validation_images(ImageSet(pixels[:12], groups[:12]))


def measured(*distances, patience=0):
    validation = Validation(Training(patience=patience), blobs(4, 0, 64))
    validation.distances = list(enumerate(distances, 1))
    return validation


@pytest.mark.parametrize(
    ("distances", "patience", "best", "exhausted"),
    [
        ((), 1, None, False),
        ((3.0, 2.0, 2.5), 2, (2, 2.0), False),
        ((3.0, 2.0, 2.5, 2.0), 2, (2, 2.0), True),
        ((3.0, 2.0, 2.5, 2.6), 0, (2, 2.0), False),
        ((3.0, 2.0, 2.5, 1.0), 1, (4, 1.0), False),
    ],
)
def test_patience_counts_measurements_without_a_smaller_distance(
    distances, patience, best, exhausted
):
    validation = measured(*distances, patience=patience)
    assert validation.best == best
    assert validation.exhausted() is exhausted


def test_what_is_validated_needs_held_out_subjects():
    content = {"experiments": {"a": {"keep": "best"}}}
    make_study(content)
    with pytest.raises(SynaxialError, match=r"'a': keep: best and patience need held-out subjects"):
        make_study({**content, "acquire": {"held_out": []}})


@pytest.fixture
def job(tmp_path):
    """A training that keeps the best generator, with data of subjects held out."""
    job = Job(tmp_path, keep="best", validation_epochs=1, epochs=5)
    folder = tmp_path / "held_out"
    folder.mkdir()
    np.save(folder / "images.npy", blobs(24, 1))
    rows = [
        {"image": number, **dict.fromkeys(("subject", "person"), number // 6), "slice": number}
        for number in range(24)
    ]
    write_csv(folder / "index.csv", COLUMNS, rows)
    write_index(job.dataset)
    job.held_out = folder
    return job


def test_the_best_generator_is_kept_and_a_resumed_training_keeps_the_same(job, tmp_path):
    options = ("--held-out", job.held_out)
    job.run_here(options=options)
    with (job.output / "log.csv").open(newline="") as file:
        distances = [float(row["distance_held_out"]) for row in csv.DictReader(file)]
    assert len(distances) == 5
    record = json.loads((job.output / "run.json").read_text())
    best = int(np.argmin(distances)) + 1
    assert record["nearest_to_held_out"]["epoch"] == best
    assert record["nearest_to_held_out"]["distance"] == pytest.approx(min(distances), rel=1e-5)
    kept = load_generator(job.output / "generator.npz").network
    assert record["digests"]["generator"] == digest_of(kept)

    # From a checkpoint in the third of the five epochs.
    for path in sorted(job.checkpoints.glob("*/iteration_*.npz"))[12:]:
        path.unlink()
    assert "resuming from" in job.run_here(options=options, output=tmp_path / "again")
    assert_same(job.arrays(), job.arrays(tmp_path / "again"))
    again = json.loads((tmp_path / "again" / "run.json").read_text())
    assert again["nearest_to_held_out"] == record["nearest_to_held_out"]


def test_nobody_chooses_a_generator_by_the_people_it_was_trained_on(job):
    with pytest.raises(SynaxialError, match=r"--held-out: .*dataset shares 1 people with"):
        job.run_here(options=("--held-out", job.dataset))


@pytest.mark.mpi
def test_a_training_that_gets_no_nearer_ends_early(job):
    # Its steps are too small to change an 8-bit image.
    job.configure(patience=2, validation_epochs=1, epochs=9, optimizer={"learning_rate": 1e-12})
    # On two ranks: rank 0 measures, and both end.
    done = job.run(ranks=2, options=("--held-out", job.held_out))
    assert done.returncode == 0, done.stderr
    with (job.output / "log.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    with pytest.raises(SynaxialError, match="--held-out: is not given"):
        job.run_here()
