"""Speed-up and efficiency, by their definitions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.studies.scaling.points import MODES


@dataclass(frozen=True)
class Point:
    """One number of ranks, measured or predicted.

    Attributes
    ----------
    mode
        `strong` or `weak`.
    ranks, nodes
        How many.
    batch_size
        Images of a step over all ranks.
    seconds, low, high
        Of a step: median and interquartile range; of a prediction all the same.
    communication, least_communication
        The seconds of it inside messages: the mean of the ranks, and of the rank that waited least.
    payload_bytes, messages
        Of a step and a rank.
    crowded
        The ranks had fewer cores than threads.
    predicted
        By the cost model.
    """

    mode: str
    ranks: int
    nodes: int
    batch_size: int
    seconds: float
    low: float
    high: float
    communication: float
    least_communication: float
    payload_bytes: int
    messages: int
    crowded: bool = False
    predicted: bool = False

    @property
    def images_of_a_rank(self) -> int:
        """Images of a step of one rank."""
        return self.batch_size // self.ranks

    @property
    def images_per_second(self) -> float:
        """Over all ranks."""
        return self.batch_size / self.seconds


def efficiency(mode: str, ranks: int, seconds: float, seconds_alone: float) -> float:
    """Return which share of the ranks' time does what one rank alone would do.

    Strong: t(1) / (R t(R)), for R ranks share one rank's work. Weak: t(1) / t(R), for each of them
    has as much.

    Parameters
    ----------
    mode
        `strong` or `weak`.
    ranks
        R.
    seconds, seconds_alone
        Of a step on R ranks, and on one.
    """
    return seconds_alone / (seconds * (ranks if mode == "strong" else 1))


def efficiencies(points: Sequence[Point]) -> dict[Point, float]:
    """Return each point's efficiency, held against the measured single rank of its mode.

    Crowded points have none: there the cores are divided, and not the work.
    """
    alone = {p.mode: p.seconds for p in points if p.ranks == 1 and not p.predicted}
    return {
        p: efficiency(p.mode, p.ranks, p.seconds, alone[p.mode])
        for p in points
        if not p.crowded and p.mode in alone
    }


def read_points(paths: Sequence[Path]) -> tuple[list[Point], dict[str, Any]]:
    """Return the points of files of `synaxial study scaling measure`, and the first file's content.

    Raises
    ------
    SynaxialError
        A file is something else, or was measured on another device than the first.
    """
    contents = [read_json(path) for path in paths]
    for path, content in zip(paths, contents, strict=True):
        try:
            found = (content["device"], content["threads_per_rank"])
            expected = (contents[0]["device"], contents[0]["threads_per_rank"])
        except KeyError as error:
            raise SynaxialError(
                path, f"has no {error.args[0]}", "a file of `synaxial study scaling measure`"
            ) from None
        if found != expected:
            raise SynaxialError(
                path,
                f"was measured on {found[0]} with {found[1]} threads a rank",
                f"{expected[0]} with {expected[1]}, as {paths[0]}",
                "measure all points alike: snakemake scaling --forcerun scaling_run",
            )
    points = [_point(content) for content in contents]
    return sorted(points, key=lambda p: (MODES.index(p.mode), p.ranks)), contents[0]


def _point(content: dict[str, Any]) -> Point:
    return Point(
        mode=content["mode"],
        ranks=content["ranks"],
        nodes=len(content["nodes"]),
        batch_size=content["batch_size"],
        seconds=content["seconds"]["median"],
        low=content["seconds"]["low"],
        high=content["seconds"]["high"],
        communication=content["communication_seconds"]["median"],
        least_communication=content["least_communication_seconds"]["median"],
        payload_bytes=content["bytes_per_step"],
        messages=content["messages_per_step"],
        crowded=content["crowded"],
    )


def as_predicted(point: Point, ranks: int, batch_size: int, seconds: float, spent: float) -> Point:
    """Return a point like this one on other ranks, as predicted; how many nodes is not known."""
    return replace(
        point,
        ranks=ranks,
        nodes=0,
        batch_size=batch_size,
        seconds=seconds,
        low=seconds,
        high=seconds,
        communication=spent,
        least_communication=spent,
        crowded=False,
        predicted=True,
    )
