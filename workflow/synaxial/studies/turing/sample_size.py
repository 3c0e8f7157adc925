"""The number of judgements that a reader study needs, from the power of its tests.

The tests are exact, so their power is a sum of binomial probabilities. Because hits are whole
numbers, it goes slightly up and down from one number of judgements to the next. The result here is
the number from which on the power stays above the target. The normal approximation of textbooks
gives slightly smaller numbers (Chow, Shao and Wang, Sample Size Calculations in Clinical Research,
2nd edition, Chapman and Hall 2008, section 4.1, tests for one proportion and for equivalence).
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

#: Defaults of the type I error, of the power, and of the margin of equivalence: an accuracy within
#: the margin of 0.5 counts as chance.
LEVEL, POWER, MARGIN = 0.05, 0.8, 0.1

#: The accuracies and the margins of the table.
ACCURACIES, MARGINS = (0.55, 0.6, 0.65, 0.7, 0.8), (0.05, 0.1, 0.15)

#: The largest number of judgements that is tried.
MOST = 2000


def power_of_difference(judgements: ArrayLike, accuracy: ArrayLike) -> NDArray[np.float64]:
    """Return the power of the two-sided exact test of 0.5 at the level `LEVEL`.

    The distribution at 0.5 is symmetric, so the p value is twice the smaller tail: the test rejects
    with fewer hits or fewer misses than `fewest`.
    """
    count = np.asarray(judgements)
    fewest = binom.ppf(LEVEL / 2, count, 0.5)
    few, many = binom.cdf(fewest - 1, count, accuracy), binom.sf(count - fewest, count, accuracy)
    return np.asarray(few + many)


def power_of_equivalence(
    judgements: ArrayLike, margin: ArrayLike, accuracy: float = 0.5
) -> NDArray[np.float64]:
    """Return the power of both one-sided exact tests together at the level `LEVEL`.

    The tests reject where hits and misses are both fewer than `most`.
    """
    count = np.asarray(judgements)
    most = binom.ppf(LEVEL, count, 0.5 + np.asarray(margin))
    few, many = binom.cdf(most - 1, count, accuracy), binom.cdf(count - most, count, accuracy)
    return np.asarray(np.maximum(few - many, 0.0))


def judgements_for_difference(accuracy: float) -> int:
    """Return how many judgements show, with the power `POWER`, that a reader does not guess."""
    return _smallest(power_of_difference(np.arange(1, MOST + 1), accuracy))


def judgements_for_equivalence(margin: float) -> int:
    """Return how many judgements show, with the power `POWER`, that a reader guesses."""
    return _smallest(power_of_equivalence(np.arange(1, MOST + 1), margin))


@cache
def detectable_accuracy(judgements: int) -> float | None:
    """Return the smallest accuracy above 0.5 shown with the power `POWER`, in steps of 0.005.

    None if the judgements are too few for any.
    """
    accuracies = np.arange(101, 201) / 200
    return _first(accuracies[power_of_difference(judgements, accuracies) >= POWER])


@cache
def detectable_margin(judgements: int) -> float | None:
    """Return the smallest margin of equivalence shown in the same way."""
    margins = np.arange(1, 100) / 200
    return _first(margins[power_of_equivalence(judgements, margins) >= POWER])


def table_of_sizes() -> str:
    """Return the table of docs/studies/turing.md: what is shown, and the judgements needed."""
    lines = ["| to show | images |", "| --- | --- |"]
    lines += [
        f"| a reader who is right in {100 * accuracy:.0f} % does not guess | "
        f"{judgements_for_difference(accuracy)} |"
        for accuracy in ACCURACIES
    ]
    lines += [
        f"| a reader who guesses is right in 50 %, plus or minus {100 * margin:.0f} points | "
        f"{judgements_for_equivalence(margin)} |"
        for margin in MARGINS
    ]
    return "\n".join(lines)


def _first(values: NDArray[np.float64]) -> float | None:
    return float(values[0]) if len(values) else None


def _smallest(power: NDArray[np.float64]) -> int:
    """Return the number of judgements, from 1, from which on the power stays at least `POWER`."""
    last_too_low = int(np.flatnonzero(power < POWER)[-1])
    if last_too_low == len(power) - 1:
        raise ValueError(f"needs more than {MOST} judgements")
    return last_too_low + 2


if __name__ == "__main__":
    print(table_of_sizes())
