"""The tables of the comparison, as cells of text, for a page and for documents."""

from synaxial.io.pages import markdown_of
from synaxial.studies.segment.comparison import DIFFERENCES, Row
from synaxial.studies.segment.place import NUMBERS
from synaxial.studies.segment.records import Check
from synaxial.studies.segment.sizes import NONE

#: A heading, then rows of as many cells.
Table = list[list[str]]

#: What the two floors are.
FLOORS = {
    "threshold": "what a threshold finds bright as a tumour, no training",
    "empty": "no tumour anywhere",
}


def dice_table(rows: list[Row]) -> Table:
    """Return the Dice coefficients and their differences, a line a row."""
    heading = ["trained with", "real people", "real slices", "generated slices", "Dice", "by seed"]
    return [heading, *(_dice_line(row) for row in rows)]


def mask_table(check: Check) -> Table:
    """Return where masks lie, a line a number, generated ones beside real ones."""
    table = [["masks", "generated", "real, held out"]]
    for name, meaning in NUMBERS.items():
        found = [check.masks[which][name] for which in ("generated", "real")]
        cells = [
            "none" if each is None else _cell(each["value"], each["low"], each["high"])
            for each in found
        ]
        table.append([meaning, *cells])
    return table


def make_markdown(rows: list[Row], check: Check) -> str:
    """Return both tables in Markdown, for documents."""
    return "\n".join(markdown_of(table) for table in (dice_table(rows), mask_table(check)))


def _dice_line(row: Row) -> list[str]:
    name = f"{row.number}: {FLOORS[row.number]}" if row.number in FLOORS else row.number
    sign = "+" if row.number in DIFFERENCES else ""
    counts = ["", "", ""]
    if row.number in DIFFERENCES:
        counts[0] = _people(row)
    elif row.number not in FLOORS:
        counts = [_people(row), str(row.real_images), str(row.synthetic_images)]
    seeds = ", ".join(f"{seed}: {mean:{sign}.3f}" for seed, mean in row.by_seed.items())
    return [name, *counts, _cell(row.value, row.low, row.high, sign), seeds]


def _people(row: Row) -> str:
    return NONE if row.subjects == NONE else f"{row.people} ({row.subjects})"


def _cell(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
