"""The figure of a scaling study: measured points, and apart from them what is predicted."""

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from synaxial.studies.scaling.efficiency import Point, efficiencies
from synaxial.studies.scaling.points import MODES

COLOURS = {"strong": "#0f766e", "weak": "#b45309"}
GREY = "#94a3b8"

#: So many need no logarithmic axis for their throughput.
FEW_RANKS = 4


def draw_scaling(points: Sequence[Point], title: str, remark: str) -> Figure:
    """Draw throughput, efficiency and communication over the ranks.

    Lines and dots are measured, with their interquartile range; dashes and rings are predicted;
    crosses had fewer cores than threads, and have no efficiency.

    Parameters
    ----------
    points
        Measured and predicted.
    title
        What was measured where.
    remark
        A line under it, such as why nothing is predicted; may be empty.
    """
    figure = Figure(figsize=(13, 5), layout="constrained")
    figure.suptitle("\n".join([title, *textwrap.wrap(remark, 150)]), fontsize=10)
    speed, share, talk = figure.subplots(1, 3)
    ranks = sorted({point.ranks for point in points})
    shares = efficiencies(points)
    for mode in MODES:
        of_mode = [point for point in points if point.mode == mode]
        _draw(speed, of_mode, {p: p.images_per_second for p in of_mode}, spread=True)
        _draw(share, of_mode, {p: shares[p] for p in of_mode if p in shares})
        _draw(talk, of_mode, {p: 100 * p.communication / p.seconds for p in of_mode})
        alone = next((p for p in of_mode if p.ranks == 1), None)
        if alone is not None and mode == "weak":
            ideal = [alone.images_per_second * number for number in ranks]
            speed.plot(ranks, ideal, ":", color=GREY, label="ideal")
    share.axhline(1, linestyle=":", color=GREY)
    panels = (
        (speed, "Throughput", "images per second, all ranks"),
        (share, "Efficiency", "share of the ranks' time"),
        (talk, "Inside messages, measured ones with waiting", "% of a step, mean of the ranks"),
    )
    for axes, heading, unit in panels:
        axes.set_title(heading, fontsize=10)
        axes.set_ylabel(unit)
        axes.set_xlabel("MPI ranks (R)")
        axes.set_xscale("log", base=2)
        axes.set_xticks(ranks, [str(number) for number in ranks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.3)
    if ranks[-1] > FEW_RANKS:
        speed.set_yscale("log", base=2)
        speed.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        speed.set_ylim(bottom=0)
    for axes, least in ((share, 1.1), (talk, 5)):
        axes.set_ylim(bottom=0, top=max(least, *axes.get_ylim()))
    # All that any panel has is in the first one.
    figure.legend(*speed.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw(
    axes: mpl.axes.Axes, points: list[Point], values: dict[Point, float], spread: bool = False
) -> None:
    """Draw one mode's values; predicted ones begin at the last measured one."""
    if not points:
        return
    mode = points[0].mode
    colour = COLOURS[mode]
    drawn = [point for point in points if point in values]
    measured = [p for p in drawn if not p.predicted and not p.crowded]
    crowded = [p for p in drawn if p.crowded]
    predicted = [p for p in drawn if p.predicted]
    x = [p.ranks for p in measured]
    axes.plot(x, [values[p] for p in measured], "-o", color=colour, label=f"{mode}, measured")
    for point in measured if spread else []:
        ends = [point.batch_size / point.high, point.batch_size / point.low]
        axes.plot([point.ranks] * 2, ends, color=colour, linewidth=4, alpha=0.4)
    if crowded:
        x = [p.ranks for p in crowded]
        label = f"{mode}, more threads than cores"
        axes.plot(x, [values[p] for p in crowded], "x", color=colour, label=label)
    if predicted:
        line = [*measured[-1:], *predicted]
        x, y = [p.ranks for p in line], [values[p] for p in line]
        axes.plot(x, y, "--", color=colour, linewidth=1)
        label = f"{mode}, PREDICTED"
        axes.plot(x[1:], y[1:], "o", color=colour, fillstyle="none", label=label)
