"""`synaxial evaluate compare`."""

from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer

from synaxial.evaluation.chart import draw_chart
from synaxial.evaluation.evaluations import read_evaluations
from synaxial.evaluation.table import COLUMNS, make_comparison, make_markdown, rows_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv, write_text, written_whole


def run(
    evaluations: Annotated[
        list[Path],
        typer.Option(metavar="FILE...", help="Of `synaxial evaluate score`, in the table's order."),
    ],
    table: Annotated[Path, typer.Option(help="All numbers, a row each, to write (.csv).")],
    page: Annotated[Path, typer.Option(help="The table and what it means, to write (.html).")],
    chart: Annotated[Path, typer.Option(help="The table as a picture, to write (.png).")],
    markdown: Annotated[
        Path | None, typer.Option(help="The table alone, for documents, to write (.md).")
    ] = None,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Put experiments and controls side by side in every number."""
    found = read_evaluations([*evaluations, *(others or [])])
    controls = [evaluation for evaluation in found if evaluation.seed is None]
    experiments = [evaluation for evaluation in found if evaluation.seed is not None]
    if not experiments:
        raise SynaxialError("--evaluations", "are of controls only", "one of an experiment")
    write_csv(table, COLUMNS, rows_of(found))
    write_text(page, make_comparison(controls, experiments))
    if markdown is not None:
        write_text(markdown, make_markdown(controls, experiments))
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(chart) as partial:
        draw_chart(controls, experiments).savefig(partial, metadata={"Software": None})
