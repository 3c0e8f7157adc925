"""`synaxial catalogue search`."""

import json
import logging
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.database import DEFAULT_URL, failure, open_catalogue, shown
from synaxial.studies.catalogue.searching import Question, find, parse_range

logger = logging.getLogger(__name__)

#: The columns of the table in the terminal; `--json` has all.
SHOWN = {
    "id": "id",
    "experiment": "experiment",
    "seed": "seed",
    "stack": "stack",
    "image": "image",
    "asked_level": "asked level",
    "asked_tumour": "asked tumour",
    "asked_side": "asked side",
    "asked_size": "asked size",
    "tumour_area_pixels": "area",
    "tumour_area_mm2": "area mm2",
    "tumour_side": "side",
    "tumour_row": "row",
    "tumour_column": "column",
    "realism": "realism",
    "similarity": "nearest",
    "memorised": "memorised",
    "nearest_subject": "subject",
    "nearest_slice": "slice",
}

#: Columns that are shown only if they have a value: most experiments ask for nothing.
OPTIONAL = {"asked_level", "asked_tumour", "asked_side", "asked_size"}

#: Columns of text, which are left-aligned.
TEXTS = {
    *("experiment", "asked_tumour", "asked_side", "tumour_side", "memorised", "nearest_subject")
}


class Format(StrEnum):
    """A file format of exported images."""

    PNG = "png"
    NIFTI = "nifti"
    DICOM = "dicom"


Area = Annotated[
    str | None, typer.Option(help="Pixels of the tumour-like area: 500.., ..300, 100..500.")
]
AreaMm2 = Annotated[
    str | None, typer.Option("--tumour-area-mm2", help="The same in mm2, where it is known.")
]
Side = Annotated[str | None, typer.Option(help="Side of the patient: left, right, middle.")]
Realism = Annotated[
    str | None, typer.Option(help="Range of the realism score; 1 or more is among real images.")
]
Similarity = Annotated[
    str | None, typer.Option(help="Range of the correlation with the nearest training image.")
]
Level = Annotated[
    str | None, typer.Option(help="Range of the axial slice of the nearest training image.")
]
AskedLevel = Annotated[
    str | None, typer.Option(help="Range of the level that was asked for, in mm.")
]
AskedSize = Annotated[
    str | None, typer.Option(help="Range of the tumour's size that was asked for, in mm.")
]
Memorised = Annotated[
    bool | None,
    typer.Option(
        "--memorised/--not-memorised",
        help="Whether it is nearer to a training image than 99 % of real images of other subjects.",
    ),
]
Order = Annotated[str, typer.Option(help="Column to sort by; -realism: from high to low.")]
Kind = Annotated[Format | None, typer.Option("--as", help="Format of the files; PNG by default.")]


def run(
    url: Annotated[str, typer.Option(help="URL of the catalogue for SQLAlchemy.")] = DEFAULT_URL,
    experiment: Annotated[str | None, typer.Option(help="Name of the experiment.")] = None,
    generator: Annotated[str | None, typer.Option(help="Start of its digest.")] = None,
    tumour_area: Area = None,
    tumour_area_mm2: AreaMm2 = None,
    side: Side = None,
    realism: Realism = None,
    similarity: Similarity = None,
    slice_level: Level = None,
    asked_level: AskedLevel = None,
    asked_size: AskedSize = None,
    memorised: Memorised = None,
    order: Order = "id",
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of results.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All columns, as JSON.")] = False,
    export: Annotated[Path | None, typer.Option(help="Folder to export the results to.")] = None,
    kind: Kind = None,
) -> None:
    """Search generated images by their numbers, show them as a table, and export them.

    \b
    Example:
      synaxial catalogue search --tumour-area 500.. --side left --not-memorised
        --export chosen --as dicom
    """
    if kind is not None and export is None:
        raise SynaxialError("--as", f"{kind.value}, but nothing is exported", "--export FOLDER too")
    given = [
        ("tumour_area_pixels", "--tumour-area", tumour_area),
        ("tumour_area_mm2", "--tumour-area-mm2", tumour_area_mm2),
        ("realism", "--realism", realism),
        ("similarity", "--similarity", similarity),
        ("nearest_slice", "--slice-level", slice_level),
        ("asked_level", "--asked-level", asked_level),
        ("asked_size", "--asked-size", asked_size),
    ]
    ranges = {name: parse_range(text, option) for name, option, text in given if text is not None}
    if order.removeprefix("-") == "tumour_area":
        order += "_pixels"
    question = Question(experiment, generator, ranges, side, memorised, order, limit)
    engine = open_catalogue(url)
    try:
        with Session(engine) as session:
            hits = list(find(session, question))
            if export is not None:
                _export(session, hits, export, kind or Format.PNG)
    except SQLAlchemyError as error:
        raise failure(error, shown(engine.url)) from error
    print(json.dumps(hits, indent=2) if as_json else table_of(hits))


def _export(session: Session, hits: Sequence[dict[str, Any]], folder: Path, kind: Format) -> None:
    """Write the hits as files."""
    # Imported late: the libraries of DICOM and NIfTI take as long to load as a search.
    from synaxial.studies.catalogue.exporting import export  # noqa: PLC0415

    if folder.exists() and not folder.is_dir():
        raise SynaxialError(folder, "is not a folder", "a folder, or the name of a new one")
    # `catalogue send` takes all files of a folder, also those of an earlier search.
    if folder.exists() and any(folder.iterdir()):
        raise SynaxialError(folder, "is not empty", "an empty folder, or the name of a new one")
    logger.info("%s: %d files", folder, export(session, hits, folder, kind.value))


def table_of(hits: Sequence[dict[str, Any]]) -> str:
    """Return hits as a table in plain text, and their number below."""
    names = [
        name for name in SHOWN if name not in OPTIONAL or any(hit[name] is not None for hit in hits)
    ]
    rows = [[SHOWN[name] for name in names]]
    rows += [[_text_of(hit[name]) for name in names] for hit in hits]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if name in TEXTS else text.rjust(width)
            for name, text, width in zip(names, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    counted = "1 image" if len(hits) == 1 else f"{len(hits)} images"
    return "\n".join([*(lines if hits else []), counted])


def _text_of(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
