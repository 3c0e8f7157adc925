import numpy as np
import pytest

from synaxial.evaluation import controls
from synaxial.evaluation.features import efficientnet, wavelets
from synaxial.evaluation.metrics import (
    frechet_distance,
    kernel_distance,
    neighbours,
    two_sample,
)
from synaxial.io.images import subset

KINDS = {"efficientnet": efficientnet, "wavelets": wavelets}


@pytest.fixture(scope="module")
def sets(phantoms):
    """A real set, another, and controls made of that other, in the order of how bad they are."""
    real, others = phantoms.half(0), phantoms.half(1)
    return {
        "real": real,
        "others": others,
        "copies": subset(real, controls.copies(len(real), len(others) // 2, seed=1)),
        "blurred": controls.blurred(others, 2.0),
        "grid": controls.planted_grid(others, 12.0, 4),
        "noise": controls.noise(others, seed=2),
    }


@pytest.fixture(scope="module", params=KINDS)
def features(request, sets):
    return {name: KINDS[request.param].measure(images.pixels) for name, images in sets.items()}


def numbers_of(metric, generated, reference):
    """Return the numbers of a metric, each image a group of its own."""
    each = [np.arange(len(features)) for features in (generated, reference)]
    groups = [] if metric is frechet_distance else each
    return metric.prepare(generated, reference, *groups)(None, None)


@pytest.mark.parametrize("metric", [kernel_distance, frechet_distance])
def test_distances_order_the_controls(metric, features):
    found = {
        name: numbers_of(metric, rows, features["real"])[metric.NAME]
        for name, rows in features.items()
    }
    assert found["copies"] < found["others"]
    assert found["others"] < found["blurred"] < found["noise"]
    assert found["others"] < found["grid"] < found["noise"]


def test_neighbours_order_the_controls(features):
    found = {
        name: numbers_of(neighbours, rows, features["real"]) for name, rows in features.items()
    }
    for name in ("precision", "density", "coverage"):
        values = {control: value[name] for control, value in found.items()}
        assert values["copies"] > values["others"], name
        assert values["others"] > max(values["blurred"], values["grid"]), name
        assert values["noise"] == 0, name


def test_the_classifier_orders_the_controls(features, sets):
    found = {
        name: two_sample.prepare(
            features[name], features["real"], sets[name].groups, sets["real"].groups
        )(None, None)["auc"]
        for name in ("others", "blurred", "grid", "noise")
    }
    assert found["others"] < min(found["blurred"], found["grid"])
    assert found["noise"] == 1
