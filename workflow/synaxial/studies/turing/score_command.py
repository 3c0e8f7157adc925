"""`synaxial study turing score`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.files import write_json, write_text
from synaxial.studies.turing.files import read_key, read_readers
from synaxial.studies.turing.planning import MARGIN
from synaxial.studies.turing.result_page import make_result
from synaxial.studies.turing.scoring import score

logger = logging.getLogger(__name__)


def run(
    key: Annotated[
        Path, typer.Option(help="The truth, as `synaxial study turing build` wrote it.")
    ],
    answers: Annotated[
        list[Path], typer.Option(metavar="FILE...", help="What the page saved, one file a reader.")
    ],
    output: Annotated[Path, typer.Option(help="All numbers, to write (.json).")],
    page: Annotated[Path, typer.Option(help="Their table and what it means, to write (.html).")],
    margin: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=0.4,
            help="An accuracy of 0.5, give or take so much, counts as chance. Choose it before.",
        ),
    ] = MARGIN,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Say from the answers of readers whether generated images can be told from real ones."""
    truth = read_key(key)
    everyone = read_readers([*answers, *(others or [])], truth)
    for one in everyone:
        missing = len(truth.images) - len(one.answers)
        if missing:
            logger.warning("reader %s: %d images are not answered", one.reader.name, missing)
    found = score(truth, everyone, margin)
    write_json(output, found)
    write_text(page, make_result(found))
    logger.info("%s: %d reader%s", output, len(everyone), "s" * (len(everyone) > 1))
