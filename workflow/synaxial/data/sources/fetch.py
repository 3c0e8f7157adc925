"""`synaxial data fetch`: download the files that the study needs from its source."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.config.loading import read_study
from synaxial.data.sources import open_source
from synaxial.data.sources.source import Source
from synaxial.io.files import write_csv

#: Raise it when the results of this stage change.
VERSION = 2

#: The list of the fetched subjects, in the folder with their files, and its columns.
INVENTORY = "inventory.csv"
COLUMNS = ["subject", "flair", "segmentation"]

logger = logging.getLogger(__name__)


def run(
    output: Annotated[Path, typer.Option(help="Folder for the files and their inventory.csv.")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Download the files of the study's subjects if the source needs it, and list them.

    \b
    Example: synaxial data fetch --output results/source
    """
    settings = read_study(config).acquire
    source = open_source(settings, output)
    if source.must_be_fetched:
        source.fetch()
    else:
        logger.info("the source %s needs no download; only the list is written", settings.source)
    rows = make_inventory(source, output)
    write_csv(output / INVENTORY, COLUMNS, rows)
    logger.info("%d subjects in %s", len(rows), output / INVENTORY)


def make_inventory(source: Source, folder: Path) -> list[dict[str, str]]:
    """Return a row for each subject: its name and the paths of its files, empty where none is.

    Paths that may name a patient are left out.

    A path below `folder` is relative to it, any other is absolute: `folder / path` is always right.
    """
    rows = []
    for subject in source.subjects():
        files = [] if source.private_paths else source.files(subject)
        # Of several segmentations, none is used.
        files = files if len(files) <= 2 else files[:1]
        paths = [
            str(path.relative_to(folder) if path.is_relative_to(folder) else path.absolute())
            for path in files
        ]
        rows.append(dict(zip(COLUMNS, [subject, *paths, "", ""], strict=False)))
    return rows
