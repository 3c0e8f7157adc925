"""How many judgements are needed: the power of the tests themselves, and the table in the docs."""

from math import comb
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from synaxial.config.model import Turing
from synaxial.studies.turing import sample_size
from synaxial.studies.turing.statistics import equivalence_test

DOCS = Path(__file__).parents[4] / "docs" / "studies" / "turing.md"


def probability(hits, count, accuracy):
    return comb(count, hits) * accuracy**hits * (1 - accuracy) ** (count - hits)


@pytest.mark.parametrize("count", [5, 6, 23, 97, 100])
@pytest.mark.parametrize("accuracy", [0.5, 0.65, 0.9])
def test_the_power_of_difference_matches_the_test(count, accuracy):
    rejected = [k for k in range(count + 1) if binomtest(k, count).pvalue < 0.05]
    expected = sum(probability(k, count, accuracy) for k in rejected)
    assert sample_size.power_of_difference(count, accuracy) == pytest.approx(expected, abs=1e-12)
    if accuracy == 0.5:
        assert expected <= 0.05


@pytest.mark.parametrize("count", [20, 100, 227])
@pytest.mark.parametrize("margin", [0.05, 0.1, 0.15])
@pytest.mark.parametrize("accuracy", [0.5, 0.6])
def test_the_power_of_equivalence_matches_the_test(count, margin, accuracy):
    rejected = [k for k in range(count + 1) if equivalence_test(k, count, margin) < 0.05]
    expected = sum(probability(k, count, accuracy) for k in rejected)
    found = sample_size.power_of_equivalence(count, margin, accuracy)
    assert found == pytest.approx(expected, abs=1e-12)
    if accuracy == 0.5 + margin:
        assert expected <= 0.05


def test_sizes_are_close_to_the_normal_approximation_and_never_below():
    """The approximation's: 783, 194 and 85 for accuracies, 857, 215 and 96 for margins."""
    z = norm.ppf
    for accuracy, published in ((0.55, 783), (0.6, 194), (0.65, 85)):
        spread = z(0.975) * 0.5 + z(0.8) * np.sqrt(accuracy * (1 - accuracy))
        approximate = int(np.ceil((spread / (accuracy - 0.5)) ** 2))
        assert approximate == published
        exact = sample_size.judgements_for_difference(accuracy)
        assert approximate <= exact <= 1.2 * approximate
    for margin, published in ((0.05, 857), (0.1, 215), (0.15, 96)):
        approximate = int(np.ceil(((z(0.95) + z(0.9)) * 0.5 / margin) ** 2))
        assert approximate == published
        exact = sample_size.judgements_for_equivalence(margin)
        assert approximate <= exact <= 1.1 * approximate


def test_the_default_is_enough_for_what_it_says():
    images = Turing().images
    assert sample_size.judgements_for_difference(0.6) <= images
    assert sample_size.judgements_for_equivalence(0.1) <= images
    assert sample_size.detectable_accuracy(images) <= 0.6
    assert sample_size.detectable_margin(images) <= 0.1


def test_few_judgements_show_little_or_nothing():
    assert sample_size.detectable_accuracy(5) is None
    assert sample_size.detectable_accuracy(20) == pytest.approx(0.8)
    assert sample_size.detectable_margin(2) is None
    assert (
        sample_size.power_of_difference(20, 0.8) >= 0.8 > sample_size.power_of_difference(20, 0.795)
    )


def test_the_table_of_the_documentation_is_the_computed_one():
    """Else: `python -m synaxial.studies.turing.sample_size` prints it."""
    assert sample_size.table_of_sizes() in DOCS.read_text(encoding="utf-8")
