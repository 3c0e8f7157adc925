"""`synaxial study scaling report`: the scaling study as a table, as a page and as a figure."""

import html
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import typer
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from synaxial.config import read_study
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv, write_text, written_whole
from synaxial.io.pages import make_page, table_of
from synaxial.studies.scaling.cost_model import CostModel, fit, largest_deviation, predict
from synaxial.studies.scaling.points import MODES, Point, efficiencies, read_points, why_not

#: Raise it when the results of this stage change.
VERSION = 1

#: The columns of scaling.csv, which has a row for each point.
COLUMNS = [
    *("mode", "ranks", "nodes", "kind", "batch_size", "images_of_a_rank"),
    *("seconds", "seconds_low", "seconds_high", "images_per_second", "efficiency"),
    *("communication_share", "communication_share_least", "bytes_per_step", "messages_per_step"),
    "note",
]

CROWDED = "fewer cores than threads: says nothing about efficiency"
PREDICTED = "predicted by the cost model, not measured"

#: Colours of the two modes, and of the lines that help to read the figure.
COLOURS = {"strong": "#0f766e", "weak": "#b45309"}
GREY = "#94a3b8"

#: Throughput over more ranks than these has a logarithmic axis.
FEW_RANKS = 4

INTRODUCTION = """
<p>{steps} timed training steps after {warm_up} warm-up steps of the experiment {experiment}, with
its own networks, updater and data, and without log, previews or checkpoints. <i>Strong</i>: the
ranks share the batch. <i>Weak</i>: each rank has as many images as one rank alone. The seconds
are the median and the interquartile range of the steps. The time of a step is that of its slowest
rank. Efficiency is t(1) / (R t(R)) for strong and t(1) / t(R) for weak scaling, where t(1) is the
time of the measured single rank. Communication is the time inside messages (gradients, running
statistics, observed values), as the mean over the ranks. It includes waiting for slower ranks. The
rank that waited least shows how much of it is not waiting.</p>
<p>Measured on {device}, {processor}, {threads} thread(s) per rank. Before the first measurement,
the load average of its machine was {load:.2f}.</p>
"""

LIMITS = """
<h3>What this can and cannot show</h3>
<p>It shows the speed of these networks with this batch on these nodes, and where the time of a
step is spent. It does not show the quality of the images, which depends on the batch of weak
scaling and on local batch normalisation. Ranks on one node exchange messages through shared
memory: only measurements on several nodes show the speed of a network. Measurements with fewer
cores than threads are marked, have no efficiency and are not used for the fit. Predicted points
come from the cost model. It assumes that further nodes are like those measured, and does not
include slower ranks or a busy network.</p>
"""


def run(
    points: Annotated[
        list[Path],
        typer.Argument(help="Files of `synaxial study scaling measure` (.json), in any order."),
    ],
    table: Annotated[Path, typer.Option(help="The table of all points to write (.csv).")],
    page: Annotated[Path, typer.Option(help="The page that explains it to write (.html).")],
    chart: Annotated[Path, typer.Option(help="The figure to write (.png).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Report the points of a scaling study, and fit the cost model to them.

    \b
    Example:
      synaxial study scaling report strong_1.json strong_2.json weak_2.json
        --table scaling.csv --page scaling.html --chart scaling.png
    """
    study = read_study(config)
    training = study.experiments[study.scaling_experiment]
    measured, first = read_points(points)
    there = {(point.mode, point.ranks) for point in measured}
    left_out = {
        (mode, ranks): why_not(training, mode, ranks) or "not measured"
        for mode in MODES
        for ranks in study.scaling.ranks
        if (mode, ranks) not in there
    }
    if not any(point.ranks == 1 for point in measured):
        raise SynaxialError("POINTS", "none has one rank", "one, as the baseline")
    model = fit(measured)
    predicted = [] if isinstance(model, str) else predict(model, measured, training)
    everything = [*measured, *predicted]
    rows = table_rows(everything, left_out)
    write_csv(table, COLUMNS, rows)
    write_text(page, make_scaling_page(rows, measured, first, model))
    title = f"{first['experiment']}: {first['device']}, {first['processor']}"
    remark = model if isinstance(model, str) else ""
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(chart) as partial:
        draw_scaling(everything, title, remark).savefig(partial, metadata={"Software": None})


def table_rows(
    points: Sequence[Point], left_out: dict[tuple[str, int], str]
) -> list[dict[str, Any]]:
    """Return the rows of scaling.csv, with the columns `COLUMNS`."""
    shares = efficiencies(points)
    rows = [_row(point, shares.get(point)) for point in points]
    rows += [
        {"mode": mode, "ranks": ranks, "kind": "left out", "note": reason}
        for (mode, ranks), reason in left_out.items()
    ]
    return rows


def _row(point: Point, share: float | None) -> dict[str, Any]:
    return {
        "mode": point.mode,
        "ranks": point.ranks,
        "nodes": point.nodes or "",
        "kind": "predicted" if point.predicted else "measured",
        "batch_size": point.batch_size,
        "images_of_a_rank": point.images_of_a_rank,
        "seconds": f"{point.seconds:.4g}",
        "seconds_low": "" if point.predicted else f"{point.low:.4g}",
        "seconds_high": "" if point.predicted else f"{point.high:.4g}",
        "images_per_second": f"{point.images_per_second:.4g}",
        "efficiency": "" if share is None else f"{share:.3f}",
        "communication_share": f"{point.communication / point.seconds:.3f}",
        "communication_share_least": f"{point.least_communication / point.seconds:.3f}",
        "bytes_per_step": point.payload_bytes,
        "messages_per_step": point.messages,
        "note": PREDICTED if point.predicted else CROWDED if point.crowded else "",
    }


def make_scaling_page(
    rows: list[dict[str, Any]],
    points: Sequence[Point],
    first: dict[str, Any],
    model: CostModel | str,
) -> str:
    """Return the page: the method, the table, the cost model, and the limits.

    `rows` are those of `table_rows`, `points` the measured ones, and `first` the content of the
    first point's file. `model` may be the reason why there is none.
    """
    introduction = INTRODUCTION.format(
        steps=first["steps"],
        warm_up=first["warm_up"],
        experiment=html.escape(first["experiment"]),
        device=html.escape(first["device"]),
        processor=html.escape(first["processor"]),
        threads=first["threads_per_rank"],
        load=first["load_average_before"],
    )
    used = [name for name in COLUMNS if any(row.get(name, "") != "" for row in rows)]
    table = [used, *([str(row.get(name, "")) for name in used] for row in rows)]
    parts = [introduction, table_of(table), _describe(model, points), LIMITS]
    return make_page("How the training scales", "\n".join(parts))


def _describe(model: CostModel | str, points: Sequence[Point]) -> str:
    if isinstance(model, str):
        return f"<h3>Cost model</h3><p>{html.escape(model)}.</p>"
    inverse = model.seconds_per_byte
    bandwidth = "unlimited" if inverse == 0 else f"{1e-9 / inverse:.3g} GB/s"
    return (
        "<h3>Cost model</h3><p>t(R) = fixed + per image &times; images of a rank + latency &times; "
        "messages &times; ceil(log<sub>2</sub> R) + bytes / bandwidth &times; 2 (R &minus; 1) / R "
        "(an allreduce by halving and doubling: Thakur, Rabenseifner and Gropp, 2005), fitted by "
        f"non-negative least squares: fixed {model.fixed:.3g} s, per image {model.per_image:.3g} "
        f"s, latency {1e6 * model.latency:.3g} &micro;s, bandwidth {bandwidth}. The "
        f"largest deviation from a measurement is {100 * largest_deviation(model, points):.1f} "
        "%.</p>"
    )


def draw_scaling(points: Sequence[Point], title: str, remark: str) -> Figure:
    """Draw throughput, efficiency and communication over the ranks.

    Lines and dots are measured, with the interquartile range. Dashes and rings are predicted.
    Crosses had fewer cores than threads and have no efficiency. A `remark` stands under the title.
    """
    figure = Figure(figsize=(13, 5), layout="constrained")
    figure.suptitle("\n".join([title, *textwrap.wrap(remark, 150)]), fontsize=10)
    speed, share, talk = figure.subplots(1, 3)
    ranks = sorted({point.ranks for point in points})
    shares = efficiencies(points)
    for mode in MODES:
        of_mode = [point for point in points if point.mode == mode]
        if not of_mode:
            continue
        _draw(speed, mode, {p: p.images_per_second for p in of_mode}, spread=True)
        _draw(share, mode, {p: shares[p] for p in of_mode if p in shares})
        _draw(talk, mode, {p: 100 * p.communication / p.seconds for p in of_mode})
        alone = next((p for p in of_mode if p.ranks == 1), None)
        if alone is not None and mode == "weak":
            ideal = [alone.images_per_second * number for number in ranks]
            speed.plot(ranks, ideal, ":", color=GREY, label="ideal")
    share.axhline(1, linestyle=":", color=GREY)
    panels = (
        (speed, "Throughput", "images per second, all ranks"),
        (share, "Efficiency", "of one rank"),
        (talk, "Communication (measured: including waiting)", "% of a step, mean of the ranks"),
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
    # The first panel has all kinds of lines.
    figure.legend(*speed.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw(axes: mpl.axes.Axes, mode: str, values: dict[Point, float], spread: bool = False) -> None:
    """Draw the values of one mode; the predicted line starts at the last measured point."""
    colour = COLOURS[mode]
    measured = [p for p in values if not p.predicted and not p.crowded]
    crowded = [p for p in values if p.crowded]
    predicted = [p for p in values if p.predicted]
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
