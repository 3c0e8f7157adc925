"""`synaxial study segment compare`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer

from synaxial.io.files import write_csv, write_json, write_text, written_whole
from synaxial.studies.segment.chart import draw_comparison
from synaxial.studies.segment.comparison import COLUMNS, compare
from synaxial.studies.segment.page import make_segmentation_page, rows_of
from synaxial.studies.segment.records import PROTOCOL
from synaxial.studies.segment.results import read_results
from synaxial.studies.segment.tables import make_markdown


def run(
    trainings: Annotated[
        list[Path], typer.Option(metavar="FILE...", help="Of `synaxial study segment train`.")
    ],
    check: Annotated[Path, typer.Option(help="Of `synaxial study segment check`.")],
    table: Annotated[Path, typer.Option(help="All numbers, a row each, to write (.csv).")],
    values: Annotated[Path, typer.Option(help="The same, and each person's, to write (.json).")],
    page: Annotated[Path, typer.Option(help="The tables and what they mean, to write (.html).")],
    chart: Annotated[Path, typer.Option(help="The figure, to write (.png).")],
    markdown: Annotated[
        Path | None, typer.Option(help="The tables in Markdown, to write (.md).")
    ] = None,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Put U-Nets trained on real, on generated and on both slices side by side."""
    results = read_results([*trainings, *(others or [])], check)
    rows = compare(results)
    write_csv(table, COLUMNS, rows_of(rows, results))
    write_json(
        values,
        {
            "protocol": PROTOCOL,
            "budget": results.budget,
            "held_out": results.held_out,
            "rows": [asdict(row) for row in rows],
            "trainings": [asdict(training) for training in results.trainings],
            "check": asdict(results.check),
        },
    )
    if markdown is not None:
        write_text(markdown, make_markdown(rows, results.check))
    write_text(page, make_segmentation_page(rows, results))
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(chart) as partial:
        draw_comparison(rows).savefig(partial, metadata={"Software": None})
