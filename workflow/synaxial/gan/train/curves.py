"""The figure of a training log: curves.png."""

import io
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synaxial.io.files import written_whole

#: The panels: title, label of the vertical axis, and the columns by legend.
PANELS = (
    ("Losses", "loss", {"generator": "loss_generator", "discriminator": "loss_discriminator"}),
    (
        "Scores: mean output of the discriminator",
        "score",
        {"real images": "score_real", "generated images": "score_generated"},
    ),
    (
        "Gradients",
        "Euclidean norm",
        {
            "generator": "gradient_norm_generator",
            "discriminator": "gradient_norm_discriminator",
        },
    ),
    (
        "Similarity of pairs of images: 1 is a collapse",
        "MS-SSIM",
        {"generated pairs": "similarity_generated", "real pairs": "similarity_real"},
    ),
    (
        "Distance to held-out subjects",
        "sliced Wasserstein x 1000",
        {"generated images": "distance_held_out"},
    ),
    (
        "Difference of enlarged from real images",
        "mean, of 2 from black to white",
        {"pixels": "loss_pixels"},
    ),
    ("Penalty on the discriminator's slope, weighted", "loss", {"penalty": "penalty"}),
    (
        "Overfitting: +1 if all real images' scores are positive",
        "mean sign, probability",
        {"sign of real scores": "sign_real", "augmentation": "augmentation"},
    ),
    ("Speed", "images per second", {"all ranks": "images_per_second"}),
)

#: Columns that are not drawn if they are empty or 0 in every epoch.
OPTIONAL = {"distance_held_out", "penalty", "augmentation"}


def draw_curves(log: str, title: str) -> Figure:
    """Draw the used `PANELS` of a log in CSV over the epochs."""
    table = pd.read_csv(io.StringIO(log))
    panels = used_panels(table)
    figure = Figure(figsize=(20, 7), layout="constrained")
    figure.suptitle(title)
    places = figure.subplots(2, (len(panels) + 1) // 2).ravel()
    for axes in places[len(panels) :]:
        axes.remove()
    for axes, (heading, unit, lines) in zip(places, panels, strict=False):
        for legend, column in lines.items():
            # Some epochs lack a value.
            known = table[["epoch", column]].dropna()
            marker = "o" if len(known) < len(table) or len(table) == 1 else ""
            axes.plot(known["epoch"], known[column], marker=marker, label=legend)
        axes.set_title(heading)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(unit)
        axes.grid(alpha=0.3)
        axes.legend()
        if heading == "Gradients" and (table[list(lines.values())].dropna() > 0).all(axis=None):
            axes.set_yscale("log")
    return figure


def used_panels(table: pd.DataFrame) -> list[tuple[str, str, dict[str, str]]]:
    """Return the panels, and of each the lines, for which a log has values."""
    panels = []
    for heading, unit, lines in PANELS:
        used = {
            legend: column
            for legend, column in lines.items()
            if column in table and (column not in OPTIONAL or table[column].fillna(0).any())
        }
        if used:
            panels.append((heading, unit, used))
    return panels


def write_curves(log: str, title: str, path: Path) -> None:
    """Write the figure as a PNG; the same log gives the same bytes."""
    with mpl.rc_context({"savefig.dpi": 110}), written_whole(path) as partial:
        draw_curves(log, title).savefig(partial, metadata={"Software": None})
