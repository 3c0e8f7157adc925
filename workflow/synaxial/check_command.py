"""`synaxial check`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from synaxial.config import as_yaml, check_evaluation, check_networks, read_study
from synaxial.data.subjects import check_lists


def run(
    config: Annotated[Path, typer.Option(help="The study to check.")] = Path("config.yaml"),
) -> None:
    """Check a study file, and print the study with all its defaults."""
    study = read_study(config)
    check_networks(study)
    check_evaluation(study)
    check_lists(study.acquire)
    sys.stdout.write(as_yaml(study.model_dump(mode="json")))
