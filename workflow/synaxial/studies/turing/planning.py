"""How many judgements a reading needs, by the power of the very tests that score it.

The tests are exact, so their power is a sum of binomial probabilities. It goes up and down by a
little from one number of judgements to the next, for hits are whole: what is given is the number
from which on it stays above what is asked. The normal approximation of textbooks gives a few
judgements fewer (Chow, Shao and Wang, Sample Size Calculations in Clinical Research, 2nd edition,
Chapman and Hall 2008, section 4.1, tests for one proportion and for equivalence).
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

#: The error of the first kind and the power where nobody says otherwise, and the margin of
#: equivalence: an accuracy of 0.5, give or take so much, counts as chance.
LEVEL, POWER, MARGIN = 0.05, 0.8, 0.1

#: The accuracies and the margins of the table.
ACCURACIES, MARGINS = (0.55, 0.6, 0.65, 0.7, 0.8), (0.05, 0.1, 0.15)

#: The most judgements that are looked at.
MOST = 2000


def power_of_difference(
    judgements: ArrayLike, accuracy: float, level: float = LEVEL
) -> NDArray[np.float64]:
    """Return how probably the two-sided exact test of 0.5 rejects, at numbers of judgements.

    At 0.5 the distribution is symmetric, and the p value is twice the smaller tail: fewer hits
    than `fewest` reject, or as many misses.
    """
    count = np.asarray(judgements)
    fewest = binom.ppf(level / 2, count, 0.5)
    power: NDArray[np.float64] = binom.cdf(fewest - 1, count, accuracy) + binom.sf(
        count - fewest, count, accuracy
    )
    return power


def power_of_equivalence(
    judgements: ArrayLike, margin: float, accuracy: float = 0.5, level: float = LEVEL
) -> NDArray[np.float64]:
    """Return how probably both one-sided exact tests reject, at numbers of judgements.

    Fewer hits than `most`, and as few misses, are improbable at the margins.
    """
    count = np.asarray(judgements)
    most = binom.ppf(level, count, 0.5 + margin)
    power: NDArray[np.float64] = np.maximum(
        binom.cdf(most - 1, count, accuracy) - binom.cdf(count - most, count, accuracy), 0.0
    )
    return power


def judgements_for_difference(accuracy: float) -> int:
    """Return how many judgements show that a reader of some accuracy does not guess.

    With the probability `POWER` or more, at this number and at every larger one up to `MOST`.
    """
    counts = np.arange(1, MOST + 1)
    return _from_which_on(power_of_difference(counts, accuracy))


def judgements_for_equivalence(margin: float) -> int:
    """Return how many judgements show, of a reader who guesses, that the accuracy is 0.5.

    Give or take the margin, with the probability `POWER` or more, at this number and at every
    larger one up to `MOST`.
    """
    counts = np.arange(1, MOST + 1)
    return _from_which_on(power_of_equivalence(counts, margin))


@cache
def detectable_accuracy(judgements: int) -> float | None:
    """Return the smallest accuracy above 0.5 that is shown with the probability `POWER`.

    In steps of 0.005; None if so few judgements show none.
    """
    return next(
        (
            float(accuracy)
            for accuracy in np.arange(101, 201) / 200
            if power_of_difference(judgements, float(accuracy)) >= POWER
        ),
        None,
    )


@cache
def detectable_margin(judgements: int) -> float | None:
    """Return the smallest margin of equivalence that is shown with the probability `POWER`.

    In steps of 0.005; None if so few judgements show none.
    """
    return next(
        (
            float(margin)
            for margin in np.arange(1, 100) / 200
            if power_of_equivalence(judgements, float(margin)) >= POWER
        ),
        None,
    )


def table_of_sizes() -> str:
    """Return the table of docs/studies/turing.md: what is shown, and the judgements needed."""
    lines = ["| to show | images |", "| --- | --- |"]
    lines += [
        f"| a reader who is right in {100 * accuracy:.0f} % does not guess | "
        f"{judgements_for_difference(accuracy)} |"
        for accuracy in ACCURACIES
    ]
    lines += [
        f"| one who guesses is right in 50 %, give or take {100 * margin:.0f} points | "
        f"{judgements_for_equivalence(margin)} |"
        for margin in MARGINS
    ]
    return "\n".join(lines)


def _from_which_on(power: NDArray[np.float64]) -> int:
    """Return the number of judgements, from 1, from which on a power stays at `POWER` or above."""
    too_low = np.flatnonzero(power < POWER)
    if len(too_low) and too_low[-1] == len(power) - 1:
        raise ValueError(f"more than {MOST} judgements are needed")
    return int(too_low[-1]) + 2 if len(too_low) else 1


if __name__ == "__main__":
    print(table_of_sizes())
