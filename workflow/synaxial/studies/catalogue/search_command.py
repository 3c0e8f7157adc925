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
from synaxial.studies.catalogue.database import DEFAULT_URL, open_catalogue, told
from synaxial.studies.catalogue.searching import Question, find, parse_range

logger = logging.getLogger(__name__)

#: What the terminal shows; `--json` has all.
SHOWN = {
    "id": "id",
    "experiment": "experiment",
    "seed": "seed",
    "stack": "stack",
    "image": "image",
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

#: Columns that are words.
TEXTS = {"experiment", "tumour_side", "memorised", "nearest_subject"}


class Format(StrEnum):
    """What hits are exported as."""

    PNG = "png"
    NIFTI = "nifti"
    DICOM = "dicom"


def run(
    url: Annotated[str, typer.Option(help="The catalogue, as SQLAlchemy writes it.")] = DEFAULT_URL,
    experiment: Annotated[str | None, typer.Option(help="Of this experiment.")] = None,
    generator: Annotated[str | None, typer.Option(help="Its digest begins so.")] = None,
    tumour_area: Annotated[
        str | None, typer.Option(help="Pixels of the tumour-like part: 500.., ..300, 100..500.")
    ] = None,
    tumour_area_mm2: Annotated[
        str | None, typer.Option("--tumour-area-mm2", help="The same in mm2, where known.")
    ] = None,
    side: Annotated[
        str | None, typer.Option(help="The patient's side of it: left, right, middle.")
    ] = None,
    realism: Annotated[
        str | None, typer.Option(help="Realism score, a range; 1 or more is among real images.")
    ] = None,
    similarity: Annotated[
        str | None, typer.Option(help="Correlation with the nearest training image, a range.")
    ] = None,
    slice_level: Annotated[
        str | None, typer.Option(help="Axial slice of the nearest training image, a range.")
    ] = None,
    memorised: Annotated[
        bool | None,
        typer.Option(
            "--memorised/--not-memorised",
            help="Nearer to a training image than 99 % of real images of other subjects, or not.",
        ),
    ] = None,
    order: Annotated[
        str, typer.Option(help="A column to sort by; -realism has the highest first.")
    ] = "id",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many hits.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All columns, as JSON.")] = False,
    export: Annotated[Path | None, typer.Option(help="Folder to export the hits to.")] = None,
    kind: Annotated[
        Format | None, typer.Option("--as", help="What they are exported as; PNG by default.")
    ] = None,
) -> None:
    """Find generated images by their numbers; show them as a table, and export them."""
    if kind is not None and export is None:
        raise SynaxialError("--as", f"{kind.value}, but nothing is exported", "--export FOLDER too")
    asked = {
        "tumour_area_pixels": ("--tumour-area", tumour_area),
        "tumour_area_mm2": ("--tumour-area-mm2", tumour_area_mm2),
        "realism": ("--realism", realism),
        "similarity": ("--similarity", similarity),
        "nearest_slice": ("--slice-level", slice_level),
    }
    question = Question(
        experiment=experiment,
        generator=generator,
        ranges={
            name: parse_range(text, option)
            for name, (option, text) in asked.items()
            if text is not None
        },
        side=side,
        memorised=memorised,
        order={"tumour_area": "tumour_area_pixels", "-tumour_area": "-tumour_area_pixels"}.get(
            order, order
        ),
        limit=limit,
    )
    engine = open_catalogue(url)
    try:
        with Session(engine) as session:
            hits = list(find(session, question))
            if export is not None:
                before = set(export.iterdir()) if export.is_dir() else set()
                written = _export(session, hits, export, kind or Format.PNG)
                others = len(set(export.iterdir()) if export.is_dir() else set()) - written
                logger.info("%s: %d files", export, written)
                if before and others > 0:
                    logger.warning("%s: %d other files were there already", export, others)
    except SQLAlchemyError as error:
        raise told(error, engine.url.render_as_string(hide_password=True)) from error
    print(json.dumps(hits, indent=2) if as_json else table_of(hits))


def _export(session: Session, hits: Sequence[dict[str, Any]], folder: Path, kind: Format) -> int:
    """Write the hits as files; return how many."""
    # Only now: DICOM's and NIfTI's libraries take as long to load as a search takes.
    from synaxial.studies.catalogue.exporting import export  # noqa: PLC0415

    if folder.exists() and not folder.is_dir():
        raise SynaxialError(folder, "is no folder", "a folder, or a name for a new one")
    return export(session, hits, folder, kind.value)


def table_of(hits: Sequence[dict[str, Any]]) -> str:
    """Return hits as a table in plain text, with their number below."""
    rows = [
        list(SHOWN.values()),
        *([_text_of(hit[name]) for name in SHOWN] for hit in hits),
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(SHOWN))]
    numeric = [at for at, name in enumerate(SHOWN) if name not in TEXTS]
    lines = [
        "  ".join(
            text.rjust(width) if at in numeric else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    counted = "1 image" if len(hits) == 1 else f"{len(hits)} images"
    return "\n".join([*(lines if hits else []), counted])


def _text_of(value: Any) -> str:
    """Return a cell's text."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
