"""HTML pages of tables and texts: Snakemake's report shows pages, but only offers files."""

import csv
import html
import io

#: A page's looks: readable in the report's frame, and wide tables scroll under their heading.
STYLE = """
body { font: 14px/1.5 sans-serif; margin: 1.5em; color: #1e293b; }
table { border-collapse: collapse; white-space: nowrap; }
th, td { padding: .3em .8em; border-bottom: 1px solid #cbd5e1; text-align: left; }
th { position: sticky; top: 0; background: #f1f5f9; }
pre { font: 13px/1.5 monospace; }
"""


def make_page(title: str, body: str) -> str:
    """Return a whole HTML page; `body` is HTML, `title` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<h2>{html.escape(title)}</h2>\n{body}\n</body>\n</html>\n"
    )


def make_table(text: str) -> str:
    """Return a CSV text, with its heading, as an HTML table; columns that are empty are left out.

    Nothing in the text is taken as HTML.
    """
    rows = list(csv.reader(io.StringIO(text)))
    heading, lines = rows[0], rows[1:]
    kept = [i for i in range(len(heading)) if any(line[i] for line in lines)]
    return table_of([[row[i] for i in kept] for row in rows])


def table_of(rows: list[list[str]]) -> str:
    """Return a heading and lines of as many cells as an HTML table; nothing is taken as HTML."""
    heading, *lines = rows
    parts = ["<table>", _row("th", heading), *(_row("td", line) for line in lines)]
    return "\n".join([*parts, "</table>"])


def markdown_of(rows: list[list[str]]) -> str:
    """Return a heading and lines of as many cells as a table in Markdown, for documents."""
    heading, *lines = rows
    ruled = [heading, ["---"] * len(heading), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in ruled)


def make_text(text: str) -> str:
    """Return a text as HTML, line by line as it is."""
    return f"<pre>{html.escape(text)}</pre>"


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
