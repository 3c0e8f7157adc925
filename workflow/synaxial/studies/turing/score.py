"""`synaxial study turing score`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.files import write_json, write_text
from synaxial.studies.turing.files import read_key, read_readers
from synaxial.studies.turing.result_page import make_result_page
from synaxial.studies.turing.sample_size import MARGIN
from synaxial.studies.turing.scoring import score

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)


def run(
    answers: Annotated[
        list[Path], typer.Argument(help="Files that the page saved (.json), one for each reader.")
    ],
    key: Annotated[Path, typer.Option(help="The key of `synaxial study turing build` (.json).")],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    page: Annotated[Path, typer.Option(help="The page that explains them to write (.html).")],
    margin: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=0.4,
            help="An accuracy within this distance of 0.5 counts as chance. Choose it in advance.",
        ),
    ] = MARGIN,
) -> None:
    """Find from readers' answers whether they can tell generated images from real ones.

    \b
    Example:
      synaxial study turing score answers_ada.json answers_bob.json --key key.json
        --output result.json --page result.html
    """
    truth = read_key(key)
    everyone = read_readers(answers, truth)
    for one in everyone:
        missing = len(truth.images) - len(one.answers)
        if missing:
            logger.warning("reader %s: %d images are not answered", one.reader.name, missing)
    found = score(truth, everyone, margin)
    write_json(output, found)
    write_text(page, make_result_page(found))
    logger.info("%s: %d reader%s", output, len(everyone), "s" * (len(everyone) > 1))
