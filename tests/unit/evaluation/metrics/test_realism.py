"""The realism score against its formula, image by image."""

import numpy as np
import pytest

from synaxial.evaluation.metrics.neighbours import HIGHEST_REALISM, prepare, realism


def by_formula(generated, reference, groups, k=5):
    radii = []
    for at, own in enumerate(reference):
        others = [
            np.linalg.norm(own - other)
            for other, group in zip(reference, groups, strict=True)
            if group != groups[at]
        ]
        radii.append(sorted(others)[k - 1])
    middle = np.median(radii)
    return [
        max(
            radius / np.linalg.norm(image - real)
            for radius, real in zip(radii, reference, strict=True)
            if radius <= middle
        )
        for image in generated
    ]


def test_it_is_the_formula():
    random = np.random.default_rng(0)
    reference, generated = random.normal(size=(20, 3)), random.normal(size=(7, 3))
    groups = np.arange(20) // 4
    np.testing.assert_allclose(
        realism(generated, reference, groups), by_formula(generated, reference, groups)
    )


def test_it_falls_with_the_distance_and_ends_at_a_real_image():
    random = np.random.default_rng(1)
    reference, groups = random.normal(size=(40, 2)), np.arange(40)
    far = np.array([[0.0, 0.0], [5.0, 0.0], [50.0, 0.0]])
    scores = realism(far, reference, groups)
    assert scores[0] > 1 > scores[1] > scores[2]
    assert realism(reference, reference, groups).max() == HIGHEST_REALISM


def test_a_reference_that_is_too_small_is_refused():
    ones = np.ones((20, 2))
    with pytest.raises(ValueError, match="5 reference images"):
        realism(ones, ones[:5], np.arange(5))
    with pytest.raises(ValueError, match="20 reference images of 1 subjects"):
        realism(ones, ones, np.zeros(20, np.int64))


def test_the_balls_are_those_of_precision():
    """An image is in a ball if its realism is above 1; balls above the median are left out."""
    random = np.random.default_rng(2)
    reference, generated = random.normal(size=(30, 3)), random.normal(size=(400, 3))
    # One subject has so many images that the others have fewer than five neighbours elsewhere.
    for groups in (np.arange(30) // 3, np.array([0] * 28 + [1] * 2)):
        inside = realism(generated, reference, groups) > 1
        statistic = prepare(generated, reference, np.arange(400), groups)
        precision = statistic(None, None)["precision"]
        assert 0 < inside.mean() <= precision
