"""`synaxial study segment compare`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer

from synaxial.io.files import write_csv, write_json, write_text, written_whole
from synaxial.studies.segment.comparison import COLUMNS, compare, table_rows
from synaxial.studies.segment.comparison_page import (
    draw_comparison,
    make_comparison_page,
    make_markdown,
)
from synaxial.studies.segment.results import PROTOCOL, Check, read_results

#: Raise it when the results of this stage change.
VERSION = 1


def run(
    trainings: Annotated[
        list[Path],
        typer.Argument(help="Files of `synaxial study segment train` (.json)."),
    ],
    check: Annotated[Path, typer.Option(help="File of `synaxial study segment check` (.json).")],
    table: Annotated[Path, typer.Option(help="The table of all numbers to write (.csv).")],
    values: Annotated[
        Path, typer.Option(help="The numbers with those of each person to write (.json).")
    ],
    page: Annotated[Path, typer.Option(help="The page that explains them to write (.html).")],
    chart: Annotated[Path, typer.Option(help="The figure to write (.png).")],
    markdown: Annotated[
        Path | None, typer.Option(help="The tables in Markdown to write (.md).")
    ] = None,
) -> None:
    """Compare U-Nets trained on real, on generated and on both slices.

    \b
    Example:
      synaxial study segment compare real_1.json both_1.json --check masks.json
        --table result.csv --values result.json --page result.html --chart result.png
    """
    results = read_results(trainings, check)
    rows = compare(results)
    write_csv(table, COLUMNS, table_rows(rows, results.budget))
    content = {
        "protocol": PROTOCOL,
        "budget": results.budget,
        "held_out": results.held_out.model_dump(),
        "rows": [asdict(row) for row in rows],
        "trainings": [training.summary() for training in results.trainings],
        "check": results.check.model_dump(include=set(Check.model_fields)),
    }
    write_json(values, content)
    if markdown is not None:
        write_text(markdown, make_markdown(rows, results.check))
    write_text(page, make_comparison_page(rows, results))
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(chart) as partial:
        draw_comparison(rows).savefig(partial, metadata={"Software": None})
