"""How far the numbers of the comparison might have come out otherwise.

A U-Net's Dice coefficient is one of a seed and of a person held out. Both were drawn: other people,
and other weights, orders and training people, would have given others. So people are drawn anew
with replacement, and so are seeds, each for themselves, as in a bootstrap by hierarchy (Efron and
Tibshirani 1993, chapter 8); each scatter is widened for few people or few seeds as in
`metrics.intervals`; and the two are added up as the variances of independent parts are: the mean of
crossed draws scatters by both (Owen, Annals of Applied Statistics 1, 2007).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synaxial.metrics.intervals import Interval, interval_around

#: How often everything is drawn anew, and the seed of the draws.
REPEATS, SEED = 1000, 0

LEVEL = 0.95


def crossed_interval(values: NDArray[np.float64], least: float = 0.0) -> Interval:
    """Return the interval of the mean over seeds and people.

    Parameters
    ----------
    values
        float64 (seeds, people), two people at least. With a single seed, the interval holds what
        people make uncertain alone.
    least
        The smallest value that there can be, at which the interval ends; the largest is 1.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    estimate = float(values.mean())
    below, above = 0.0, 0.0
    for axis in (0, 1):
        means = values.mean(axis=axis)
        if len(means) == 1:
            continue
        drawn = means[generator.integers(0, len(means), (REPEATS, len(means)))].mean(axis=1)
        part = interval_around(estimate, drawn, LEVEL, len(means))
        below += (estimate - part.low) ** 2
        above += (part.high - estimate) ** 2
    return Interval(max(estimate - below**0.5, least), min(estimate + above**0.5, 1.0))


def grouped_interval(
    statistic: Callable[[NDArray[np.int64]], float], groups: NDArray[np.int64]
) -> Interval:
    """Return the interval of a statistic of images that are drawn anew by group.

    Parameters
    ----------
    statistic
        Of the numbers of images, int64 (N,), of which some may be there several times.
    groups
        int64 (N,): which images are drawn together; two groups at least.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    drawn = [
        statistic(np.concatenate([members[at] for at in chosen]))
        for chosen in generator.integers(0, len(members), (REPEATS, len(members)))
    ]
    everything = np.arange(len(groups))
    return interval_around(statistic(everything), np.array(drawn), LEVEL, len(members))
