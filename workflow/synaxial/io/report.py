"""`synaxial report`: a table or a text as a page of the report."""

import csv
import html
import io
from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_text
from synaxial.io.pages import make_page, table_of

#: Raise it when the results of this stage change.
VERSION = 1


def run(
    source: Annotated[Path, typer.Option(help="A table (.csv) or a text.")],
    title: Annotated[str, typer.Option(help="Heading of the page.")],
    output: Annotated[Path, typer.Option(help="The page to write (.html).")],
) -> None:
    """Write a table or a text as an HTML page for the report.

    \b
    Example: synaxial report --source results/manifest.csv --title Manifest --output manifest.html
    """
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SynaxialError(source, f"cannot be read ({error})", "a text file") from error
    table = source.suffix == ".csv"
    body = make_table(text, source) if table else f"<pre>{html.escape(text)}</pre>"
    write_text(output, make_page(title, body))


def make_table(text: str, where: Path) -> str:
    """Return a CSV text with a heading as an HTML table, without the columns that are empty.

    Raises
    ------
    SynaxialError
        It has no heading, or rows of different lengths; `where` names the file.
    """
    rows = list(csv.reader(io.StringIO(text)))
    if len({len(row) for row in rows}) != 1:
        raise SynaxialError(where, "is no table", "a heading and rows with as many cells")
    kept = [i for i in range(len(rows[0])) if any(line[i] for line in rows[1:])]
    return table_of([[row[i] for i in kept] for row in rows])
