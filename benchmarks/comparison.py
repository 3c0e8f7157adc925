"""Alternating repeats, and what they say."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.preprocessing.rows import Row

#: Bytes of a megabyte.
MEGABYTE = 1e6


@dataclass(frozen=True)
class Rate:
    """Images a second, over some repeats.

    Attributes
    ----------
    median, lowest, highest
        Of all repeats.
    """

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.lowest:.3g} to {self.highest:.3g}"


def rate(images: int, seconds: list[float]) -> Rate:
    """Return the images a second of repeats that took so long."""
    return Rate(images / statistics.median(seconds), images / max(seconds), images / min(seconds))


def alternate(
    contestants: Mapping[str, Callable[[], float]], warm_ups: int, repeats: int
) -> dict[str, list[float]]:
    """Have all do their work in turn, again and again, so that a busy machine slows all alike.

    Parameters
    ----------
    contestants
        Each does its work and returns the seconds that it took.
    warm_ups
        How many first turns do not count.
    repeats
        How many count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(warm_ups + repeats):
        for name, work in contestants.items():
            taken = work()
            if turn >= warm_ups:
                seconds[name].append(taken)
    return seconds


def row_of_rates(name: str, ours: Rate, other: Rate, how: str) -> Row:
    """Return the row of two rates with their spread."""
    spread = f"ours {ours}, other {other}"
    return Row(
        name, ours.median, other.median, ours.median / other.median, "images/s", f"{spread}; {how}"
    )


def row_of_memory(name: str, ours: float, other: float, how: str) -> Row:
    """Return the row of two sizes in bytes, of which the smaller is the better."""
    return Row(name, ours / MEGABYTE, other / MEGABYTE, ours / other, "MB (less is better)", how)


def not_run(name: str, why: str) -> Row:
    """Return the row of what could not be measured here."""
    return Row(name, float("nan"), None, None, "images/s", f"not run: {why}")
