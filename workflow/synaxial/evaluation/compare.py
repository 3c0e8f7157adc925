"""`synaxial evaluate compare`: experiments and controls side by side, in all numbers."""

import math
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import typer
from matplotlib.figure import Figure

from synaxial.evaluation.comparison_page import make_comparison, make_markdown
from synaxial.evaluation.judge_record import EXPECTED, JudgeRecord
from synaxial.evaluation.scores import (
    PROTOCOL,
    Evaluation,
    Headline,
    by_name,
    headlines_of,
    over_seeds,
    read_evaluations,
)
from synaxial.evaluation.verdict import FLOOR
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv, write_text, written_whole
from synaxial.io.models import read_model

#: Raise it when the results of this stage change.
VERSION = 7

#: Panels of the chart side by side.
PANELS = 6

#: The floor, which is other real subjects, is green, controls are grey, experiments dark.
GREEN, GREY, DARK = "#0f766e", "#94a3b8", "#1e293b"


def run(
    evaluations: Annotated[
        list[Path],
        typer.Argument(
            metavar="EVALUATION...",
            help="Files of `synaxial evaluate score` (.json), in the order of the table.",
        ),
    ],
    table: Annotated[Path, typer.Option(help="All numbers to write (.csv), one per row.")],
    page: Annotated[
        Path, typer.Option(help="The page to write (.html): verdict, table, explanations.")
    ],
    chart: Annotated[Path, typer.Option(help="The table as a picture, to write (.png).")],
    judge: Annotated[
        Path | None, typer.Option(help="The record of `synaxial evaluate judge` (.json).")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="The table alone, for documents, to write (.md).")
    ] = None,
) -> None:
    """Compare experiments and controls: a verdict, a table and a chart of all numbers.

    \b
    Example: synaxial evaluate compare --table comparison.csv --page comparison.html
      --chart comparison.png controls/*/evaluation.json experiments/*/seed_*/evaluation.json
    """
    found = read_evaluations(evaluations)
    controls = [evaluation for evaluation in found if evaluation.seed is None]
    experiments = [evaluation for evaluation in found if evaluation.seed is not None]
    if not experiments:
        raise SynaxialError("EVALUATIONS", "belong to control sets only", "one of an experiment")
    rows = rows_of(found)
    write_csv(table, list(rows[0]), rows)
    record = None if judge is None else read_model(judge, JudgeRecord, EXPECTED)
    write_text(page, make_comparison(controls, experiments, record))
    if markdown is not None:
        write_text(markdown, make_markdown(controls, experiments))
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(chart) as partial:
        draw_chart(controls, experiments).savefig(partial, metadata={"Software": None})


def rows_of(evaluations: list[Evaluation]) -> list[dict[str, Any]]:
    """Return the rows of comparison.csv: one for each number of a set."""
    return [
        {
            "set": evaluation.name,
            "kind": "control" if evaluation.seed is None else "experiment",
            "seed": "" if evaluation.seed is None else evaluation.seed,
            "number": number,
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "images": evaluation.images,
            "protocol": PROTOCOL,
        }
        for evaluation in evaluations
        for number, value in evaluation.values.items()
    ]


def draw_chart(controls: list[Evaluation], experiments: list[Evaluation]) -> Figure:
    """Draw a panel for each headline, with a line for each set and the floor as a band."""
    sets = by_name(controls) | by_name(experiments)
    headlines = headlines_of(controls + experiments)
    rows = math.ceil(len(headlines) / PANELS)
    height = 1.2 + 0.28 * len(sets)
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(3.1 * PANELS, rows * height), layout="constrained")
        panels = figure.subplots(rows, PANELS, sharey=True, squeeze=False).ravel()
        for panel, headline in zip(panels, headlines, strict=False):
            _draw_panel(panel, headline, sets, {evaluation.name for evaluation in controls})
        for panel in panels[len(headlines) :]:
            panel.set_axis_off()
        figure.suptitle(
            "Dots: each seed; lines: 95 % intervals. Green: real images of other held-out "
            "subjects. Grey: controls with a known defect (copies and warped are training images).",
            fontsize=9,
        )
    return figure


def _draw_panel(
    panel: mpl.axes.Axes,
    headline: Headline,
    sets: dict[str, list[Evaluation]],
    controls: set[str],
) -> None:
    names = list(sets)
    if FLOOR in sets:
        floor = over_seeds(sets[FLOOR], headline.name)
        panel.axvspan(floor.low, floor.high, color=GREEN, alpha=0.15, linewidth=0)
        panel.axvline(floor.value, color=GREEN, linewidth=1)
    for line, name in enumerate(names):
        value = over_seeds(sets[name], headline.name)
        colour = GREEN if name == FLOOR else GREY if name in controls else DARK
        panel.plot([value.low, value.high], [line, line], color=colour, linewidth=2)
        for evaluation in sets[name]:
            panel.plot(evaluation.values[headline.name].value, line, "o", color=colour, ms=4)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_title(f"{headline.title}\n{headline.rule}", fontsize=9)
    panel.grid(axis="x", alpha=0.3)
    # Noise is so far away that nothing else could be distinguished.
    others = [over_seeds(sets[name], headline.name) for name in names if name != "noise"]
    if headline.good == "low" and others and len(others) < len(names):
        low, high = min(value.low for value in others), max(value.high for value in others)
        if over_seeds(sets["noise"], headline.name).low > high > low:
            panel.set_xlim(low - 0.08 * (high - low), high + 0.08 * (high - low))
            place = names.index("noise")
            at = panel.get_yaxis_transform()
            panel.text(1, place, "beyond →", ha="right", va="center", color=GREY, transform=at)
