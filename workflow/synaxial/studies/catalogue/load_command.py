"""`synaxial catalogue load`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.config import read_study
from synaxial.config.model import Study
from synaxial.io.files import write_json
from synaxial.io.stacks import count_images
from synaxial.studies.catalogue.database import DEFAULT_URL, open_catalogue
from synaxial.studies.catalogue.loading import load_stack
from synaxial.studies.catalogue.reading import read_loaded_stack, read_numbers, read_run

logger = logging.getLogger(__name__)


def run(
    run_record: Annotated[Path, typer.Option("--run", help="run.json of the training.")],
    measurements: Annotated[
        Path, typer.Option(help="The stacks', of `synaxial evaluate measure`.")
    ],
    reference: Annotated[
        Path, typer.Option(help="The reference's, of `synaxial evaluate measure`.")
    ],
    stacks: Annotated[
        list[Path], typer.Option(metavar="STACK...", help="The training's stacks, in order.")
    ],
    training: Annotated[Path, typer.Option(help="Data set of the subjects trained with.")],
    url: Annotated[str, typer.Option(help="The catalogue, as SQLAlchemy writes it.")] = DEFAULT_URL,
    config: Annotated[
        Path | None,
        typer.Option(help="The study: its sections catalogue, and acquire.volume and resize."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="A record of what was loaded to write (.json).")
    ] = None,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Load a training's stacks with their numbers; what is there already stays as it is."""
    study = read_study(config) if config is not None else None
    every_stack = [*stacks, *(others or [])]
    known = read_run(run_record)
    millimetres = millimetres_of_pixel(study)
    numbers, seen = read_numbers(measurements, reference, every_stack, training, millimetres)
    engine = open_catalogue(url, write=True)
    outcomes = {}
    first = 0
    for path in every_stack:
        count = count_images(path)
        stack = read_loaded_stack(path, known, numbers[first : first + count], millimetres)
        first += count
        outcome = load_stack(
            engine, known, stack, seen, study is None or study.catalogue.training_images
        )
        outcomes[path.name] = {"sha256": stack.sha256, "images": count}
        logger.info("%s: %d images %s", path, count, outcome)
    engine.dispose()
    if output is not None:
        # Nothing of what happened this time: the same again is the same record.
        where = engine.url.render_as_string(hide_password=True)
        write_json(output, {"catalogue": where, "generator": known.generator, "stacks": outcomes})


def millimetres_of_pixel(study: Study | None) -> float | None:
    """Return the side of an image's pixel in mm, or None where the study does not fix it.

    A slice is centred on a square of its longer side and brought to the size of the images, or
    with `resize.mode: pad` centred on that size as it is.
    """
    if study is None or study.acquire.volume.spacing is None:
        return None
    across, down, _ = study.acquire.volume.spacing
    if across != down:
        return None
    if study.resize.mode == "pad":
        return across
    if study.acquire.volume.shape is None:
        return None
    return across * max(study.acquire.volume.shape[:2]) / study.resize.size
