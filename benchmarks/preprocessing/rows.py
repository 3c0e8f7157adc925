"""What a measurement says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of a table of results.

    Attributes
    ----------
    name
        What was measured.
    ours
        Synaxial's number.
    other
        What it is compared with; None if that was not run.
    ratio
        How many times as good ours is; None likewise.
    unit
        Of `ours` and `other`.
    how
        How it was measured, on what, and what else is needed to judge it.
    """

    name: str
    ours: float
    other: float | None
    ratio: float | None
    unit: str
    how: str


def compared(name: str, ours: float, other: float | None, unit: str, how: str) -> Row:
    """Return the row of two rates, of which the higher is the better."""
    return Row(name, ours, other, None if other is None else ours / other, unit, how)
