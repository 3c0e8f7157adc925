"""Requests: labels that fulfil them, refusals and warnings."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from synaxial.config import check_networks, make_study
from synaxial.config.model import Request, Sample
from synaxial.data.dataset.labels import LEVEL, SIDE, SIZE, TUMOUR, described, label_in
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.requests import asked_for, check_requests, fulfil, labels_of_stack, order_of
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
        ({"level": 30}, r"level 30.0: .* had no such slice; expected a level near 60 to 107 mm"),
        ({"level": 59}, r"level 59.0: .* expected a level near 60 to 107 mm"),
        ({"tumour": "left", "size": [80, 90]}, r"44\.\d* mm, the nearest of \d.* to 44"),
        (
            {"size": [30, 30]},
            r"expected a range of sizes with (29\.|30\.)\d* mm, the nearest of \d",
        ),
        ({"size": [35, 45], "level": 105}, r"level 105.0, size .* a level near 60 to 8\d mm"),
    ],
)
def test_what_the_training_has_not_seen_is_refused(conditions, asked, message):
    with pytest.raises(SynaxialError, match=message):
        labels_for(conditions, **asked)


def test_what_the_training_has_hardly_seen_is_a_warning(conditions, caplog):
    with caplog.at_level(logging.WARNING):
        labels_for(conditions, tumour="any", level=80)
        assert not caplog.records
        labels_for(conditions, tumour="any", size=[35, 45], level=91)
    assert "level 91.0, tumour any, size [35.0, 45.0]: only" in caplog.text


def test_a_side_that_no_training_slice_has():
    labels = np.tile(np.float32([70, 1, 1, 20]), (30, 1))
    one_sided = Conditions(("level", "tumour"), labels)
    with pytest.raises(SynaxialError, match=r"tumour right, .* none has such a tumour"):
        labels_for(one_sided, tumour="right", size=[10, 30])


def test_all_equally_near_slices_are_drawn():
    labels = np.zeros((201, 4), np.float32)
    labels[:, LEVEL] = 70
    labels[:, SIZE] = np.arange(201)
    labels[200, LEVEL] = 75
    found = fulfil(
        Request(level=71), Conditions(("level",), labels), np.linspace(0, 0.999, 500), PATH
    )
    assert len(np.unique(found[:, SIZE])) == 200


BOTH = ["level", "tumour"]


def test_a_label_in_a_description():
    assert described(np.float32([85, 1, 0.9, 23.46]), BOTH) == {
        "asked": {"level": 85.0, "tumour": True, "side": "left", "size": 23.5}
    }
    assert described(np.float32([85, 1, -0.2, 23]), BOTH)["asked"]["side"] == "middle"
    assert described(np.float32([70, 0, 0, 0]), BOTH)["asked"] == {"level": 70.0, "tumour": False}
    # What the generator was not asked for is not said.
    assert described(np.float32([70, 1, 1, 9]), ["level"]) == {"asked": {"level": 70.0}}


@pytest.mark.parametrize("label", [[85, 1, 1, 23.5], [85, 1, -1, 8], [70, 1, 0, 8], [70, 0, 0, 0]])
def test_a_label_is_read_from_a_description(label):
    expected = np.float32(label)
    np.testing.assert_array_equal(label_in(described(expected, BOTH)), expected)
    of_level = label_in(described(expected, ["level"]))
    np.testing.assert_array_equal(of_level, [expected[0], np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(label_in(described(expected, ["tumour"]))[1:], expected[1:])
    assert label_in({"generated": True}) is None


def test_images_of_requests_alternate():
    order = order_of([2, 4, 1])
    assert order.tolist() == [1, 0, 1, 2, 1, 0, 1]


def test_a_generator_without_such_a_condition():
    settings = Sample(requests=[Request(tumour="left"), Request(images=3)])
    check_requests(settings, Conditions(("level", "tumour")), PATH)
    for names in ((), ("level",)):
        with pytest.raises(SynaxialError, match=r"generator\.npz: cannot be asked for: tumour"):
            check_requests(settings, Conditions(names), PATH)
    assert labels_of_stack(Conditions(()), settings, 0, PATH) is None


def test_options_ask_for_something():
    settings = Sample()
    assert asked_for(settings, None, None, None, None) is settings
    assert asked_for(settings, 5, None, None, None) == Sample(images=5)
    asked = asked_for(settings, 5, 85, "left", "20..40")
    assert asked.requests == [Request(images=5, level=85, tumour="left", size=[20, 40])]
    assert asked.images_of_stack == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((None, None, "20"), "--size: is 20; expected the smallest and the largest size"),
        ((None, None, "40..20"), "--size: is 40..20; expected"),
        ((None, "up", None), "--tumour: is up; expected none, any, left or right"),
        ((-3, None, None), "--level: is -3; expected a level in mm"),
    ],
)
def test_an_option_without_such_a_value(options, message):
    with pytest.raises(SynaxialError, match=re.escape(message)):
        asked_for(Sample(), None, *options)


def test_no_tumour_has_no_size():
    with pytest.raises(SynaxialError, match="--size: is given with --tumour none; expected one of"):
        asked_for(Sample(), None, None, "none", "20..40")


def test_requests_need_an_experiment_with_these_conditions():
    def study(*conditions, requests=({"tumour": "left"},)):
        asked = {"preset": "modern", "conditions": list(conditions)}
        sections = {"experiments": {"final": {}, "asked": asked}}
        return make_study(sections | {"sample": {"requests": list(requests)}})

    check_networks(study("level", "tumour"))
    check_networks(study(requests=({"images": 5},)))
    with pytest.raises(SynaxialError, match=r"has no such condition; expected .*level, tumour\]"):
        check_networks(study("level"))
    with pytest.raises(SynaxialError, match="ask for tumour, but no experiment has conditions"):
        check_networks(study())


@pytest.mark.parametrize("size", [[20], [20, 10], [-1, 3]])
def test_a_size_that_makes_no_sense(size):
    with pytest.raises(ValidationError):
        Request(size=size)
    with pytest.raises(ValidationError, match="tumour is none"):
        Request(tumour="none", size=[1, 2])
