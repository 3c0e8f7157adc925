"""`synaxial study scaling report`."""

from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer

from synaxial.config import read_study
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv, write_text, written_whole
from synaxial.studies.scaling.cost_model import fit, predict
from synaxial.studies.scaling.points import MODES, read_points, why_not
from synaxial.studies.scaling.report_page import (
    COLUMNS,
    draw_scaling,
    make_scaling_page,
    table_rows,
)

#: Raise it when the results of this stage change.
VERSION = 1


def run(
    points: Annotated[
        list[Path],
        typer.Argument(
            help="Files of `synaxial study scaling measure` (.json), in any order.",
        ),
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
        raise SynaxialError("POINTS", "none is of one rank", "one to compare the others with")
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
