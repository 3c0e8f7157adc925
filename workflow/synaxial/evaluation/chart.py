"""The chart of all sets: a panel a number, a line a set."""

import math

import matplotlib as mpl
from matplotlib.figure import Figure

from synaxial.evaluation.evaluations import Evaluation, by_name, over_seeds
from synaxial.evaluation.scoring import HEADLINES, Headline
from synaxial.evaluation.table import GOOD

#: Panels side by side.
COLUMNS = 5

#: The floor, other real subjects, in colour; controls grey, experiments dark.
FLOOR, GREY, DARK = "#0f766e", "#94a3b8", "#1e293b"


def draw_chart(controls: list[Evaluation], experiments: list[Evaluation]) -> Figure:
    """Draw each set's numbers with their intervals, and that of other real subjects as a band."""
    sets = by_name(controls) | by_name(experiments)
    rows = math.ceil(len(HEADLINES) / COLUMNS)
    height = 1.2 + 0.28 * len(sets)
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(3.1 * COLUMNS, rows * height), layout="constrained")
        panels = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).ravel()
        for panel, headline in zip(panels, HEADLINES, strict=False):
            _draw_panel(panel, headline, sets, {evaluation.name for evaluation in controls})
        for panel in panels[len(HEADLINES) :]:
            panel.set_axis_off()
        figure.suptitle(
            "Dots: each seed; lines: 95 % intervals. Green: real images of other held-out "
            "subjects. Grey: controls, bad in a known way (copies are training images).",
            fontsize=9,
        )
    return figure


def _draw_panel(
    panel: mpl.axes.Axes,
    headline: Headline,
    sets: dict[str, list[Evaluation]],
    controls: set[str],
) -> None:
    names = list(sets)
    if "real" in sets:
        floor = over_seeds(sets["real"], headline.name)
        panel.axvspan(floor.low, floor.high, color=FLOOR, alpha=0.15, linewidth=0)
        panel.axvline(floor.value, color=FLOOR, linewidth=1)
    for line, name in enumerate(names):
        value = over_seeds(sets[name], headline.name)
        colour = FLOOR if name == "real" else GREY if name in controls else DARK
        panel.plot([value.low, value.high], [line, line], color=colour, linewidth=2)
        for evaluation in sets[name]:
            panel.plot(evaluation.values[headline.name].value, line, "o", color=colour, ms=4)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_title(f"{headline.title}\n{GOOD[headline.good]}", fontsize=9)
    panel.grid(axis="x", alpha=0.3)
    # Noise is so far off that nothing else could be told apart.
    others = [over_seeds(sets[name], headline.name) for name in names if name != "noise"]
    if headline.good == "low" and others and len(others) < len(names):
        low, high = min(value.low for value in others), max(value.high for value in others)
        if over_seeds(sets["noise"], headline.name).low > high > low:
            panel.set_xlim(low - 0.08 * (high - low), high + 0.08 * (high - low))
            panel.text(
                1,
                names.index("noise"),
                "beyond →",
                ha="right",
                va="center",
                color=GREY,
                transform=panel.get_yaxis_transform(),
            )
