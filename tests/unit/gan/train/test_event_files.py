"""Event files as TensorBoard itself reads them, of a training that was killed and resumed."""

import csv

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from .conftest import assert_same


def read_events(job):
    (folder,) = job.checkpoints.glob("*/tensorboard")
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_a_resumed_training_has_each_epoch_once(job):
    job.monitoring |= {"tensorboard": True, "preview_epochs": 2}
    job.configure(epochs=4)
    job.run_here()
    without_pause = job.arrays()
    # As if it had been killed in the third epoch: the events of epochs 3 and 4 are there already.
    job.keep_checkpoints_until(12)
    job.run_here()
    assert_same(job.arrays(), without_pause)

    events = read_events(job)
    with (job.output / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("loss_generator", "similarity_generated", "images_per_second"):
        found = events.Scalars(name)
        assert [event.step for event in found] == [1, 2, 3, 4]
        expected = [float(row[name]) for row in rows]
        assert [event.value for event in found] == pytest.approx(expected, rel=1e-5)
    assert {"epoch", "iteration", "distance_held_out"}.isdisjoint(events.Tags()["scalars"])

    previews = events.Images("previews")
    assert [event.step for event in previews] == [0, 2, 4]
    path = job.output.parent / "last.png"
    path.write_bytes(previews[-1].encoded_image_string)
    shown, drawn = (
        np.asarray(Image.open(each).convert("RGB"))
        for each in (path, job.output / "previews" / "epoch_0004.png")
    )
    np.testing.assert_array_equal(shown, drawn)


def test_there_are_no_event_files_by_default(job):
    job.run_here()
    assert not list(job.checkpoints.glob("*/tensorboard"))
