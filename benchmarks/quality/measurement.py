"""The measurement of what the contenders have stored: rows, a table and a picture."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.partner import REPOSITORY
from benchmarks.preprocessing.rows import Row
from benchmarks.quality.distances import (
    NEAR,
    Distance,
    Point,
    first_near,
    measure_floor,
    measure_points,
    read_reference,
)
from benchmarks.quality.drawing import write_picture
from benchmarks.quality.ours import SNAPSHOTS

from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.io.errors import SynaxialError

#: The contenders by the names of their folders, ours first.
TITLES = {
    "modern": "preset: modern",
    "paper": "the paper's recipe",
    "peer": "lightweight-gan",
}

#: Where the picture is, for this page and for others.
PICTURE = REPOSITORY / "docs" / "results" / "patients" / "time_to_quality.png"

#: How the numbers come about.
HOW = (
    "A minute is one of processor time, divided by the number of cores: other work on the machine "
    "takes nothing from a training, and a core that a training leaves idle does not count. All "
    "train on the same images of 256 x 256 pixels of 15 patients (docs/results/patients), on "
    "{cores} cores{ranks}. At each time, 300 images are made, which is not counted, and compared "
    "with 300 of ten held-out patients, as `synaxial evaluate` does. The floor is the distance of "
    "300 images of the ten other held-out patients. The minutes of `preset: modern` begin with the "
    "training of its up-sampler, without which it makes no full image: its curve begins where that "
    "one is finished. lightweight-gan has smaller networks and batches than its defaults "
    "(benchmarks/peer.py says why). One training each, of one seed. They ran one after the other, "
    "each with the code of its day; date and commit are those of the comparison."
)


def measure(
    runs: Path, results: Path, study: Path, picture: Path = PICTURE
) -> tuple[list[Row], list[str]]:
    """Measure the contenders that have stored images, and draw the picture.

    Parameters
    ----------
    runs
        The folder that `python -m benchmarks.quality` wrote.
    results
        The folder of the study's results, with its `controls`.
    study
        The study, for the seed and the number of draws of the intervals.
    picture
        Where the picture shall be.

    Returns
    -------
    rows
        One a contender beside ours.
    notes
        How it was measured, the picture and the table.
    """
    settings = read_study(study).evaluate
    there = {name: title for name, title in TITLES.items() if (runs / name / SNAPSHOTS).exists()}
    if not there:
        raise SynaxialError(
            runs, "has no stored images", "those of `python -m benchmarks.quality`", "run it first"
        )
    reference = read_reference(results / "controls")
    with use_threads(len(os.sched_getaffinity(0))):
        floor = measure_floor(results / "controls", settings)
        contenders = {
            title: measure_points(runs / name, reference, settings) for name, title in there.items()
        }
    cores = {point.cores for points in contenders.values() for point in points}
    if len(cores) > 1:
        found = f"has trainings on {sorted(cores)} cores"
        raise SynaxialError(runs, found, "the same number", "train all again")
    write_picture(picture, contenders, floor)
    link = os.path.relpath(picture, REPOSITORY / "benchmarks")
    notes = [
        HOW.format(cores=cores.pop(), ranks=ranks_of(runs, there)),
        f"![Distance against minutes]({link})",
        table(contenders, floor),
    ]
    return rows_of(contenders, floor), notes


def ranks_of(runs: Path, names: Mapping[str, str]) -> str:
    """Say in how many ranks ours trained, by their records."""
    said_of = []
    for name, title in names.items():
        record = runs / name / "generator.json"
        if record.exists():
            ranks = len(json.loads(record.read_text())["ranks"])
            said_of.append(f", {title} in {ranks} rank{'s' * (ranks > 1)}")
    return "".join(said_of)


def rows_of(contenders: Mapping[str, Sequence[Point]], floor: Distance) -> list[Row]:
    """Return the minutes of ours beside those of each other contender."""
    (ours, own), *others = contenders.items()
    if not others:
        return [row(ours, own, None, floor)]
    return [
        replace(row(ours, own, points, floor), name=f"{NAME}, {ours}, against {title}")
        for title, points in others
    ]


#: What a row is of.
NAME = f"minutes until images are within {NEAR} times the distance of real ones"


def row(ours: str, own: Sequence[Point], other: Sequence[Point] | None, floor: Distance) -> Row:
    """Return the row of one comparison; a side that never is near enough has no number."""
    mine = first_near(own, floor)
    theirs = None if other is None else first_near(other, floor)
    how = f"ours {said(own, floor)}" + ("" if other is None else f"; other {said(other, floor)}")
    return Row(
        f"{NAME}, {ours}",
        float("nan") if mine is None else mine.minutes,
        None if theirs is None else theirs.minutes,
        None if mine is None or theirs is None else mine.minutes / theirs.minutes,
        "minutes (less is better)",
        how,
    )


def said(points: Sequence[Point], floor: Distance) -> str:
    """Return in words when a contender was near enough, or how near it came."""
    near = first_near(points, floor)
    if near is None:
        best = min(points, key=lambda point: point.distance.value)
        times = best.distance.value / floor.value
        return (
            f"not in {points[-1].minutes:.0f} minutes: at best {times:.1f} times the floor, after "
            f"{best.minutes:.0f}"
        )
    before = [point.minutes for point in points if point.minutes < near.minutes]
    since = f"not yet after {before[-1]:.0f}" if before else "its first images"
    return (
        f"{near.distance} after {near.minutes:.0f} minutes, {near.wall_minutes:.0f} of the clock "
        f"and {near.trained_images} images; {since}"
    )


def table(contenders: Mapping[str, Sequence[Point]], floor: Distance) -> str:
    """Return the distances as a table, a line for each minute at which images were stored."""
    minutes = sorted({round(point.minutes) for points in contenders.values() for point in points})
    lines = [
        f"Sliced Wasserstein distance times 1000, with 95 % intervals. The floor: {floor}.",
        "",
        f"| minutes | {' | '.join(contenders)} |",
        f"| ---: |{' --- |' * len(contenders)}",
    ]
    for minute in minutes:
        found = [
            next((str(p.distance) for p in points if round(p.minutes) == minute), "")
            for points in contenders.values()
        ]
        lines.append(f"| {minute} | {' | '.join(found)} |")
    return "\n".join(lines)
