"""`synaxial evaluate summary`: the top of the report, with a sheet and the verdict."""

import base64
import html
import io
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from synaxial.config import Study, read_study
from synaxial.evaluation.comparison_page import verdict_table
from synaxial.evaluation.scores import Evaluation, read_evaluations
from synaxial.evaluation.verdict import verdicts
from synaxial.io.files import read_json, write_text

#: Raise it when the results of this stage change.
VERSION = 5

#: The widest picture of a sheet in pixels, and its most height as a multiple of its width: the
#: report is a file to send.
WIDEST, HIGHEST = 1200, 1.2

#: The style, for this part of the page alone.
STYLE = """<style>
.synaxial td, .synaxial th { padding: .3em .8em; text-align: left; vertical-align: top; }
.synaxial th small { font-weight: normal; }
.synaxial .good { color: #0f766e; } .synaxial .bad { color: #b91c1c; }
.synaxial .open { color: #92400e; }
</style>"""


def run(
    config: Annotated[Path, typer.Option(help="The complete study.")],
    dataset: Annotated[Path, typer.Option(help="Description of the data set (dataset.json).")],
    sheet: Annotated[Path, typer.Option(help="A sheet of generated images (.png).")],
    shown: Annotated[str, typer.Option(help="What the sheet shows, in words.")],
    output: Annotated[Path, typer.Option(help="The summary to write (.html).")],
    evaluations: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="EVALUATION...",
            help="Files of `synaxial evaluate score` (.json), of all controls and experiments.",
        ),
    ] = None,
) -> None:
    """Write a sheet, what was run and a verdict in words, for the first page of the report.

    \b
    Example: synaxial evaluate summary --config configuration.yaml --dataset dataset.json
      --sheet stack_0.png --shown "final, seed 1" --output summary.html */evaluation.json
    """
    lines = describe(read_study(config), read_json(dataset))
    found = read_evaluations(evaluations or [])
    picture, is_whole = picture_of(sheet)
    title = shown if is_whole else f"{shown} (the first rows)"
    write_text(output, make_summary(picture, title, lines, found))


def describe(study: Study, dataset: dict[str, Any]) -> list[str]:
    """Return three lines of text: the data, the trainings, and the generated images."""
    size, subjects = study.resize.size, len(dataset["subjects"])
    trainings = [
        f"{name} (seed {' and '.join(map(str, training.seeds))}; {training.epochs} epochs)"
        for name in study.chosen_experiments
        for training in [study.experiments[name]]
    ]
    return [
        f"Data: {dataset['images']} slices of {size} x {size} pixels from {subjects} subjects "
        f"of the source {study.acquire.source}.",
        f"Trained: {', '.join(trainings)}.",
        f"Generated: {study.sample.stacks} x {study.sample.images_of_stack} images by each "
        "training. They show no real person.",
    ]


def picture_of(sheet: Path) -> tuple[str, bool]:
    """Return the top of a sheet as a data URI of a JPEG picture, and whether it is the whole sheet.

    It is at most `WIDEST` pixels wide.
    """
    # Pillow refuses large files of strangers. This is a study's own, of up to 10,000 images.
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(sheet) as image:
        height = min(image.height, round(HIGHEST * image.width))
        small = image.crop((0, 0, image.width, height)).convert("RGB")
        is_whole = height == image.height
    small.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, "JPEG", quality=85)
    encoded = base64.b64encode(content.getvalue()).decode()
    return f"data:image/jpeg;base64,{encoded}", is_whole


def make_summary(picture: str, shown: str, lines: list[str], evaluations: list[Evaluation]) -> str:
    """Return the summary as a part of an HTML page."""
    title = html.escape(f"Generated images: {shown}")
    parts = [
        STYLE,
        '<div class="synaxial">',
        f'<img src="{picture}" alt="{title}" title="{title}" style="max-width: 100%">',
        f"<p>{title}.</p>",
        *(f"<p>{html.escape(line)}</p>" for line in lines),
    ]
    if evaluations:
        parts += ["<h3>Verdict</h3>", verdict_table(verdicts(evaluations))]
    else:
        parts.append("<p>There is no verdict, because no subjects were held out.</p>")
    return "\n".join([*parts, "</div>"]) + "\n"
