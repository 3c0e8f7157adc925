"""Statistics of judgements against published examples and brute force."""

from math import comb

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from synaxial.studies.turing.statistics import (
    areas,
    association_test,
    binomial_test,
    cohen_kappa,
    equivalence_test,
    fleiss_kappa,
    krippendorff_alpha,
    wilson,
)

#: Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17,
#: 1998, table I, method 3.
NEWCOMBE = {
    (81, 263): (0.2553, 0.3662),
    (15, 148): (0.0624, 0.1605),
    (0, 20): (0.0, 0.1611),
    (1, 29): (0.0061, 0.1718),
}

#: Fleiss' example of 14 raters, 10 subjects and 5 categories, as counts.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]

#: Krippendorff 2011, section A (two observers, binary) and section C (four, with gaps).
BINARY = ["0100000010", "1110010000"]
GAPS = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]


def rows(texts):
    return np.array([[np.nan if c == "." else float(c) for c in text] for text in texts])


@pytest.mark.parametrize("shares", NEWCOMBE)
def test_wilson_interval(shares):
    assert wilson(*shares) == pytest.approx(NEWCOMBE[shares], abs=5e-5)


def test_wilson_interval_of_halves():
    assert wilson(50, 100) == pytest.approx((0.404, 0.596), abs=5e-4)
    assert wilson(150, 300) == pytest.approx((0.444, 0.556), abs=5e-4)


@pytest.mark.parametrize("hits", [0, 3, 9, 10, 15, 20])
def test_binomial_test_by_counting(hits):
    extreme = max(hits, 20 - hits)
    tail = sum(comb(20, k) for k in range(extreme, 21)) / 2**20
    assert binomial_test(hits, 20) == pytest.approx(min(1, 2 * tail))


@pytest.mark.parametrize("hits", [80, 95, 100, 110, 130])
def test_equivalence_test_by_counting(hits):
    def at_most(k, p):
        return sum(comb(200, i) * p**i * (1 - p) ** (200 - i) for i in range(k + 1))

    expected = max(at_most(hits, 0.6), 1 - at_most(hits - 1, 0.4))
    assert equivalence_test(hits, 200, 0.1) == pytest.approx(expected)


def test_fishers_lady():
    """Of eight cups she called three of four right: p = 0.486, two-sided (Fisher 1935)."""
    calls = np.array([1, 1, 1, 0, 1, 0, 0, 0.0])
    truth = np.array([1, 1, 1, 1, 0, 0, 0, 0], bool)
    assert association_test(calls, truth) == pytest.approx(34 / 70)


def test_a_reader_with_one_answer_has_no_skill():
    truth = np.arange(100) < 60
    assert binomial_test(60, 100) == pytest.approx(0.0569, abs=1e-4)
    assert association_test(np.ones(100), truth) == 1


def test_area_of_hanley_and_mcneil():
    """Their table I: 0.893."""
    normal, abnormal = np.array([33, 6, 6, 11, 2.0]), np.array([3, 2, 2, 11, 33.0])
    assert areas(abnormal, normal) == pytest.approx(0.893, abs=5e-4)


def test_area_of_scikit_learn():
    generator = np.random.default_rng(0)
    scores, truth = generator.integers(-5, 6, 300), generator.random(300) < 0.5
    scores = scores + 2 * truth
    counts = [np.bincount(scores[truth == kind] + 5, minlength=13) for kind in (True, False)]
    assert areas(*counts) == pytest.approx(roc_auc_score(truth, scores))
    assert np.isnan(areas(counts[0], 0 * counts[1]))


def test_fleiss_kappa_of_the_example():
    calls = np.array([np.repeat(np.arange(5.0), counts) for counts in FLEISS]).T
    assert fleiss_kappa(calls) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_at_its_ends():
    half = np.repeat([0.0, 1.0], 10)
    assert fleiss_kappa(np.stack([half, half])) == pytest.approx(1)
    assert fleiss_kappa(np.stack([half, 1 - half])) == pytest.approx(-1)
    assert fleiss_kappa(np.zeros((3, 20))) is None
    assert fleiss_kappa(half[None]) is None
    # An image that one has not judged does not count.
    gap = np.where(np.arange(20) == 0, np.nan, half)
    assert fleiss_kappa(np.stack([half, gap])) == pytest.approx(1)


def test_krippendorff_alpha_of_the_examples():
    assert krippendorff_alpha(rows(BINARY)) == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha(rows(GAPS)) == pytest.approx(0.743, abs=5e-4)


def test_krippendorff_alpha_of_nothing():
    assert krippendorff_alpha(np.full((2, 5), np.nan)) is None
    assert krippendorff_alpha(np.ones((2, 5))) is None
    assert krippendorff_alpha(rows(["01..", "..01"])) is None


def test_cohen_kappa():
    """20 and 15 the same, 5 and 10 not: 0.4."""
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15]).astype(float)
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15]).astype(float)
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert cohen_kappa(np.ones(3), np.ones(3)) is None
    assert cohen_kappa(np.array([]), np.array([])) is None
