"""The picture of distance against minutes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from benchmarks.quality.distances import NEAR, Distance, Point, first_near
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from synaxial.io.files import written_whole


def draw(contenders: Mapping[str, Sequence[Point]], floor: Distance) -> Figure:
    """Draw a line a contender by its title, and a large dot where it first is near enough."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for title, points in contenders.items():
        minutes = [point.minutes for point in points]
        values = [point.distance.value for point in points]
        (line,) = axes.plot(minutes, values, marker=".", label=title)
        near = first_near(points, floor)
        if near is not None:
            at = near.minutes, near.distance.value
            axes.plot(*at, marker="o", markersize=12, color=line.get_color())
            axes.annotate(f"{near.minutes:.0f} min", at, (0, 12), textcoords="offset points")
    axes.axhline(floor.value, color="green", label="real images of other subjects")
    axes.axhline(NEAR * floor.value, color="green", linestyle="--", label=f"{NEAR} times that")
    axes.set_xlim(left=0)
    axes.set_yscale("log")
    # Plain numbers, not powers of ten.
    for axis_format in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis_format(ScalarFormatter())
    axes.set_xlabel("minutes, all cores busy")
    axes.set_ylabel("sliced Wasserstein distance x 1000 (low is good)")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def write_picture(path: Path, contenders: Mapping[str, Sequence[Point]], floor: Distance) -> None:
    """Write the picture as a PNG; the same numbers give the same bytes."""
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(path) as partial:
        draw(contenders, floor).savefig(partial, metadata={"Software": None})
