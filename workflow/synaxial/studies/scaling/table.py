"""The scaling study as a table and as a page."""

import csv
import html
import io
from collections.abc import Sequence
from typing import Any

from synaxial.io.pages import make_page, make_table
from synaxial.studies.scaling.cost import CostModel, largest_deviation
from synaxial.studies.scaling.efficiency import Point, efficiencies

#: The columns of scaling.csv: one row a point.
COLUMNS = [
    *("mode", "ranks", "nodes", "kind", "batch_size", "images_of_a_rank"),
    *("seconds", "seconds_low", "seconds_high", "images_per_second", "efficiency"),
    *("communication_share", "communication_share_least", "bytes_per_step", "messages_per_step"),
    "note",
]

CROWDED = "fewer cores than threads: says nothing about efficiency"
PREDICTED = "predicted by the cost model, not measured"

INTRODUCTION = """
<p>{steps} steps of a training after {warm_up} that do not count, of experiment {experiment}, with
its own networks, updater and data; no log, preview or checkpoint. <i>Strong</i>: the ranks share
the batch. <i>Weak</i>: each rank has as many images as one alone. Seconds are the median of the
steps, each that of its slowest rank, and the interquartile range. Efficiency is t(1) / (R t(R)) in
the strong and t(1) / t(R) in the weak mode; t(1) is that of the measured single rank.
Communication is the time inside the messages (gradients, running statistics, what is observed), as
a mean of the ranks, and includes waiting for those that come later; the rank that waited least
shows how much of it is not waiting.</p>
<p>Measured on {device}, {processor}, {threads} thread(s) a rank; load average of the first point's
machine before it {load:.2f}.</p>
"""

LIMITS = """
<h3>What it can and cannot show</h3>
<p>It shows the speed of these networks and this batch on these nodes, and where the time of a step
goes. It does not show how well the images become, which changes with the batch of the weak mode and
with local batch normalisation. Ranks of one node share its memory and exchange messages through it:
only points on several nodes say anything about a network. Points with fewer cores than threads are
marked, have no efficiency and are not fitted. What is called predicted is the model's, assumes that
more nodes are like those measured, and knows neither a slower rank nor a crowded network.</p>
"""


def rows_of(points: Sequence[Point], left_out: dict[tuple[str, int], str]) -> list[dict[str, Any]]:
    """Return the rows of scaling.csv, with the columns `COLUMNS`."""
    shares = efficiencies(points)
    rows = [_row(point, shares.get(point)) for point in points]
    rows += [
        {"mode": mode, "ranks": ranks, "kind": "left out", "note": reason}
        for (mode, ranks), reason in left_out.items()
    ]
    return rows


def _row(point: Point, share: float | None) -> dict[str, Any]:
    note = PREDICTED if point.predicted else CROWDED if point.crowded else ""
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
        "note": note,
    }


def make_scaling_page(
    rows: list[dict[str, Any]],
    points: Sequence[Point],
    first: dict[str, Any],
    model: CostModel | str,
) -> str:
    """Return the page: how it was measured, the table, the model, and what it cannot show.

    Parameters
    ----------
    rows
        Of `rows_of`.
    points
        Those measured.
    first
        The content of the first point's file.
    model
        The cost model, or why there is none.
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
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    parts = [introduction, make_table(text.getvalue()), _describe(model, points), LIMITS]
    return make_page("How the training scales", "\n".join(parts))


def _describe(model: CostModel | str, points: Sequence[Point]) -> str:
    if isinstance(model, str):
        return f"<h3>Cost model</h3><p>{html.escape(model)}.</p>"
    bandwidth = "without bound" if model.seconds_per_byte == 0 else f"{_gigabytes(model):.3g} GB/s"
    return (
        "<h3>Cost model</h3><p>t(R) = fixed + per image &times; images of a rank + latency &times; "
        "messages &times; ceil(log<sub>2</sub> R) + bytes / bandwidth &times; 2 (R &minus; 1) / R "
        "(an allreduce by halving and doubling: Thakur, Rabenseifner and Gropp, 2005), fitted by "
        f"non-negative least squares: fixed {model.fixed:.3g} s, per image {model.per_image:.3g} "
        f"s, latency {1e6 * model.latency:.3g} &micro;s, bandwidth {bandwidth}. It is "
        f"{100 * largest_deviation(model, points):.1f} % from a measured point at most.</p>"
    )


def _gigabytes(model: CostModel) -> float:
    return 1e-9 / model.seconds_per_byte
