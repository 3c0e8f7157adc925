"""The points of a scaling study (a mode and a number of ranks), their times and efficiency.

This module must import fast, because the workflow uses it before it starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaxial.config.model import Training
from synaxial.gan.train.inputs import check_batch
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json

#: Strong scaling keeps the batch, and the ranks share it. Weak scaling grows it with the ranks.
MODES = ("strong", "weak")


@dataclass(frozen=True)
class Point:
    """One number of ranks, measured or predicted.

    Attributes
    ----------
    nodes
        Number of nodes; 0 for a prediction.
    batch_size
        Images of a step over all ranks.
    seconds, low, high
        Of a step: median and interquartile range; all the same for a prediction.
    communication, least_communication
        Seconds of a step inside messages: mean of the ranks, and of the rank that waited least.
    payload_bytes, messages
        Of one step and rank.
    crowded
        Whether the ranks had fewer cores than threads.
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


def training_of_point(training: Training, mode: str, ranks: int) -> Training:
    """Return an experiment's settings with the batch size of a point; networks have grown up."""
    if mode not in MODES:
        raise SynaxialError("--mode", f"found {mode!r}", f"one of {', '.join(MODES)}")
    images = training.batch_size * (ranks if mode == "weak" else 1)
    grown = training.coarse.model_copy(update={"first_width": training.coarse.width})
    return training.model_copy(
        update={"batch_size": images, "seeds": [training.seeds[0]], "coarse": grown}
    )


def why_not(training: Training, mode: str, ranks: int) -> str:
    """Return why a point cannot be measured; "" if it can."""
    try:
        check_batch(training_of_point(training, mode, ranks), ranks)
    except SynaxialError as error:
        return str(error)
    return ""


def points_of(training: Training, ranks: Sequence[int]) -> list[tuple[str, int]]:
    """Return the modes and numbers of ranks that can be measured."""
    return [
        (mode, number) for mode in MODES for number in ranks if not why_not(training, mode, number)
    ]


def efficiency(mode: str, ranks: int, seconds: float, seconds_alone: float) -> float:
    """Return the efficiency of R ranks compared with one rank.

    Strong scaling: t(1) / (R t(R)), because R ranks share the work of one. Weak scaling: t(1) /
    t(R), because each of them has the work of one.
    """
    return seconds_alone / (seconds * (ranks if mode == "strong" else 1))


def efficiencies(points: Sequence[Point]) -> dict[Point, float]:
    """Return each point's efficiency, compared with the measured single rank of its mode.

    Crowded points have none, and nothing is compared with them: their ranks share cores.
    """
    alone = {p.mode: p.seconds for p in points if p.ranks == 1 and not p.crowded}
    return {
        p: efficiency(p.mode, p.ranks, p.seconds, alone[p.mode])
        for p in points
        if not p.crowded and p.mode in alone
    }


def read_points(paths: Sequence[Path]) -> tuple[list[Point], dict[str, Any]]:
    """Return the points of files of `synaxial study scaling measure`, and the first file's content.

    Points of different devices, or with different numbers of threads, are refused.
    """
    contents = [read_json(path) for path in paths]
    points = []
    for path, content in zip(paths, contents, strict=True):
        try:
            machine, first = ((c["device"], c["threads_per_rank"]) for c in (content, contents[0]))
            points.append(_point(content))
        except KeyError as error:
            raise SynaxialError(
                path, f"has no {error.args[0]}", "a file of `synaxial study scaling measure`"
            ) from None
        if machine != first:
            raise SynaxialError(
                path,
                f"was measured on {machine[0]} with {machine[1]} threads per rank",
                f"{first[0]} with {first[1]}, as {paths[0]}",
                "measure all points again: snakemake scaling --forcerun scaling_run",
            )
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
