"""`synaxial report`."""

from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_text
from synaxial.io.pages import make_page, make_table, make_text


def run(
    source: Annotated[Path, typer.Option(help="A table (.csv) or a text.")],
    title: Annotated[str, typer.Option(help="The page's heading.")],
    output: Annotated[Path, typer.Option(help="The page to write (.html).")],
) -> None:
    """Write a table or a text as an HTML page for the report."""
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SynaxialError(source, f"cannot be read ({error})", "a text file") from error
    if source.suffix == ".csv" and not text.strip():
        raise SynaxialError(source, "is empty", "a table with a heading")
    body = make_table(text) if source.suffix == ".csv" else make_text(text)
    write_text(output, make_page(title, body))
