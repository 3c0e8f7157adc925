"""Shares, tests and agreement of judgements, each by its published formula.

SciPy and scikit-learn compute what they offer. The tests compare the rest with published examples.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest, fisher_exact
from sklearn.metrics import cohen_kappa_score

from synaxial.evaluation.metrics.intervals import Interval

#: Judgements by reader and image: 1 generated, 0 real, NaN not judged; float64 (R, N).
Calls = NDArray[np.float64]


def wilson(hits: int, count: int, level: float = 0.95) -> Interval:
    """Return Wilson's interval of a share (J. Am. Stat. Assoc. 22, 1927)."""
    low, high = binomtest(hits, count).proportion_ci(level, method="wilson")
    return Interval(float(low), float(high))


def binomial_test(hits: int, count: int) -> float:
    """Return the p value of the exact two-sided test that a hit is as probable as a miss."""
    return float(binomtest(hits, count).pvalue)


def equivalence_test(hits: int, count: int, margin: float) -> float:
    """Return the p value of two exact one-sided tests that the share is within 0.5 +- margin.

    It is the larger p value of "0.5 + margin or more" and of "0.5 - margin or less". Source:
    Schuirmann, A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability, Journal of Pharmacokinetics and
    Biopharmaceutics 15, 1987; with binomial tests in place of Student's.
    """
    below = binom.cdf(hits, count, 0.5 + margin)
    above = binom.sf(hits - 1, count, 0.5 - margin)
    return float(max(below, above))


def association_test(calls: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the p value of Fisher's exact test that answers do not follow the truth.

    Unlike the test of the accuracy, it does not assume equally many images of each kind, or a
    guessing reader who gives each answer equally often: with 60 % generated images, a reader who
    always answers "generated" is right in 60 %.
    """
    table = [
        [int(((calls == call) & (truth == kind)).sum()) for call in (1, 0)]
        for kind in (True, False)
    ]
    return float(fisher_exact(table).pvalue)


def areas(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area under the ROC curve, (…); NaN without positives or negatives.

    `positive` and `negative`, (…, K), are the number or weight of each score, from the lowest. The
    area is the probability that a positive has the higher score, plus half that of a tie (Hanley
    and McNeil, The meaning and use of the area under a receiver operating characteristic (ROC)
    curve, Radiology 143, 1982).
    """
    lower = np.cumsum(negative, axis=-1) - negative
    pairs = positive.sum(-1) * negative.sum(-1)
    with np.errstate(invalid="ignore"):
        area: NDArray[np.float64] = (positive * (lower + negative / 2)).sum(-1) / pairs
    return area


def fleiss_kappa(calls: Calls) -> float | None:
    """Return the agreement of readers beyond chance, over the images that all have judged.

    Source: Fleiss, Measuring nominal scale agreement among many raters, Psychological Bulletin 76,
    1971. None with fewer than two readers or images, or if all answers are the same.
    """
    judged = calls[:, ~np.isnan(calls).any(axis=0)]
    readers, images = judged.shape
    if readers < 2 or images < 2:
        return None
    counts = (judged[..., None] == np.unique(judged)).sum(axis=0)
    within = ((counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1))).mean()
    chance = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return None if chance == 1 else float((within - chance) / (1 - chance))


def krippendorff_alpha(calls: Calls) -> float | None:
    """Return the agreement of readers beyond chance, over all images that two or more have judged.

    It is 1 - observed / expected disagreement, for nominal answers. Source: Krippendorff, Computing
    Krippendorff's alpha-reliability, University of Pennsylvania 2011, section C. None if no image
    is judged twice, or if all answers are the same.
    """
    values = np.unique(calls[~np.isnan(calls)])
    counts = (calls[..., None] == values).sum(axis=0)
    counts = counts[counts.sum(axis=1) > 1]
    total, of_value = counts.sum(), counts.sum(axis=0)
    if total == 0:
        return None
    judged = counts.sum(axis=1)
    observed = ((judged**2 - (counts**2).sum(axis=1)) / (judged - 1)).sum() / total
    expected = (total**2 - (of_value**2).sum()) / (total * (total - 1))
    return None if expected == 0 else float(1 - observed / expected)


def cohen_kappa(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return the agreement of two rows of answers beyond chance.

    Source: Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20, 1960. None without answers, or if all are the same.
    """
    if len(first) == 0 or len(np.unique(np.concatenate([first, second]))) < 2:
        return None
    return float(cohen_kappa_score(first, second))
