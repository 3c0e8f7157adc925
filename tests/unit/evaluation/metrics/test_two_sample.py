import itertools

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from synaxial.evaluation.metrics import two_sample
from synaxial.evaluation.metrics.intervals import bootstrap_intervals


def draw(seed, subjects=20, images=6, dimensions=60, shift=0.0, alike=0.0):
    """Return features and groups: `alike` is how far subjects are from each other."""
    generator = np.random.default_rng(seed)
    own = alike * generator.normal(size=(subjects, dimensions))
    features = np.repeat(own, images, axis=0) + generator.normal(
        size=(subjects * images, dimensions)
    )
    features[:, 0] += shift
    return features, np.repeat(np.arange(subjects), images)


def of(first, second):
    return two_sample.prepare(first[0], second[0], first[1], second[1])(None, None)


def test_the_same_distribution_cannot_be_told_apart():
    values = [of(draw(2 * seed), draw(2 * seed + 1)) for seed in range(10)]
    for name in ("auc", "accuracy"):
        found = np.array([value[name] for value in values])
        assert abs(found.mean() - 0.5) < 3.5 * found.std() / 10**0.5
        assert found.std() < 0.1


def test_a_difference_of_one_feature_is_found():
    near, far = (of(draw(1), draw(2, shift=shift))["auc"] for shift in (1.0, 3.0))
    assert 0.6 < near < far
    # Two Gaussians a distance of 3 apart: the best there can be is Phi(3 / √2) = 0.983.
    assert 0.9 < far < 1


@pytest.mark.parametrize("dimensions", [40, 300])
def test_components_are_the_same_by_either_matrix(dimensions):
    """Of 100 images, with more and with fewer features than that asks for."""
    features, _ = draw(5, subjects=20, images=5, dimensions=dimensions)
    labels = np.arange(100) % 2
    classifier = two_sample.make_classifier(100, dimensions)
    other = two_sample.make_classifier(100, dimensions)
    solver = {"full": "covariance_eigh", "covariance_eigh": "full"}[classifier[0].svd_solver]
    other[0].svd_solver = solver
    assert classifier[0].svd_solver == ("full" if dimensions == 300 else "covariance_eigh")
    scores = [
        each.fit(features, labels).decision_function(features) for each in (classifier, other)
    ]
    np.testing.assert_allclose(*scores, rtol=1e-6, atol=1e-9)


def test_others_are_told_apart_wholly():
    assert of(draw(3, shift=50), draw(4)) == {"auc": 1.0, "accuracy": 1.0}


def test_subjects_are_not_recognised():
    # Subjects differ much, sets do not: a classifier that had seen other images of the subjects it
    # is asked about would know which set they were in.
    first, second = draw(5, 12, 20, alike=3.0), draw(6, 12, 20, alike=3.0)
    by_subject = of(first, second)["auc"]
    each = [(features, np.arange(len(features))) for features, _ in (first, second)]
    assert of(*each)["auc"] > 0.95
    assert by_subject < 0.75


def test_permuted_labels_are_guessed():
    (x, groups_x), (y, groups_y) = draw(7, shift=3), draw(8)
    features = np.concatenate([x, y])
    groups = np.concatenate([groups_x, 100 + groups_y])
    names = np.unique(groups)
    generator = np.random.default_rng(9)
    permuted = []
    for _ in range(8):
        first = np.isin(groups, generator.permutation(names)[:20])
        permuted.append(
            of((features[first], groups[first]), (features[~first], groups[~first]))["auc"]
        )
    assert abs(np.mean(permuted) - 0.5) < 3.5 * np.std(permuted) / 8**0.5
    assert of((x, groups_x), (y, groups_y))["auc"] > max(permuted)


def test_folds_have_whole_groups_of_both_sets():
    groups = np.repeat([4, 9, 2, 7, 1, 5, 3], [3, 1, 4, 1, 5, 9, 2])
    folds = two_sample.folds_of(groups, 3, np.random.default_rng(1))
    assert set(folds) == {0, 1, 2}
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1


def test_values_are_means_over_the_folds_of_weighted_images():
    first, second = draw(10, shift=1.0), draw(11)
    sets = first[0], second[0], first[1], second[1]
    statistic = two_sample.prepare(*sets)
    deals = [two_sample.held_out_scores(*sets, deal) for deal in range(10)]
    assert not np.array_equal(deals[0][1], deals[1][1])
    labels_of_all = np.repeat([1, 0], 120)
    generator = np.random.default_rng(12)
    p, q = generator.integers(0, 3, (2, 120))
    times = np.concatenate([p, q])
    aucs, accuracies = [], []
    for (scores_of_all, folds), fold in itertools.product(deals, range(5)):
        chosen = np.flatnonzero(folds == fold)
        repeated = np.repeat(chosen, times[chosen])
        labels, scores = labels_of_all[repeated], scores_of_all[repeated]
        aucs.append(roc_auc_score(labels, scores))
        accuracies.append(balanced_accuracy_score(labels, scores > 0))
    found = statistic(p.astype(float), q.astype(float))
    expected = {"auc": np.mean(aucs), "accuracy": np.mean(accuracies)}
    assert found == pytest.approx(expected)
    assert found != pytest.approx(statistic(None, None))


def test_an_interval_is_around_the_value_and_folds_may_be_empty():
    first, second = draw(13, 4, shift=1.0), draw(14, 3)
    statistic = two_sample.prepare(first[0], second[0], first[1], second[1])
    intervals = bootstrap_intervals(statistic, first[1], second[1], repeats=50)
    for name, value in statistic(None, None).items():
        assert intervals[name].low <= value <= intervals[name].high


def test_the_same_bytes_again():
    assert of(draw(15), draw(16)) == of(draw(15), draw(16))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_features_are_guessed(value):
    x = np.full((40, 7), value), np.arange(40)
    assert of(x, x) == {"auc": 0.5, "accuracy": 0.5}


def test_one_group_is_refused():
    with pytest.raises(ValueError, match="one group of images"):
        of(draw(1), draw(2, subjects=1))


def test_the_area_is_that_of_scikit_learn():
    generator = np.random.default_rng(17)
    scores = generator.integers(0, 20, 200) / 7.0
    labels = generator.integers(0, 2, 200)
    weights = generator.random(200)
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert two_sample.area_under_curve(scores, labels, weights) == pytest.approx(expected)
