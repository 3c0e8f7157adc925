"""`synaxial study scaling report`."""

from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer

from synaxial.config import read_study
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv, write_text, written_whole
from synaxial.studies.scaling.chart import draw_scaling
from synaxial.studies.scaling.cost import fit, predict
from synaxial.studies.scaling.efficiency import read_points
from synaxial.studies.scaling.points import MODES, why_not
from synaxial.studies.scaling.table import COLUMNS, make_scaling_page, rows_of


def run(
    points: Annotated[
        list[Path],
        typer.Option(metavar="FILE...", help="Of `synaxial study scaling measure`, in any order."),
    ],
    table: Annotated[Path, typer.Option(help="All points, a row each, to write (.csv).")],
    page: Annotated[Path, typer.Option(help="The table and what it means, to write (.html).")],
    chart: Annotated[Path, typer.Option(help="The figure, to write (.png).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Put the points of a scaling study together, and fit the cost model to them."""
    study = read_study(config)
    training = study.experiments[study.scaling_experiment]
    measured, first = read_points([*points, *(others or [])])
    there = {(point.mode, point.ranks) for point in measured}
    left_out = {
        (mode, ranks): why_not(training, mode, ranks) or "not measured"
        for mode in MODES
        for ranks in study.scaling.ranks
        if (mode, ranks) not in there
    }
    if ("strong", 1) not in there and ("weak", 1) not in there:
        raise SynaxialError(
            "--points", "none is of one rank", "one that the others are held against"
        )
    model = fit(measured)
    predicted = [] if isinstance(model, str) else predict(model, measured, training)
    everything = [*measured, *predicted]
    rows = rows_of(everything, left_out)
    write_csv(table, COLUMNS, rows)
    write_text(page, make_scaling_page(rows, measured, first, model))
    title = f"{first['experiment']}: {first['device']}, {first['processor']}"
    remark = model if isinstance(model, str) else ""
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(chart) as partial:
        draw_scaling(everything, title, remark).savefig(partial, metadata={"Software": None})
