"""`synaxial manifest`: one table of all subjects, used and skipped."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.config.loading import read_study
from synaxial.data.volumes.manifest import judge_record, make_manifest, manifest_text
from synaxial.data.volumes.record import SKIPPED, read_record
from synaxial.io.files import write_text

logger = logging.getLogger(__name__)


def run(
    records: Annotated[list[Path], typer.Argument(help="The subjects' SUBJECT.json.")],
    output: Annotated[Path, typer.Option(help="The table, a CSV file.")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Judge the subjects by the study's slices too, and write their table."""
    study = read_study(config)
    judged = [
        judge_record(
            read_record(path), study.slice.first, study.slice.last, study.acquire.on_bad_volume
        )
        for path in records
    ]
    manifest = make_manifest(judged)
    for record in judged:
        if record["status"] == SKIPPED:
            logger.warning("%s is skipped: %s", record["subject"], record["reason"])
    write_text(output, manifest_text(manifest))
