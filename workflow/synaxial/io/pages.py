"""HTML pages. Snakemake's report shows pages, but offers other files only for download."""

import html

#: The style of a page: readable in the frame of the report; wide tables keep their heading in view.
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


def table_of(rows: list[list[str]]) -> str:
    """Return a heading and lines of cells, which are text, as an HTML table."""
    heading, *lines = rows
    parts = ["<table>", _row("th", heading), *(_row("td", line) for line in lines)]
    return "\n".join([*parts, "</table>"])


def markdown_of(rows: list[list[str]]) -> str:
    """Return a heading and lines of cells as a Markdown table."""
    heading, *lines = rows
    ruled = [heading, ["---"] * len(heading), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in ruled)


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
