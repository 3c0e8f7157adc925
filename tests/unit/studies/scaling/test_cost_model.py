"""The cost model against times that were made with known parameters, and what it refuses."""

import numpy as np
import pytest

from synaxial.config import make_study
from synaxial.studies.scaling.cost_model import CostModel, fit, largest_deviation, predict
from synaxial.studies.scaling.points import efficiencies

from .test_points import make_point

KNOWN = CostModel(fixed=0.1, per_image=0.05, latency=2e-4, seconds_per_byte=1e-9)
MESSAGES, BYTES = 60, 140_000_000


def made(ranks, noise=0.0, modes=("strong", "weak"), model=KNOWN):
    """Points as the model would have them; each time by the formula written out."""
    random = np.random.default_rng(0)
    points = []
    for mode in modes:
        for number in ranks:
            images = 16 if mode == "weak" else 16 // number
            seconds = model.fixed + model.per_image * images
            seconds += model.latency * MESSAGES * np.ceil(np.log2(number))
            seconds += BYTES * model.seconds_per_byte * 2 * (number - 1) / number
            seconds *= 1 + noise * random.standard_normal()
            batch = images * number
            points.append(
                make_point(*(mode, number, seconds, batch), payload_bytes=BYTES, messages=MESSAGES)
            )
    return points


def test_known_parameters_are_found_again():
    found = fit(made([1, 2, 4, 8]))
    assert isinstance(found, CostModel)
    for name in ("fixed", "per_image", "latency", "seconds_per_byte"):
        assert getattr(found, name) == pytest.approx(getattr(KNOWN, name), rel=1e-6), name
    assert largest_deviation(found, made([1, 2, 4, 8])) < 1e-9


def test_times_that_scatter_give_a_model_near_them():
    points = made([1, 2, 3, 4, 6, 8, 16], noise=0.01)
    found = fit(points)
    assert found.per_image == pytest.approx(KNOWN.per_image, rel=0.05)
    assert 0 < largest_deviation(found, points) < 0.05


def test_no_parameter_is_negative():
    """Of times that fall with more ranks than the work allows, the messages cost nothing."""
    points = [
        make_point("weak", n, 1.0 / n, 8 * n, payload_bytes=BYTES, messages=MESSAGES)
        for n in (1, 2, 4, 8)
    ]
    points.append(make_point("strong", 2, 0.1, 8, payload_bytes=BYTES, messages=MESSAGES))
    found = fit(points)
    assert min(found.fixed, found.per_image, found.latency, found.seconds_per_byte) >= 0
    assert found.latency == 0


@pytest.mark.parametrize("ranks", [[1], [1, 2]])
def test_too_few_points_are_reported_and_not_fitted(ranks):
    """On two ranks latency and bandwidth cannot be told apart, however often they are measured."""
    found = fit(made(ranks))
    assert isinstance(found, str)
    told = {1: "determine 1 of the model's 4", 2: "determine 3 of the model's 4"}[len(ranks)]
    assert told in found
    assert fit([]).startswith("no prediction: the 0 usable points")


def test_crowded_points_are_not_fitted():
    crowded = [
        make_point("strong", 4, 9.0, 16, payload_bytes=BYTES, messages=MESSAGES, crowded=True)
    ]
    assert isinstance(fit(made([1, 2]) + crowded), str)
    assert fit(made([1, 2, 4, 8]) + crowded) == fit(made([1, 2, 4, 8]))


def test_a_prediction_is_what_the_same_model_would_have_measured():
    measured = made([1, 2, 4])
    training = make_study({"training": {"batch_size": 16}}).experiments["final"]
    predicted = predict(fit(measured), measured, training)
    # Strong: 8 ranks have two images each, 16 would have one. Weak: four doublings.
    assert [(p.mode, p.ranks) for p in predicted] == [
        ("strong", 8),
        *[("weak", n) for n in (8, 16, 32, 64)],
    ]
    assert all(point.predicted for point in predicted)
    expected = {(p.mode, p.ranks): p.seconds for p in made([8, 16, 32, 64])}
    for point in predicted:
        assert point.seconds == pytest.approx(expected[point.mode, point.ranks])
    shares = efficiencies([*measured, *predicted])
    weak = [share for point, share in shares.items() if point.mode == "weak"]
    assert len(weak) == 7
    assert weak == sorted(weak, reverse=True)
    assert weak[-1] == pytest.approx(0.9 / expected["weak", 64])
