"""Images of the catalogue by their numbers and origin."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, asc, desc, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.models import (
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

#: What a hit says of itself, in the order of the table: a name and its column.
COLUMNS: dict[str, Any] = {
    "id": Image.id,
    "experiment": Experiment.name,
    "seed": Experiment.seed,
    "generator": Generator.sha256,
    "stack": Stack.number,
    "image": Image.number,
    "sample_seed": Image.seed,
    "sha256": Image.sha256,
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

#: The sides that can be asked for.
SIDES = (LEFT, RIGHT, MIDDLE)


@dataclass(frozen=True)
class Range:
    """From a number to another, both included; None is no bound."""

    low: float | None = None
    high: float | None = None

    def of(self, column: Any) -> list[ColumnElement[bool]]:
        """Return the conditions that a column is within."""
        bounds = []
        if self.low is not None:
            bounds.append(column >= self.low)
        if self.high is not None:
            bounds.append(column <= self.high)
        return bounds


@dataclass(frozen=True)
class Question:
    """What is asked for; None is anything.

    Attributes
    ----------
    experiment, generator
        A name, and how a generator's digest begins.
    ranges
        Of the numbers, by the names of `COLUMNS`.
    side
        The patient's side of the tumour-like part.
    memorised
        Whether the image is nearer to a training image than real ones are.
    order, limit, offset
        A column's name, with a minus in front for the highest first; at most so many hits; and how
        many are passed over before.
    """

    experiment: str | None = None
    generator: str | None = None
    ranges: dict[str, Range] | None = None
    side: str | None = None
    memorised: bool | None = None
    order: str = "id"
    limit: int | None = None
    offset: int = 0


def parse_range(text: str, what: str) -> Range:
    """Return the range that `500..`, `..300`, `100..500` or `7` says.

    Raises
    ------
    SynaxialError
        It says none.
    """
    low, separator, high = text.partition("..")
    try:
        bounds = [float(part) if part.strip() else None for part in (low, high)]
    except ValueError:
        bounds = [None, None]
    if not separator:
        bounds[1] = bounds[0]
    first, last = bounds
    if (first is None and last is None) or any(
        each is not None and math.isnan(each) for each in bounds
    ):
        raise SynaxialError(what, f"found {text!r}", "a range such as 500.., ..300 or 100..500")
    if first is not None and last is not None and first > last:
        raise SynaxialError(what, f"{text} holds nothing", "the lower bound first")
    return Range(first, last)


def find(session: Session, question: Question) -> Iterator[dict[str, Any]]:
    """Yield what is known of each image that is asked for, by the names of `COLUMNS`.

    An image without numbers, one beyond those that were measured, is found only if nothing is
    asked of them.

    Raises
    ------
    SynaxialError
        The order or a range is of no column.
    """
    query = joined(*[column.label(name) for name, column in COLUMNS.items()])
    for condition in _conditions(question):
        query = query.where(condition)
    name = question.order.removeprefix("-")
    if name not in COLUMNS:
        raise SynaxialError("--order", f"there is no column {name!r}", ", ".join(COLUMNS))
    direction = desc if question.order.startswith("-") else asc
    # Databases differ in where they put what has no number; it is last here.
    ordered = query.order_by(COLUMNS[name].is_(None), direction(COLUMNS[name]), Image.id)
    for row in session.execute(ordered.limit(question.limit).offset(question.offset)):
        yield dict(row._mapping)


def count(session: Session, question: Question) -> int:
    """Return how many images are asked for, whatever the limit."""
    return session.scalar(joined(func.count()).where(*_conditions(question))) or 0


def joined(*columns: Any) -> Select[Any]:
    """Return columns of all tables together, a row an image."""
    return (
        select(*columns)
        .select_from(Image)
        .join(Stack, Image.stack_id == Stack.id)
        .join(Generator, Stack.generator_id == Generator.id)
        .join(Experiment, Generator.experiment_id == Experiment.id)
        .outerjoin(Numbers, Numbers.image_id == Image.id)
        .outerjoin(TrainingImage, Numbers.nearest_id == TrainingImage.id)
    )


def _conditions(question: Question) -> list[ColumnElement[bool]]:
    """Return what a row must fulfil."""
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
    for name, bounds in (question.ranges or {}).items():
        found += bounds.of(COLUMNS[name])
    return found
