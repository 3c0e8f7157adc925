"""Dice coefficients of real, synthetic and both, and their differences."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.intervals import clusters_of, crossed_interval, means_of_clusters
from synaxial.studies.segment.records import Results, Training
from synaxial.studies.segment.sizes import NONE

#: The columns of segmentation.csv: one row a number.
COLUMNS = [
    *("subjects", "people", "number", "value", "low", "high"),
    *(
        "seeds",
        "held_out",
        "real_images",
        "synthetic_images",
        "generators",
        "updates",
        "batch_size",
    ),
]

#: What is taken from what, at the same size: by number.
DIFFERENCES = {"both - real": ("both", "real"), "synthetic - real": ("synthetic", "real")}


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes
    ----------
    subjects
        The size of the real set as it was asked for; `none` where there is none.
    people
        As many people.
    number
        A kind, a difference or a floor.
    value, low, high
        The mean over seeds and people held out, and its interval. Where some seeds share a
        generator, the mean over generators of their seeds' means; see `means_of_clusters`.
    by_seed
        The mean over people of each seed; empty for what has no seed.
    held_out
        People.
    real_images, synthetic_images
        To train with; the least of the seeds. Of a difference, of what it is taken from.
    generators
        How many made the generated images of all seeds.
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


def compare(results: Results) -> list[Row]:
    """Return the floors, then each kind at each size, then the differences at each size.

    A difference is of the same seeds and the same people, so that what they have in common falls
    out of it.

    Raises
    ------
    SynaxialError
        There are fewer than two people with a tumour, or two kinds have no seed in common.
    """
    people = sorted(results.trainings[0].dice)
    if len(people) < 2:
        raise SynaxialError(
            "the subjects held out", f"are {len(people)} with a tumour", "two at least"
        )
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
                rows.append(_difference(subjects, number, left, right, people))
    return rows


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
            f"{number} at {subjects} subjects", "has no seed in common", "trainings of the same"
        )
    values = _matrix(left, seeds, people) - _matrix(right, seeds, people)
    row = _row(subjects, number, values, {seed: left[seed] for seed in seeds})
    # `synthetic` itself is of nobody's size; the difference is.
    return replace(row, people=max(right[seed].people for seed in seeds))


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
    interval = crossed_interval(drawn, -1.0 if number in DIFFERENCES else 0.0)
    return Row(
        subjects,
        max((training.people for training in trainings), default=0),
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
