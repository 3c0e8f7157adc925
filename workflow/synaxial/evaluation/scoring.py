"""Every metric of a set of images against the reference."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Literal

from synaxial.evaluation.features import efficientnet, wavelets
from synaxial.evaluation.features.rows import Statistic
from synaxial.evaluation.measurement_files import Measurements
from synaxial.evaluation.measuring import FEATURES, SET
from synaxial.evaluation.metrics import (
    anatomy,
    diversity,
    frechet_distance,
    kernel_distance,
    memorisation,
    neighbours,
    sliced_wasserstein,
    spectrum,
    texture,
    two_sample,
)
from synaxial.evaluation.metrics.images import Weights
from synaxial.evaluation.metrics.intervals import bootstrap_intervals

#: What the numbers mean together: sets, sizes, metrics and their constants. Numbers of different
#: protocols are not compared.
PROTOCOL = "1"

#: Metrics that compare what `measure` found under their own name.
OF_IMAGES: tuple[ModuleType, ...] = (
    sliced_wasserstein,
    diversity,
    spectrum,
    memorisation,
    anatomy,
    texture,
)

#: Metrics that compare features of either kind; each number's name has the features' at its end.
OF_FEATURES: tuple[ModuleType, ...] = (kernel_distance, frechet_distance, neighbours, two_sample)

#: Numbers that may be below 0, and numbers that cannot be above 1: intervals end there.
OF_EITHER_SIGN = {
    *("diversity", "spectrum_fine", "kernel_distance", "texture"),
    *("memorisation_threshold", "memorisation_nearest", "memorisation_nearest_real"),
}
SHARES = {"memorisation", "precision", "recall", "coverage", "auc", "accuracy"}


@dataclass(frozen=True)
class Value:
    """A number with its interval.

    Attributes
    ----------
    value, low, high
        In the metric's own unit; the interval is that of 95 %.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Headline:
    """A number that a table of experiments shows.

    Attributes
    ----------
    metric
        The module whose number it is.
    number
        What the metric calls it.
    good
        Which values are: low ones, high ones, those near 0, 0.5 or 1.
    features
        The module of the features that it is of, if any.
    what
        Which of the metric's numbers it is, in a reader's words; empty if there is one only.
    """

    metric: ModuleType
    number: str
    good: Literal["low", "high", "0", "0.5", "1"]
    features: ModuleType | None = None
    what: str = ""

    @property
    def name(self) -> str:
        """The number's name among all values of a set."""
        return self.number if self.features is None else f"{self.number}_{self.features.NAME}"

    @property
    def title(self) -> str:
        """What a reader sees: it begins with the metric's title, as its explanation does."""
        words = f"{self.metric.TITLE}: {self.what}" if self.what else str(self.metric.TITLE)
        return words if self.features is None else f"{words}, {self.features.TITLE}"


HEADLINES = (
    Headline(sliced_wasserstein, "sliced_wasserstein", "low"),
    Headline(kernel_distance, "kernel_distance", "low", efficientnet),
    Headline(frechet_distance, "frechet_distance", "low", efficientnet),
    Headline(frechet_distance, "frechet_distance", "low", wavelets),
    Headline(neighbours, "precision", "high", efficientnet, "precision"),
    Headline(neighbours, "coverage", "high", efficientnet, "coverage"),
    Headline(diversity, "diversity", "0", what="MS-SSIM of pairs less real"),
    Headline(spectrum, "grid_index", "1", what="grid index"),
    Headline(memorisation, "memorisation", "low", what="share too near to training"),
    Headline(two_sample, "auc", "0.5", efficientnet, "AUC"),
)

#: All metrics and features that a report explains: those of the table first, in its order.
EXPLAINED: tuple[ModuleType, ...] = tuple(
    dict.fromkeys(
        [*(headline.metric for headline in HEADLINES), *OF_IMAGES, *OF_FEATURES, *FEATURES]
    )
)


def evaluate_set(
    candidate: Measurements, reference: Measurements, repeats: int, seed: int
) -> dict[str, Value]:
    """Compare a set of images with the reference in every metric.

    Parameters
    ----------
    candidate, reference
        What `synaxial evaluate measure` found of each.
    repeats, seed
        Of the bootstrap: see `metrics.intervals`.

    Returns
    -------
    dict[str, Value]
        By the numbers' names.

    Raises
    ------
    KeyError
        Something was not measured.
    ValueError
        The measurements are not of sets that can be compared.
    """
    groups = candidate[SET]["groups"], reference[SET]["groups"]
    if len(groups[0]) != len(groups[1]):
        raise ValueError(f"{len(groups[0])} images against {len(groups[1])}, expected as many")
    found: dict[str, Value] = {}
    for suffix, statistic in statistics(candidate, reference):
        values = statistic(None, None)
        intervals = bootstrap_intervals(statistic, *groups, repeats, seed)
        for name, value in values.items():
            low, high = intervals[name]
            if name not in OF_EITHER_SIGN:
                low = max(low, 0.0)
            if name in SHARES:
                high = min(high, 1.0)
            found[f"{name}{suffix}"] = Value(value, low, high)
    return found


def statistics(candidate: Measurements, reference: Measurements) -> list[tuple[str, Statistic]]:
    """Return each metric, ready to be asked about any weights, and what ends its numbers' names."""
    made: list[tuple[str, Statistic]] = []
    for metric in OF_IMAGES:
        rows = candidate[metric.NAME], reference[metric.NAME]
        made.append(("", _asked(metric.compare, *rows)))
    groups = candidate[SET]["groups"], reference[SET]["groups"]
    for features in FEATURES:
        both = candidate[features.NAME]["features"], reference[features.NAME]["features"]
        for metric in OF_FEATURES:
            grouped = metric is not frechet_distance
            given = (*both, *groups) if grouped else both
            made.append((f"_{features.NAME}", metric.prepare(*given)))
    return made


def _asked(compare: Callable[..., dict[str, float]], *rows: Any) -> Statistic:
    """Return a metric's comparison of these rows as a function of the weights alone."""
    comparison = partial(compare, *rows)

    def statistic(candidate: Weights, reference: Weights) -> dict[str, float]:
        return comparison(candidate, reference)

    return statistic
