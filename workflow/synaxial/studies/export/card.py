"""`synaxial export card`: a model card, and the metadata for medigan."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.io.files import check_free, write_json, write_text
from synaxial.studies.export.card_text import make_card
from synaxial.studies.export.medigan import make_metadata
from synaxial.studies.export.records import TO_FILL_IN, read_records

#: Raise it when the results of this stage change.
VERSION = 2

log = logging.getLogger(__name__)


def run(
    run_record: Annotated[Path, typer.Option("--run", help="run.json of the training.")],
    dataset: Annotated[Path, typer.Option(help="Data set of the training, a folder.")],
    evaluation: Annotated[Path, typer.Option(help="Numbers of its images, evaluation.json.")],
    real: Annotated[
        Path, typer.Option(help="Numbers of real images, controls/real/evaluation.json.")
    ],
    output: Annotated[Path, typer.Option(help="Model card to write (.md).")],
    medigan: Annotated[
        Path | None, typer.Option(help="Metadata for medigan to write (.json).")
    ] = None,
) -> None:
    """Write a model card for `synaxial export onnx`, and metadata for medigan.

    Lines with TO FILL IN are left for what only you can know, such as the terms of the data.

    \b
    Example: synaxial export card --run final/seed_1/run.json --dataset dataset
      --evaluation final/seed_1/evaluation.json --real controls/real/evaluation.json
      --output card/README.md --medigan card/metadata.json
    """
    for path in filter(None, (output, medigan)):
        check_free(path)
    records = read_records(run_record, dataset, evaluation, real)
    card = make_card(records)
    write_text(output, card)
    log.info("%s: %d lines with %s", output, card.count(TO_FILL_IN), TO_FILL_IN)
    if medigan is not None:
        metadata = make_metadata(records)
        write_json(medigan, metadata)
        count = json.dumps(metadata).count(TO_FILL_IN)
        log.info("%s: %d lines with %s", medigan, count, TO_FILL_IN)
