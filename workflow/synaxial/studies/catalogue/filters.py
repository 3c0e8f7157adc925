"""The filters of the gallery: what an address asks for, and the sliders that show it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.searching import COLUMNS, SIDES, Question, Range, joined

#: The columns with a slider: their names on the page, and the digits behind the point.
SLIDERS = {
    "asked_level": ("level asked for, mm", 0),
    "asked_size": ("tumour size asked for, mm", 0),
    "nearest_slice": ("nearest slice", 0),
    "tumour_area_mm2": ("tumour-like area, mm²", 0),
    "tumour_area_pixels": ("tumour-like area, pixels", 0),
    "realism": ("realism", 2),
    "similarity": ("similarity to training image", 2),
}

#: The orders of the form, and their names.
ORDERS = {
    "": "as loaded",
    "asked_level": "lowest level first",
    "-realism": "most realistic first",
    "realism": "least realistic first",
    "-tumour_area_pixels": "largest tumour-like area first",
    "-similarity": "most similar to training first",
}

#: The choices about memorised images, and their names.
MEMORISED = {"": "any", "yes": "memorised", "no": "not memorised"}

#: The fields of the form, and the page of an experiment.
FIELDS = [
    *("experiment", "generator", "side", "memorised", "order", "page"),
    *(f"{name}_{end}" for name in SLIDERS for end in ("from", "to")),
]

#: The smallest and the largest value of each slider.
Bounds = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Slider:
    """A range of a column on the page; its numbers are text, as the page has them."""

    name: str
    words: str
    lowest: str
    highest: str
    step: str
    low: str
    high: str


def read_bounds(session: Session) -> dict[str, tuple[float, float]]:
    """Return the bounds of the columns that have more than one value, as the page shows them.

    The area has one slider: in mm² if that is known for all images, otherwise in pixels.
    """
    columns = [
        column
        for name in SLIDERS
        for column in (func.min(COLUMNS[name]), func.max(COLUMNS[name]), func.count(COLUMNS[name]))
    ]
    row = session.execute(joined(*columns)).one()
    ends = {name: row[3 * at : 3 * at + 2] for at, name in enumerate(SLIDERS)}
    counts = {name: row[3 * at + 2] for at, name in enumerate(SLIDERS)}
    whole = counts["tumour_area_mm2"] == counts["tumour_area_pixels"]
    ends.pop("tumour_area_pixels" if whole else "tumour_area_mm2")
    bounds = {}
    for name, (low, high) in ends.items():
        if low is not None:
            first, last = (float(_shown(name, value)) for value in (low, high))
            if first < last:
                bounds[name] = (first, last)
    return bounds


def orders_for(bounds: Bounds) -> dict[str, str]:
    """Return the orders by columns that have more than one value."""
    # The area is in one of two units.
    known = {name.removesuffix("_mm2").removesuffix("_pixels") for name in bounds}
    columns = {order: order.removeprefix("-").removesuffix("_pixels") for order in ORDERS}
    return {order: words for order, words in ORDERS.items() if columns[order] in {"", *known}}


def question_of(given: Mapping[str, str], bounds: Bounds) -> Question:
    """Return the question of a form; refuse a field without a number or with another choice.

    Only the sliders with bounds count, for the page shows no others. A slider at its bound is no
    filter, so that images without that number match. Refuse a range whose ends have crossed too.
    """
    chosen, order, side = (given.get(name, "") for name in ("memorised", "order", "side"))
    if order not in ORDERS or chosen not in MEMORISED or side not in {"", *SIDES}:
        raise SynaxialError(
            "the form", f"found {', '.join(map(repr, (order, chosen, side)))}", "its choices"
        )
    return Question(
        experiment=given.get("experiment") or None,
        generator=given.get("generator") or None,
        ranges={name: _filter(name, _range(given, name), bounds[name]) for name in bounds},
        side=side or None,
        memorised={"": None, "yes": True, "no": False}[chosen],
        order=order or "id",
    )


def page_of(given: Mapping[str, str]) -> int:
    """Return the number of the page, counted from 0."""
    page = given.get("page", "")
    if page and not (page.isdecimal() and len(page) < 7):
        raise SynaxialError("page", f"found {page!r}", "a number")
    return int(page or 0)


def sliders_of(given: Mapping[str, str], bounds: Bounds) -> list[Slider]:
    """Return the sliders of a form; those of a form that `question_of` refuses are whole."""
    found = []
    for name, (lowest, highest) in bounds.items():
        try:
            low, high = _range(given, name)
        except SynaxialError:
            low, high = None, None
        ends = (
            lowest,
            highest,
            lowest if low is None else min(max(low, lowest), highest),
            highest if high is None else min(max(high, lowest), highest),
        )
        words, digits = SLIDERS[name]
        first, last, start, end = (_shown(name, value) for value in ends)
        found.append(Slider(name, words, first, last, f"{10**-digits:g}", start, end))
    return found


def _shown(name: str, value: float) -> str:
    """Return a number of a column as its slider shows it."""
    return f"{value:.{SLIDERS[name][1]}f}"


def _range(given: Mapping[str, str], name: str) -> Range:
    """Return the two numbers of a slider."""
    low, high = (_number(given, f"{name}_{end}") for end in ("from", "to"))
    if low is not None and high is not None and low > high:
        raise SynaxialError(
            SLIDERS[name][0], f"from {low:g} to {high:g} is empty", "the smaller number first"
        )
    return low, high


def _filter(name: str, asked: Range, bounds: tuple[float, float]) -> Range:
    """Return a range without the ends that are at the bounds of the data.

    A number that is shown as an end is within: 0.635 is, in a range from 0.64.
    """
    low, high = asked
    digits = SLIDERS[name][1]
    half = 0.5 * 10**-digits
    return (
        None if low is None or low <= bounds[0] else round(low - half, digits + 1),
        None if high is None or high >= bounds[1] else round(high + half, digits + 1),
    )


def _number(given: Mapping[str, str], name: str) -> float | None:
    """Return the number of a field, or None if it is empty."""
    text = given.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise SynaxialError(name, f"found {text!r}", "a number")
    return value
