"""How far the numbers of readers might have come out otherwise: bootstrap intervals.

Images are drawn anew within each kind, so that there are always as many of each, and with an
image all readers' answers to it, which resemble each other. Readers are drawn too where the
interval is to hold for readers like these: the pigeonhole bootstrap. Its variance is right for
the images' own part, up to three times too large for what is left between a reader and an image,
and too small by (R - 1) / R for the readers' part, which is why the interval is widened as for
the means of few groups (`interval_around`). So it is too wide rather than too narrow: in the
simulations of the tests it holds the truth in 95 to 100 of 100 readings, 95 where it is the
readers that differ most.

Sources: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007; of readings, Gallas
et al., Evaluating imaging and computer-aided detection and diagnosis devices at the FDA, Academic
Radiology 19, 2012.
"""

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.intervals import Interval, interval_around
from synaxial.studies.turing.judgements import SCORES, Judgements
from synaxial.studies.turing.statistics import areas

#: How often is drawn.
REPEATS = 2000

NUMBERS = ("accuracy", "sensitivity", "specificity", "balanced_accuracy", "auc")


def draws_of(
    judgements: Judgements, readers_too: bool, repeats: int = REPEATS, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Return the numbers of drawn sets, each float64 (repeats,); NaN where there is none.

    Parameters
    ----------
    judgements
        Of one or several readers.
    readers_too
        Whether readers are drawn as well as images.
    repeats, seed
        The same seed draws the same.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    readers, _ = judgements.scores.shape
    weights = np.zeros((repeats, len(judgements.truth)))
    for kind in (True, False):
        of_kind = np.flatnonzero(judgements.truth == kind)
        if len(of_kind):
            shares = np.full(len(of_kind), 1 / len(of_kind))
            weights[:, of_kind] = generator.multinomial(len(of_kind), shares, repeats)
    times = (
        generator.multinomial(readers, np.full(readers, 1 / readers), repeats).astype(float)
        if readers_too
        else np.ones((repeats, readers))
    )
    return _numbers(judgements, weights, times)


def numbers_of(judgements: Judgements) -> dict[str, float | None]:
    """Return the numbers themselves; None where there is none.

    Of several readers, shares are of all their answers together, and the area under the ROC curve
    is the mean of theirs, weighted by their pairs of images: one's confidence is not another's.
    """
    ones = np.ones((1, len(judgements.truth))), np.ones((1, len(judgements.scores)))
    found = {name: float(values[0]) for name, values in _numbers(judgements, *ones).items()}
    return {name: None if np.isnan(value) else value for name, value in found.items()}


def interval_of(draws: NDArray[np.float64], level: float = 0.95) -> Interval | None:
    """Return the quantiles of drawn values; None where there are none."""
    kept = draws[~np.isnan(draws)]
    if len(kept) == 0:
        return None
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def interval_of_such(
    value: float | None, draws: NDArray[np.float64], readers: int, level: float = 0.95
) -> Interval | None:
    """Return the interval for readers like these, from values with images and readers drawn.

    It lies between 0 and 1, as the numbers do; None where there is no number.
    """
    kept = draws[~np.isnan(draws)]
    if value is None or len(kept) == 0:
        return None
    low, high = interval_around(value, kept, level, readers)
    return Interval(max(low, 0.0), min(high, 1.0))


def _numbers(
    judgements: Judgements, weights: NDArray[np.float64], times: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the numbers with weights of images (B, N) and of readers (B, R), each (B,)."""
    # Whether each reader gave each image each score: (N, R, K).
    given = judgements.scores.T[:, :, None] == np.array(SCORES)
    generated, real = (
        np.tensordot(weights[:, of_kind], given[of_kind].astype(float), 1)
        for of_kind in (judgements.truth, ~judgements.truth)
    )
    says_generated = np.array(SCORES) > 0
    hits = np.einsum("br,brk->b", times, generated[..., says_generated])
    rejections = np.einsum("br,brk->b", times, real[..., ~says_generated])
    counts = [np.einsum("br,brk->b", times, every) for every in (generated, real)]
    pairs = times * generated.sum(-1) * real.sum(-1)
    areas_of_readers = np.where(pairs > 0, areas(generated, real), 0.0)
    with np.errstate(invalid="ignore"):
        sensitivity, specificity = hits / counts[0], rejections / counts[1]
        return {
            "accuracy": (hits + rejections) / (counts[0] + counts[1]),
            "sensitivity": sensitivity,
            "specificity": specificity,
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "auc": (pairs * areas_of_readers).sum(-1) / pairs.sum(-1),
        }
