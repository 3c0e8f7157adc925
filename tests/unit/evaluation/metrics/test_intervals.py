import numpy as np
import pytest

from synaxial.evaluation.metrics import frechet_distance, kernel_distance
from synaxial.evaluation.metrics.common import shares
from synaxial.evaluation.metrics.intervals import bootstrap_intervals, interval_around

SIMULATIONS = 300

# Intervals of quantiles of few or lopsided draws are a little short: about 0.93 in place of 0.95
# for what is simulated here, give or take 0.015 for the number of simulations.
FEWEST, MOST = 0.90, 0.97


def interval_of(statistic, groups_a, groups_b, *arguments, **options):
    """The interval of a statistic of one number."""

    def named(weights_a, weights_b):
        return {"it": statistic(weights_a, weights_b)}

    return bootstrap_intervals(named, groups_a, groups_b, *arguments, **options)["it"]


def share_that_contains(truth, make_interval):
    generator = np.random.default_rng(1993)
    intervals = [make_interval(generator, seed) for seed in range(SIMULATIONS)]
    return np.mean([interval.low <= truth <= interval.high for interval in intervals])


def test_the_true_kernel_distance_of_gaussians_lies_inside():
    # For one feature, (x y + 1)³ = 1 + 3 x y + 3 x² y² + x³ y³: with the moments of N(m, s²),
    # MMD² = 3 (a1 - b1)² + 3 (a2 - b2)² + (a3 - b3)².
    def moments(m, s):
        return np.array([m, m**2 + s**2, m**3 + 3 * m * s**2])

    truth = float(np.array([3, 3, 1]) @ (moments(0.5, 1) - moments(0, 0.8)) ** 2)

    def make(generator, seed):
        x, y = generator.normal(0.5, 1, (200, 1)), generator.normal(0, 0.8, (200, 1))
        each = np.arange(200)
        statistic = kernel_distance.prepare(x, y, each, each)
        return bootstrap_intervals(statistic, each, each, seed=seed)["kernel_distance"]

    assert FEWEST <= share_that_contains(truth, make) <= MOST


def test_the_true_frechet_distance_of_gaussians_lies_inside():
    truth = (1 - 0) ** 2 + (1.5 - 1) ** 2

    def make(generator, seed):
        x, y = generator.normal(1, 1.5, (100, 1)), generator.normal(0, 1, (100, 1))
        statistic = frechet_distance.prepare(x, y)
        each = np.arange(100)
        return bootstrap_intervals(statistic, each, each, seed=seed)["frechet_distance"]

    assert FEWEST <= share_that_contains(truth, make) <= MOST


def subjects_apart(by_subject):
    """Return an experiment: 40 subjects a set, 8 images each that are alike within a subject."""

    def make(generator, seed):
        a, b = (
            np.repeat(generator.normal(mean, 1, 40), 8) + generator.normal(0, 0.3, 320)
            for mean in (0.5, 0.0)
        )
        groups = np.repeat(np.arange(40), 8) if by_subject else np.arange(320)

        def difference(weights_a, weights_b):
            return float(shares(weights_a, 320) @ a - shares(weights_b, 320) @ b)

        return interval_of(difference, groups, groups, seed=seed)

    return make


def test_the_true_difference_of_subjects_lies_inside():
    assert FEWEST <= share_that_contains(0.5, subjects_apart(by_subject=True)) <= MOST


def test_drawing_images_of_subjects_one_by_one_would_be_too_sure():
    assert share_that_contains(0.5, subjects_apart(by_subject=False)) < 0.7


def test_drawn_sets_are_further_and_the_interval_is_around_the_estimate():
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(2, 100, 20))
    statistic = frechet_distance.prepare(x, y)
    seen = []

    def remember(weights_x, weights_y):
        seen.append(statistic(weights_x, weights_y)["frechet_distance"])
        return seen[-1]

    interval = interval_of(remember, np.arange(100), np.arange(100))
    estimate, draws = seen[0], seen[1:]
    assert min(draws) > estimate
    assert interval.low < estimate < interval.high
    width = np.subtract(*np.quantile(draws, [0.975, 0.025]))
    # Student's t of 99 degrees of freedom over the normal's quantile, and what drawing loses.
    widening = 1.98422 / 1.95996 * np.sqrt(100 / 99)
    assert interval.high - interval.low == pytest.approx(widening * width, rel=1e-4)


def test_weights_say_how_often_each_group_was_drawn():
    groups_a, groups_b = np.array([7, 7, 7, 2, 2, 9]), np.arange(5)
    drawn = []

    def remember(weights_a, weights_b):
        drawn.append((weights_a, weights_b))
        return 0.0

    interval_of(remember, groups_a, groups_b, repeats=200)
    assert drawn[0] == (None, None)
    for weights_a, weights_b in drawn[1:]:
        seven, two, nine = weights_a[[0, 3, 5]]
        np.testing.assert_array_equal(weights_a, [seven, seven, seven, two, two, nine])
        assert seven + two + nine == 3
        assert weights_b.sum() == 5
        assert np.count_nonzero([seven, two, nine]) >= 2
        assert np.count_nonzero(weights_b) >= 2
    assert np.mean([weights[1] for weights in drawn[1:]]) == pytest.approx(1, abs=0.1)


def test_the_seed_decides():
    x, y = np.random.default_rng(3).normal(size=(2, 30, 4))
    each = np.arange(30)
    statistic = kernel_distance.prepare(x, y, each, each)
    first, same, other = (bootstrap_intervals(statistic, each, each, seed=s) for s in (1, 1, 2))
    assert first == same != other


def test_a_higher_level_is_wider():
    draws = np.random.default_rng(5).normal(10, 2, 10_000)
    for level, quantile in ((0.68, 0.9945), (0.95, 1.96), (0.99, 2.576)):
        interval = interval_around(3.0, draws, level, groups=100_000)
        assert interval.high - 3 == pytest.approx(2 * quantile, rel=0.05)
        assert 3 - interval.low == pytest.approx(2 * quantile, rel=0.05)


def test_few_groups_are_wider_and_the_estimate_is_always_inside():
    draws = np.random.default_rng(5).normal(10, 2, 10_000)
    few, many = (interval_around(3.0, draws, 0.95, groups) for groups in (10, 100_000))
    # The t quantile of 9 degrees of freedom.
    expected = 2.26216 / 1.95996 * np.sqrt(10 / 9)
    assert (few.high - 3) / (many.high - 3) == pytest.approx(expected, rel=1e-3)
    for value, others in ((0.0, [0.03, 0.05]), (1.0, [0.9, 0.95])):
        low, high = interval_around(value, np.array([value] * 98 + others), 0.95, 10)
        assert low <= value <= high


def test_ten_subjects_are_enough_for_the_interval_to_hold_what_it_says():
    """A mean over ten subjects of 30 images against 300 images that are each their own group."""
    groups = (np.arange(300, dtype=np.int64), np.repeat(np.arange(10, dtype=np.int64), 30))

    def make(generator, seed):
        single = generator.normal(0.5, np.hypot(1, 0.5), 300)
        subjects = generator.normal(0, 1, 10).repeat(30) + generator.normal(0, 0.5, 300)

        def difference(weights_a, weights_b):
            return float(shares(weights_a, 300) @ single - shares(weights_b, 300) @ subjects)

        return interval_of(difference, *groups, seed=seed)

    assert FEWEST <= share_that_contains(0.5, make) <= 0.99


def test_one_group_is_refused():
    with pytest.raises(ValueError, match=r"1 group\(s\) of images, expected at least two"):
        interval_of(lambda a, b: 0.0, np.zeros(9, int), np.arange(9))
