"""`synaxial catalogue load`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.config import pixel_millimetres, read_study
from synaxial.io.files import write_json
from synaxial.io.stacks import count_images
from synaxial.studies.catalogue.database import DEFAULT_URL, open_catalogue, shown
from synaxial.studies.catalogue.loading import load_stack
from synaxial.studies.catalogue.reading import read_loaded_stack, read_numbers, read_run

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)


def run(
    stacks: Annotated[list[Path], typer.Argument(help="The training's stacks (.tif), in order.")],
    run_record: Annotated[Path, typer.Option("--run", help="run.json of the training.")],
    measurements: Annotated[
        Path, typer.Option(help="`synaxial evaluate measure` of the stacks (.npz).")
    ],
    reference: Annotated[
        Path, typer.Option(help="`synaxial evaluate measure` of the reference (.npz).")
    ],
    training: Annotated[Path, typer.Option(help="Data set of the training subjects.")],
    url: Annotated[str, typer.Option(help="URL of the catalogue for SQLAlchemy.")] = DEFAULT_URL,
    config: Annotated[
        Path | None,
        typer.Option(help="The study, for its sections catalogue, acquire.volume and resize."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The record of what was loaded to write (.json).")
    ] = None,
) -> None:
    """Load a training's stacks and their numbers into the catalogue.

    Stacks that the catalogue already has stay unchanged.

    \b
    Example:
      synaxial catalogue load stack_0.tif stack_1.tif --run run.json
        --measurements measurements.npz --reference reference.npz --training dataset
    """
    study = read_study(config) if config is not None else None
    known = read_run(run_record)
    millimetres = None if study is None else pixel_millimetres(study)
    numbers, seen = read_numbers(measurements, reference, stacks, training, millimetres)
    with_images = study is None or study.catalogue.training_images
    engine = open_catalogue(url, write=True)
    outcomes = {}
    first = 0
    for path in stacks:
        count = count_images(path)
        stack = read_loaded_stack(path, known, numbers[first : first + count], millimetres)
        first += count
        outcome = load_stack(engine, known, stack, seen, with_images)
        outcomes[path.name] = {"sha256": stack.sha256, "images": count}
        logger.info("%s: %d images %s", path, count, outcome)
    engine.dispose()
    if output is not None:
        # Without the outcomes: loading the same again writes the same record.
        where = shown(engine.url)
        write_json(output, {"catalogue": where, "generator": known.generator, "stacks": outcomes})
