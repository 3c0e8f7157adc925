"""The distance of stored images to those of held-out subjects, as in `synaxial evaluate`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.quality.ours import SNAPSHOTS

from synaxial.config.model import Evaluate
from synaxial.evaluation.measurements import SET, Measurements, read_measurements
from synaxial.evaluation.metrics import sliced_wasserstein
from synaxial.evaluation.metrics.intervals import bootstrap_intervals

#: How many times the distance of real images is near enough.
NEAR = 1.5


@dataclass(frozen=True)
class Distance:
    """A sliced Wasserstein distance, times 1000, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True)
class Point:
    """What a contender's images are like after some minutes.

    Attributes
    ----------
    minutes, wall_minutes
        Processor time of a core, and the minutes that went by.
    cores
        Those that the training had.
    steps, trained_images
        Updates of the generator so far, and how many images the discriminator saw in them.
    distance
        That of the images.
    """

    minutes: float
    wall_minutes: float
    cores: int
    steps: int
    trained_images: int
    distance: Distance


def first_near(points: Sequence[Point], floor: Distance) -> Point | None:
    """Return the first point that is within `NEAR` times the floor, or None."""
    return next((point for point in points if point.distance.value <= NEAR * floor.value), None)


def measure_floor(controls: Path, settings: Evaluate) -> Distance:
    """Return the distance of real images of other held-out subjects, the control `real`."""
    real = read_measurements(controls / "real" / "measurements.npz")
    return distance(real, read_reference(controls), settings)


def read_reference(controls: Path) -> Measurements:
    """Read the measurements of the reference."""
    return read_measurements(controls / "reference" / "measurements.npz")


def measure_points(folder: Path, reference: Measurements, settings: Evaluate) -> list[Point]:
    """Measure the images of each snapshot of a contender."""
    points = []
    for line in read_snapshots(folder):
        pixels = np.load(folder / line.pop("file"))
        own = {
            SET: {"groups": np.arange(len(pixels))},
            sliced_wasserstein.NAME: sliced_wasserstein.measure(pixels),
        }
        points.append(Point(**line, distance=distance(own, reference, settings)))
    return points


def read_snapshots(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a contender's snapshots; of one that was repeated, the last."""
    lines = (folder / SNAPSHOTS).read_text().splitlines()
    found = {record["file"]: record for record in map(json.loads, lines)}
    return sorted(found.values(), key=lambda record: record["minutes"])


def distance(own: Measurements, reference: Measurements, settings: Evaluate) -> Distance:
    """Compare two sets of as many images.

    Raises
    ------
    ValueError
        One has more images than the other: the distances of smaller sets are larger.
    """
    groups = own[SET]["groups"], reference[SET]["groups"]
    if len(groups[0]) != len(groups[1]):
        raise ValueError(f"{len(groups[0])} images against {len(groups[1])}, expected as many")
    name = sliced_wasserstein.NAME
    statistic = partial(sliced_wasserstein.compare, own[name], reference[name])
    low, high = bootstrap_intervals(statistic, *groups, settings.repeats, settings.seed)[name]
    return Distance(statistic()[name], max(low, 0.0), high)
