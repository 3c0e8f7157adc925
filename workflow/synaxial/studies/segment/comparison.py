"""Dice coefficients of U-Nets trained on real, synthetic and both slices, and their differences."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.intervals import clusters_of, crossed_interval, means_of_clusters
from synaxial.studies.segment.limits import NONE
from synaxial.studies.segment.results import Results, Training

#: The columns of segmentation.csv, which has a row for each number.
COLUMNS = [
    *("subjects", "people", "number", "value", "low", "high", "seeds", "held_out"),
    *("real_images", "synthetic_images", "generators", "updates", "batch_size"),
]

#: The two kinds of each difference, at the same number of people.
DIFFERENCES = {"both - real": ("both", "real"), "synthetic - real": ("synthetic", "real")}

#: Ends the name of a difference on the half of the held-out people with the smaller tumours.
SMALLER = ", smaller tumours"


@dataclass(frozen=True)
class Row:
    """One number of the comparison: a kind, a difference or a floor.

    Attributes
    ----------
    subjects, people
        The people of the real set as they were asked for (`none` without a real set), and their
        number.
    value, low, high
        The mean over seeds and held-out people, and its interval. Where some seeds share a
        generator, the mean over generators of their seeds' means; see `means_of_clusters`.
    by_seed
        The mean over people for each seed; empty for a floor.
    held_out
        Number of people.
    real_images, synthetic_images
        Training images, the fewest of the seeds; for a difference, those of its first kind.
    generators
        Number of generators of the generated images of all seeds.
    """

    subjects: str
    people: int
    number: str
    value: float
    low: float
    high: float
    by_seed: dict[int, float]
    held_out: int
    real_images: int
    synthetic_images: int
    generators: int

    @property
    def is_difference(self) -> bool:
        """Whether it is a difference of two kinds."""
        return is_difference(self.number)


def is_difference(number: str) -> bool:
    """Return whether this is the name of a difference of two kinds."""
    return number.removesuffix(SMALLER) in DIFFERENCES


def table_rows(rows: list[Row], budget: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of segmentation.csv, with the columns `COLUMNS`."""
    return [
        {
            **{name: value for name, value in asdict(row).items() if name != "by_seed"},
            **{name: f"{getattr(row, name):.6g}" for name in ("value", "low", "high")},
            "seeds": " ".join(map(str, row.by_seed)),
            "updates": budget["updates"],
            "batch_size": budget["batch_size"],
        }
        for row in rows
    ]


def compare(results: Results) -> list[Row]:
    """Return the floors, each kind at each number of people, and the differences at each number.

    A difference is taken within the same seeds and people, so that their common effects cancel. It
    is also given for the people with the smaller tumours, at least two.
    """
    people = sorted(results.trainings[0].dice)
    halves = {"": people, SMALLER: people_with_smaller_tumours(results.check.tumour_pixels)}
    sets: dict[tuple[str, str], dict[int, Training]] = {}
    for training in results.trainings:
        sets.setdefault((training.subjects, training.kind), {})[training.seed] = training
    rows = [
        _row(NONE, name, np.array([[scores[person] for person in people]]), {})
        for name, scores in results.check.floors.items()
    ]
    rows += [
        _row(subjects, kind, _matrix(of_seeds, sorted(of_seeds), people), of_seeds)
        for (subjects, kind), of_seeds in sets.items()
    ]
    sizes = dict.fromkeys(subjects for subjects, _ in sets if subjects != NONE)
    for subjects in sizes:
        for number, pair in DIFFERENCES.items():
            left, right = (
                sets.get((NONE if kind == "synthetic" else subjects, kind)) for kind in pair
            )
            if left is not None and right is not None:
                rows += [
                    _difference(subjects, number + half, left, right, chosen)
                    for half, chosen in halves.items()
                    if len(chosen) >= 2
                ]
    return rows


def people_with_smaller_tumours(pixels: dict[str, int]) -> list[str]:
    """Return the half of the people whose tumours have the fewest pixels, rounded down."""
    return sorted(sorted(pixels, key=lambda person: (pixels[person], person))[: len(pixels) // 2])


def _difference(
    subjects: str,
    number: str,
    left: dict[int, Training],
    right: dict[int, Training],
    people: list[str],
) -> Row:
    seeds = sorted(set(left) & set(right))
    if not seeds:
        raise SynaxialError(
            f"{number} at {subjects} subjects",
            "has no seed in common",
            "trainings with the same seeds",
        )
    values = _matrix(left, seeds, people) - _matrix(right, seeds, people)
    row = _row(subjects, number, values, {seed: left[seed] for seed in seeds})
    # `synthetic` has no number of people of its own; the difference has that of `right`.
    return replace(row, people=max(len(right[seed].people) for seed in seeds))


def _matrix(
    of_seeds: dict[int, Training], seeds: list[int], people: list[str]
) -> NDArray[np.float64]:
    return np.array([[of_seeds[seed].dice[person] for person in people] for seed in seeds])


def _row(
    subjects: str, number: str, values: NDArray[np.float64], of_seeds: dict[int, Training]
) -> Row:
    trainings = [of_seeds[seed] for seed in sorted(of_seeds)]
    drawn = values
    if trainings:
        drawn = means_of_clusters(values, clusters_of([each.generators for each in trainings]))
    interval = crossed_interval(drawn, -1.0 if is_difference(number) else 0.0)
    return Row(
        subjects,
        max((len(training.people) for training in trainings), default=0),
        number,
        float(drawn.mean()),
        interval.low,
        interval.high,
        dict(zip(sorted(of_seeds), values.mean(axis=1).tolist(), strict=False)),
        values.shape[1],
        min((training.real_images for training in trainings), default=0),
        min((training.synthetic_images for training in trainings), default=0),
        len({name for training in trainings for name in training.generators}),
    )
