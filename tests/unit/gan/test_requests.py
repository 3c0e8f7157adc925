"""Requests: labels that fulfil them, refusals and warnings."""

import logging
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from synaxial.config.model import Request
from synaxial.data.dataset.labels import LEVEL, SIDE, SIZE, TUMOUR, described, label_in
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.requests import fulfil
from synaxial.io.errors import SynaxialError

PATH = Path("generator.npz")


@pytest.fixture(scope="module")
def conditions():
    """Levels 60 to 107; tumours of 5 to 45 mm, the large ones below 90, mirrored."""
    rng = np.random.default_rng(0)
    labels = np.zeros((400, 4), np.float32)
    labels[:, LEVEL] = rng.integers(60, 108, 400)
    labels[::2, TUMOUR] = 1
    labels[::2, SIDE] = rng.uniform(-1, 1, 200)
    labels[::2, SIZE] = np.where(labels[::2, LEVEL] < 90, 45, 20) * rng.uniform(0.2, 1, 200)
    return Conditions(("level", "tumour"), labels)


def labels_for(conditions, **asked):
    numbers = np.random.default_rng(1).random(200, np.float32)
    return fulfil(Request(images=200, **asked), conditions, numbers, PATH)


def test_a_level_is_exactly_what_was_asked(conditions):
    labels = labels_for(conditions, level=85.5)
    assert np.all(labels[:, LEVEL] == 85.5)
    # All else is as it occurs near this level.
    assert 0.3 < labels[:, TUMOUR].mean() < 0.7


@pytest.mark.parametrize(("tumour", "sign"), [("left", 1), ("right", -1)])
def test_a_side_and_a_size(conditions, tumour, sign):
    labels = labels_for(conditions, tumour=tumour, size=[10, 20])
    assert np.all(labels[:, TUMOUR] == 1)
    assert np.all(labels[:, SIDE] * sign > 0.5)
    assert labels[:, SIZE].min() >= 10
    assert labels[:, SIZE].max() <= 20
    assert len(np.unique(labels, axis=0)) > 10


def test_no_tumour(conditions):
    labels = labels_for(conditions, tumour="none", level=70)
    np.testing.assert_array_equal(labels[:, TUMOUR:], 0)
    assert np.all(labels_for(conditions, tumour="any")[:, TUMOUR] == 1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"level": 30}, r"level 30.0: .* no slice at this level; expected a level of 60 to 107 mm"),
        ({"tumour": "left", "size": [80, 90]}, r"no such slice; expected a tumour \d"),
    ],
)
def test_what_the_training_has_not_seen_is_refused(conditions, asked, message):
    with pytest.raises(SynaxialError, match=message):
        labels_for(conditions, **asked)


def test_what_the_training_has_hardly_seen_is_a_warning(conditions, caplog):
    with caplog.at_level(logging.WARNING):
        labels_for(conditions, tumour="any", level=80)
        assert not caplog.records
        labels_for(conditions, tumour="any", size=[35, 45], level=105)
    assert "level 105.0, tumour any, size [35.0, 45.0]: only" in caplog.text


def test_a_condition_that_the_generator_lacks(conditions):
    lacking = Conditions(("level",), conditions.known)
    assert len(labels_for(lacking, level=70)) == 200
    with pytest.raises(SynaxialError, match=r"generator.npz: has no condition tumour"):
        labels_for(lacking, tumour="left")


def test_a_label_in_a_description():
    assert described(np.float32([85, 1, 0.9, 23.46])) == {
        "asked": {"level": 85.0, "tumour": True, "side": "left", "size": 23.5}
    }
    assert described(np.float32([85, 1, -0.2, 23]))["asked"]["side"] == "middle"
    assert described(np.float32([70, 0, 0, 0])) == {"asked": {"level": 70.0, "tumour": False}}


@pytest.mark.parametrize("label", [[85, 1, 1, 23.5], [85, 1, -1, 8], [70, 1, 0, 8], [70, 0, 0, 0]])
def test_a_label_is_read_from_a_description(label):
    np.testing.assert_array_equal(label_in(described(np.float32(label))), np.float32(label))
    assert label_in({"generated": True}) is None


@pytest.mark.parametrize("size", [[20], [20, 10], [-1, 3]])
def test_a_size_that_makes_no_sense(size):
    with pytest.raises(ValidationError):
        Request(size=size)
    with pytest.raises(ValidationError, match="tumour is none"):
        Request(tumour="none", size=[1, 2])
