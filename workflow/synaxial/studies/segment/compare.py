"""`synaxial study segment compare`: the comparison as tables, as a page and as a figure."""

import html
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer
from matplotlib.figure import Figure

from synaxial.io.files import write_csv, write_json, write_text, written_whole
from synaxial.io.pages import make_page, markdown_of, table_of
from synaxial.studies.segment.comparison import COLUMNS, Row, compare, table_rows
from synaxial.studies.segment.intervals import clusters_of
from synaxial.studies.segment.limits import NONE
from synaxial.studies.segment.mask_numbers import NUMBERS
from synaxial.studies.segment.results import PROTOCOL, Check, Results, read_results

#: Raise it when the results of this stage change.
VERSION = 4

#: A heading, then rows with the same number of cells.
Table = list[list[str]]

#: The meaning of the two floors.
FLOORS = {
    "threshold": "pixels as bright as a tumour, without training",
    "empty": "no tumour anywhere",
}

#: Colours of the floors, of `real`, and of trainings with generated images.
GREY, REAL, GENERATED = "#94a3b8", "#0f766e", "#1e293b"

INTRODUCTION = """
<p>Small U-Nets segment the tumour. They are trained on real slices, on generated slices with
their generated masks, or on both (half of every batch each). They are tested on {people} held-out
subjects. {without} of these have no tumour in any slice and are left out. All U-Nets have the same
architecture ({parameters} weights) and the same {updates} updates of {batch_size} images
({images_seen} images seen). With the same seed they also share the initial weights and the
augmentation. The weights after the last update are used, and the held-out subjects are used only
once. A Dice coefficient is computed over all pixels of all slices of one subject, at a probability
threshold of 0.5. A value is the mean over subjects and seeds.</p>
<p>Brackets give 95 % confidence intervals over subjects and seeds. A difference is taken within the
same seed and subject. <i>Smaller tumours</i> are the half of the subjects whose tumours have the
fewest pixels. If an interval contains 0, the trainings do not show a difference. With a single
seed, the interval does not include the variation between trainings.</p>
"""

LIMITS = """
<h3>What this can and cannot show</h3>
<ul>
<li>The generator was trained on all training subjects. With fewer real subjects, <i>both</i> and
<i>synthetic</i> therefore also profit from subjects that <i>real</i> does not see. This shows what
a research group with few subjects gains from a generator that others trained on more. It does not
show that a generator gets more out of few subjects.</li>
<li>No network was trained on the held-out subjects. However, with <code>keep: best</code> or
<code>patience</code> the generator was selected with images of half of them.</li>
<li>All trainings have the same number of updates. In <i>both</i>, each real slice is seen half as
often as in <i>real</i>. More updates could favour either.</li>
<li>A small U-Net on axial slices is not the state of the art. Its Dice coefficients are not
comparable with published ones, which come from volumes and from other networks, data and trainings.
(Published for FLAIR slices with generated masks: +0.036 on test data, with 14 times 1000 images
added to 2751; Asadi et al., IBRO Neuroscience Reports 2023.)</li>
<li>The threshold shows how easy the task is. If it does as well as a network, the Dice coefficients
of that network say little about what it has learned.</li>
<li>Masks that match their images do not prove that the images look real; see the comparison of
the images.</li>
</ul>
"""

MASKS = """
<h3>Do the masks match their images?</h3>
<p>{generated} generated images are compared with the {real} real held-out images and the masks of
the data set. Intervals are over images for generated masks, and over subjects for real masks. All
rows except the first are for images whose mask is not empty.</p>
"""

#: Whether the intervals include the variation between generators.
ONE = (
    "All seeds use images of one generator: the intervals do not include the variation between "
    "trainings of the generator."
)
SHARED = (
    "Some seeds share a generator and are not independent. The seeds of each generator are "
    "averaged first: a value is the mean over generators, and its interval is over generators and "
    "subjects."
)
OWN = (
    "Each seed has its own generator: the intervals include the variation between trainings of the "
    "generator."
)


def run(
    trainings: Annotated[
        list[Path], typer.Argument(help="Files of `synaxial study segment train` (.json).")
    ],
    check: Annotated[Path, typer.Option(help="File of `synaxial study segment check` (.json).")],
    table: Annotated[Path, typer.Option(help="The table of all numbers to write (.csv).")],
    values: Annotated[
        Path, typer.Option(help="The numbers, also for each subject, to write (.json).")
    ],
    page: Annotated[Path, typer.Option(help="The page that explains them to write (.html).")],
    chart: Annotated[Path, typer.Option(help="The figure to write (.png).")],
    markdown: Annotated[
        Path | None, typer.Option(help="The tables in Markdown to write (.md).")
    ] = None,
) -> None:
    """Compare U-Nets trained on real slices, on generated slices, and on both.

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


def dice_table(rows: list[Row]) -> Table:
    """Return the Dice coefficients and their differences, a line for each row."""
    heading = ["trained on", "real subjects", "real slices", "generated slices", "Dice", "by seed"]
    return [heading, *(_dice_line(row) for row in rows)]


def mask_table(check: Check) -> Table:
    """Return the numbers of the masks, generated ones beside real ones."""
    table = [["masks", "generated", "real, held out"]]
    for name, meaning in NUMBERS.items():
        found = (check.masks["generated"][name], check.masks["real"][name])
        cells = ["none" if one is None else _cell(one.value, one.low, one.high) for one in found]
        table.append([meaning, *cells])
    return table


def make_markdown(rows: list[Row], check: Check) -> str:
    """Return both tables in Markdown."""
    return "\n".join(markdown_of(table) for table in (dice_table(rows), mask_table(check)))


def make_comparison_page(rows: list[Row], results: Results) -> str:
    """Return the page: the method, the Dice coefficients, the masks, and the limits."""
    introduction = INTRODUCTION.format(
        people=results.held_out.people,
        without=results.held_out.people_without_tumour,
        **results.budget,
    )
    masks = MASKS.format(**results.check.images)
    dice, places = table_of(dice_table(rows)), table_of(mask_table(results.check))
    parts = [introduction, _generators(results), dice, masks, places, LIMITS]
    return make_page("Segmentation with generated images", "\n".join(parts))


def _generators(results: Results) -> str:
    """Return which generators made the images, and which variation the intervals include."""
    made = [training for training in results.trainings if training.generators]
    if not made:
        return ""
    of_seeds = {each.seed: each.generators for each in sorted(made, key=lambda each: each.seed)}
    seeds: dict[str, list[str]] = {}
    for seed, names in of_seeds.items():
        for name in names:
            seeds.setdefault(name, []).append(str(seed))
    count = f"{len(seeds)} generator{'s' if len(seeds) > 1 else ''}"
    of_experiment = f" of the experiment {made[0].experiment}" if made[0].experiment else ""
    listed = ", ".join(f"{name[:16]} (seed {', '.join(own)})" for name, own in seeds.items())
    clusters = len(set(clusters_of(list(of_seeds.values())).tolist()))
    note = ONE if clusters == 1 else SHARED if clusters < len(of_seeds) else OWN
    text = f"The generated images come from {count}{of_experiment}: {listed}. {note}"
    return f"<p>{html.escape(text)}</p>"


def draw_comparison(rows: list[Row]) -> Figure:
    """Draw each number with its interval, and each seed as a dot."""
    values = [row for row in rows if not row.is_difference]
    differences = [row for row in rows if row.is_difference]
    height = 1.6 + 0.32 * max(len(values), len(differences))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, height), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw(left, values)
        left.set_xlim(-0.02, 1.02)
        left.set_title("Dice coefficient of held-out subjects", fontsize=9)
        _draw(right, differences)
        right.axvline(0, color=GREY, linewidth=1)
        right.set_title("Difference from real", fontsize=9)
        figure.suptitle("Dots: seeds. Lines: 95 % intervals over subjects and seeds.", fontsize=9)
    return figure


def _draw(panel: mpl.axes.Axes, rows: list[Row]) -> None:
    for line, row in enumerate(rows):
        colour = GREY if row.number in FLOORS else REAL if row.number == "real" else GENERATED
        panel.plot([row.low, row.high], [line, line], color=colour, linewidth=2)
        panel.plot(row.value, line, "|", color=colour, ms=12, mew=2)
        seeds = list(row.by_seed.values())
        panel.plot(seeds, [line] * len(seeds), "o", color=colour, ms=4)
    panel.set_yticks(range(len(rows)), [_label(row) for row in rows])
    panel.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    panel.grid(axis="x", alpha=0.3)


def _label(row: Row) -> str:
    if row.subjects == NONE:
        return row.number
    subjects = "subject" if row.people == 1 else "subjects"
    return f"{row.number}, {row.people} real {subjects} ({row.subjects})"


def _dice_line(row: Row) -> list[str]:
    name = f"{row.number}: {FLOORS[row.number]}" if row.number in FLOORS else row.number
    sign = "+" if row.is_difference else ""
    counts = ["", "", ""]
    if row.is_difference:
        counts[0] = _people(row)
    elif row.number not in FLOORS:
        counts = [_people(row), str(row.real_images), str(row.synthetic_images)]
    seeds = ", ".join(f"{seed}: {mean:{sign}.3f}" for seed, mean in row.by_seed.items())
    return [name, *counts, _cell(row.value, row.low, row.high, sign), seeds]


def _people(row: Row) -> str:
    return NONE if row.subjects == NONE else f"{row.people} ({row.subjects})"


def _cell(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
