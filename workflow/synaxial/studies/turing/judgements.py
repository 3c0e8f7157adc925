"""Readers' judgements as arrays, and bootstrap intervals of their numbers.

Images are drawn with replacement within each kind, so that the number of each kind stays. An image
is drawn with the answers of all readers, because these resemble each other. Where the interval is
for readers like these, readers are drawn too: the pigeonhole bootstrap. Its variance is right for
the images' part, up to three times too large for the residuals between a reader and an image, and
too small by (R - 1) / R for the readers' part. The interval is therefore widened as for the means
of few groups (`interval_around`), and is rather too wide than too narrow: in the simulations of the
tests it contains the truth in 95 to 100 of 100 readings, 95 where readers differ most.

Sources: Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007; for readings, Gallas
et al., Evaluating imaging and computer-aided detection and diagnosis devices at the FDA, Academic
Radiology 19, 2012.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.intervals import Interval, interval_around
from synaxial.studies.turing.files import REASONS, Answer, Answers, Key
from synaxial.studies.turing.statistics import areas

#: The number of bootstrap draws.
REPEATS = 2000

#: The scores of an answer: "real" with confidence 5 to 1, "generated" with confidence 1 to 5.
SCORES = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Judgements:
    """The answers of R readers to N images; a repeated image counts once, with the first answer.

    Attributes
    ----------
    truth
        bool (N,): whether the image was generated.
    scores
        float64 (R, N): the confidence, negative for "real"; NaN without an answer.
    repeated
        For each reader, float64 (repeats, 2): the scores of the images shown twice.
    """

    truth: NDArray[np.bool_]
    scores: NDArray[np.float64]
    repeated: list[NDArray[np.float64]]

    @property
    def calls(self) -> NDArray[np.float64]:
        """Return 1 for "generated", 0 for "real" and NaN without an answer: float64 (R, N)."""
        return np.where(np.isnan(self.scores), np.nan, self.scores > 0)

    def of(self, reader: int) -> "Judgements":
        """Return the judgements of one reader."""
        return Judgements(
            self.truth, self.scores[reader : reader + 1], self.repeated[reader : reader + 1]
        )


def judgements_of(key: Key, everyone: list[Answers]) -> Judgements:
    """Return readers' answers as arrays, in the order of the key's images."""
    firsts = [image for image in key.images if image.repeat_of is None]
    said = [{answer.image: score_of(answer) for answer in one.answers} for one in everyone]
    return Judgements(
        np.array([image.truth == "generated" for image in firsts]),
        np.array([[mine.get(image.image, np.nan) for image in firsts] for mine in said], float),
        [_repeated(key, mine) for mine in said],
    )


def _repeated(key: Key, mine: dict[str, int]) -> NDArray[np.float64]:
    """Return one reader's scores of the images shown twice, float64 (repeats, 2)."""
    pairs = [
        (mine[image.repeat_of], mine[image.image])
        for image in key.images
        if image.repeat_of in mine and image.image in mine
    ]
    return np.array(pairs, float).reshape(-1, 2)


def score_of(answer: Answer) -> int:
    """Return an answer's confidence, negative for "real"."""
    return answer.confidence if answer.answer == "generated" else -answer.confidence


def reasons_by_truth(key: Key, everyone: list[Answers]) -> dict[str, dict[str, dict[str, int]]]:
    """Count the reasons by truth and answer, without repeated images."""
    truth = {image.image: image.truth for image in key.images if image.repeat_of is None}
    kinds = ("real", "generated")
    counts = {kind: {said: dict.fromkeys(REASONS, 0) for said in kinds} for kind in kinds}
    for one in everyone:
        for answer in one.answers:
            if answer.image in truth:
                for reason in set(answer.reasons):
                    counts[truth[answer.image]][answer.answer][reason] += 1
    return counts


def draws_of(
    judgements: Judgements, readers_too: bool, repeats: int = REPEATS
) -> dict[str, NDArray[np.float64]]:
    """Return the numbers of drawn sets, each float64 (repeats,); NaN where one is undefined.

    Images are always drawn; `readers_too` draws the readers as well.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    readers, _ = judgements.scores.shape
    weights = np.zeros((repeats, len(judgements.truth)))
    for kind in (True, False):
        of_kind = np.flatnonzero(judgements.truth == kind)
        if len(of_kind):
            weights[:, of_kind] = _drawn(len(of_kind), repeats, generator)
    times = _drawn(readers, repeats, generator) if readers_too else np.ones((repeats, readers))
    return _numbers(judgements, weights, times)


def _drawn(count: int, repeats: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each of `count` is drawn with replacement, float64 (repeats, count)."""
    return generator.multinomial(count, np.full(count, 1 / count), repeats).astype(float)


def numbers_of(judgements: Judgements) -> dict[str, float | None]:
    """Return the numbers themselves; None where one is undefined.

    For several readers, shares are over all their answers. The area under the ROC curve is the mean
    of the readers' areas, weighted by their pairs of images, because readers use the confidence
    scale differently.
    """
    ones = np.ones((1, len(judgements.truth))), np.ones((1, len(judgements.scores)))
    found = {name: float(values[0]) for name, values in _numbers(judgements, *ones).items()}
    return {name: None if np.isnan(value) else value for name, value in found.items()}


def interval_of(draws: NDArray[np.float64], level: float = 0.95) -> Interval | None:
    """Return the quantiles of drawn values; None without values."""
    kept = draws[~np.isnan(draws)]
    if len(kept) == 0:
        return None
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def interval_of_such(
    value: float | None, draws: NDArray[np.float64], readers: int, level: float = 0.95
) -> Interval | None:
    """Return the interval for readers like these, within 0 to 1; None without a number.

    `draws` are of the number `value`, with images and readers drawn.
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
    # Whether each reader gave each image each score, (N, R, K).
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
