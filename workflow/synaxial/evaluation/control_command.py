"""`synaxial evaluate controls`."""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from synaxial.config import read_study
from synaxial.data.dataset.reading import read_dataset
from synaxial.data.subjects import person_of
from synaxial.evaluation.control_sets import Control, Kind, make_control
from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import write_stack

logger = logging.getLogger(__name__)


def run(
    kind: Annotated[Kind, typer.Option(help="Which set.")],
    training: Annotated[Path, typer.Option(help="Data set of the subjects trained with.")],
    held_out: Annotated[Path, typer.Option(help="Data set of the subjects held out.")],
    output: Annotated[Path, typer.Option(help="The stack to write (.tif).")],
    config: Annotated[
        Path, typer.Option(help="The study; its sections evaluate and sample (stacks, images).")
    ] = Path("config.yaml"),
) -> None:
    """Make a set of images that generated ones are read beside.

    reference: half of the held-out subjects, what all are held against; real: the other half;
    copies: training images; blurred, grid, noise: the real ones, spoilt.
    """
    study = read_study(config)
    seen, _ = sets = read_dataset(training)
    unseen, _ = others = read_dataset(held_out)
    if seen.pixels.shape[1:] != unseen.pixels.shape[1:]:
        raise SynaxialError(
            held_out,
            f"its images have the shape {unseen.pixels.shape[1:]}",
            f"{seen.pixels.shape[1:]}, as those of {training}",
        )
    both = {person_of(row["subject"]) for row in sets[1]} & {
        person_of(row["subject"]) for row in others[1]
    }
    if both:
        raise SynaxialError(
            held_out,
            f"has {len(both)} people of {training} too",
            "subjects that none was trained with",
        )
    generated = study.sample.stacks * study.sample.images
    try:
        control = make_control(kind, seen, unseen, study.evaluate, generated)
    except ValueError as error:
        raise SynaxialError(held_out, f"holds {error}") from error
    rows = (sets if kind == "copies" else others)[1]
    write_stack(output, control.images.pixels, descriptions(control, rows, kind))
    logger.info("%s: %d images", output, len(control.images))


def descriptions(control: Control, rows: list[dict[str, str]], kind: str) -> list[dict[str, Any]]:
    """Return what is known of each image; noise is of no subject."""
    known = [rows[number] for number in control.origin]
    if kind == "noise":
        return [{"control": kind} for _ in known]
    return [
        {"control": kind, "subject": row["subject"], "slice": int(row["slice"])} for row in known
    ]
