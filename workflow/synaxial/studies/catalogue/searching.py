"""Search for images of the catalogue by their numbers and origin."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, asc, desc, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.tables import (
    LEFT,
    MIDDLE,
    RIGHT,
    Experiment,
    Generator,
    Image,
    Numbers,
    Stack,
    TrainingImage,
)

#: The names and columns of a hit, in the order of the table.
COLUMNS: dict[str, Any] = {
    "id": Image.id,
    "experiment": Experiment.name,
    "seed": Experiment.seed,
    "generator": Generator.sha256,
    "stack": Stack.number,
    "image": Image.number,
    "sample_seed": Image.seed,
    "sha256": Image.sha256,
    "asked_level": Image.asked_level,
    "asked_tumour": Image.asked_tumour,
    "asked_side": Image.asked_side,
    "asked_size": Image.asked_size,
    "tumour_area_pixels": Numbers.tumour_area_pixels,
    "tumour_area_mm2": Numbers.tumour_area_mm2,
    "tumour_side": Numbers.tumour_side,
    "tumour_row": Numbers.tumour_row,
    "tumour_column": Numbers.tumour_column,
    "brain_area_pixels": Numbers.brain_area_pixels,
    "realism": Numbers.realism,
    "similarity": Numbers.similarity,
    "similarity_limit": Numbers.similarity_limit,
    "memorised": Numbers.memorised,
    "nearest_subject": TrainingImage.subject,
    "nearest_slice": TrainingImage.slice,
}

SIDES = (LEFT, RIGHT, MIDDLE)

#: The smallest and the largest value of a range, both included; None is no bound.
Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class Question:
    """A search; None is any value.

    `generator` is the first digits of a digest. `ranges` have the names of `COLUMNS`, and so has
    `order`, with a minus in front for descending order. `side` is the patient's side of the
    tumour-like area. `limit` and `offset` are the numbers of hits to return and to skip. `images`
    are ids.
    """

    experiment: str | None = None
    generator: str | None = None
    ranges: dict[str, Range] = field(default_factory=dict)
    side: str | None = None
    memorised: bool | None = None
    order: str = "id"
    limit: int | None = None
    offset: int = 0
    images: Sequence[int] | None = None


def parse_range(text: str, option: str) -> Range:
    """Return the range of `500..`, `..300`, `100..500` or `7`."""
    low, separator, high = text.partition("..")
    try:
        bounds = [float(part) if part.strip() else None for part in (low, high)]
    except ValueError:
        bounds = [None, None]
    if not separator:
        bounds[1] = bounds[0]
    first, last = bounds
    if bounds == [None, None] or any(each is not None and math.isnan(each) for each in bounds):
        raise SynaxialError(option, f"found {text!r}", "a range such as 500.., ..300 or 100..500")
    if first is not None and last is not None and first > last:
        raise SynaxialError(option, f"{text} is empty", "the lower bound first")
    return first, last


def find(session: Session, question: Question) -> Iterator[dict[str, Any]]:
    """Yield the images that match, each as a dict with the names of `COLUMNS`.

    Images that were not measured match only a question without numbers.
    """
    query = joined(*[column.label(name) for name, column in COLUMNS.items()])
    ordered = query.where(*_conditions(question)).order_by(*_order(question))
    for row in session.execute(ordered.limit(question.limit).offset(question.offset)):
        yield dict(row._mapping)


def count(session: Session, question: Question) -> int:
    """Return the number of images that match, without the limit."""
    return session.scalar(joined(func.count()).where(*_conditions(question))) or 0


def count_by_experiment(session: Session, question: Question) -> dict[str, int]:
    """Return the number of images that match, without the limit, of each experiment's name."""
    query = joined(Experiment.name, func.count().label("number")).where(*_conditions(question))
    grouped = query.group_by(Experiment.name).order_by(Experiment.name)
    return {row.name: row.number for row in session.execute(grouped)}


def ids_of(session: Session, question: Question) -> Sequence[int]:
    """Return the ids of all images that match, experiment by experiment, each in its order."""
    query = joined(Image.id).where(*_conditions(question))
    return session.scalars(query.order_by(Experiment.name, *_order(question))).all()


def joined(*columns: Any) -> Select[Any]:
    """Return a query of columns of all tables, with a row for each image."""
    return (
        select(*columns)
        .select_from(Image)
        .join(Stack, Image.stack_id == Stack.id)
        .join(Generator, Stack.generator_id == Generator.id)
        .join(Experiment, Generator.experiment_id == Experiment.id)
        .outerjoin(Numbers, Numbers.image_id == Image.id)
        .outerjoin(TrainingImage, Numbers.nearest_id == TrainingImage.id)
    )


def _order(question: Question) -> list[Any]:
    """Return what to sort by."""
    name = question.order.removeprefix("-")
    if name not in COLUMNS:
        raise SynaxialError("--order", f"there is no column {name!r}", ", ".join(COLUMNS))
    direction = desc if question.order.startswith("-") else asc
    # Missing numbers come last; databases differ in their default.
    return [COLUMNS[name].is_(None), direction(COLUMNS[name]), Image.id]


def _conditions(question: Question) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if question.experiment is not None:
        found.append(Experiment.name == question.experiment)
    if question.generator is not None:
        found.append(Generator.sha256.startswith(question.generator, autoescape=True))
    if question.side is not None:
        if question.side not in SIDES:
            raise SynaxialError("--side", f"found {question.side!r}", ", ".join(SIDES))
        found.append(Numbers.tumour_side == question.side)
    if question.memorised is not None:
        found.append(Numbers.memorised.is_(question.memorised))
    if question.images is not None:
        found.append(Image.id.in_(question.images))
    for name, (low, high) in question.ranges.items():
        if low is not None:
            found.append(COLUMNS[name] >= low)
        if high is not None:
            found.append(COLUMNS[name] <= high)
    return found
