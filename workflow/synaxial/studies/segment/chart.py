"""The chart of the comparison: Dice coefficients, and their differences."""

import matplotlib as mpl
from matplotlib.figure import Figure

from synaxial.studies.segment.comparison import DIFFERENCES, Row
from synaxial.studies.segment.sizes import NONE
from synaxial.studies.segment.tables import FLOORS

#: Of the floors, of real alone, and of what has generated images in it.
GREY, REAL, GENERATED = "#94a3b8", "#0f766e", "#1e293b"


def draw_comparison(rows: list[Row]) -> Figure:
    """Draw each number with its interval, and each seed as a dot."""
    values = [row for row in rows if row.number not in DIFFERENCES]
    differences = [row for row in rows if row.number in DIFFERENCES]
    height = 1.6 + 0.32 * max(len(values), len(differences))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, height), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw(left, values)
        left.set_xlim(-0.02, 1.02)
        left.set_title("Dice coefficient with people held out", fontsize=9)
        _draw(right, differences)
        right.axvline(0, color=GREY, linewidth=1)
        right.set_title("differences at the same seed and person", fontsize=9)
        figure.suptitle("Dots: each seed; lines: 95 % intervals over people and seeds", fontsize=9)
    return figure


def _draw(panel: mpl.axes.Axes, rows: list[Row]) -> None:
    for line, row in enumerate(rows):
        colour = GREY if row.number in FLOORS else REAL if row.number == "real" else GENERATED
        panel.plot([row.low, row.high], [line, line], color=colour, linewidth=2)
        panel.plot(row.value, line, "|", color=colour, ms=12, mew=2)
        seeds = list(row.by_seed.values())
        panel.plot(seeds, [line] * len(seeds), "o", color=colour, ms=4)
    panel.set_yticks(range(len(rows)), [_label(row) for row in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.grid(axis="x", alpha=0.3)


def _label(row: Row) -> str:
    if row.subjects == NONE:
        return row.number
    people = "person" if row.people == 1 else "people"
    return f"{row.number}, {row.people} real {people} ({row.subjects})"
