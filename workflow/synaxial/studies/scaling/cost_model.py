"""The time of a step on R ranks: a model with four parameters, fitted to measured points."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from synaxial.config.model import Training
from synaxial.studies.scaling.points import MODES, Point, training_of_point, why_not

#: Predictions double the largest measured number of ranks this many times.
DOUBLINGS = 4

PARAMETERS = 4


@dataclass(frozen=True)
class CostModel:
    """t(R) = fixed + per_image * n + latency * m * ceil(log2 R) + s / bandwidth * 2 (R - 1) / R.

    All in seconds; n is the number of images of a rank, m the messages of a step and s their bytes.
    The last two terms are those of an allreduce by halving and doubling; a ring has the same last
    one. Source: Thakur, Rabenseifner and Gropp, Optimization of Collective Communication Operations
    in MPICH, 2005. There, a message has two latencies, and the addition has a term of its own.
    Here, the factor is part of the latency, and the addition part of the bandwidth.
    """

    fixed: float
    per_image: float
    latency: float
    seconds_per_byte: float

    def communication(self, ranks: int, messages: int, payload_bytes: int) -> float:
        """Return the seconds of a step's messages."""
        rounds, volume = communication_terms(ranks, messages, payload_bytes)
        return self.latency * rounds + self.seconds_per_byte * volume

    def seconds(
        self, ranks: int, images_of_a_rank: int, messages: int, payload_bytes: int
    ) -> float:
        """Return the seconds of a step."""
        compute = self.fixed + self.per_image * images_of_a_rank
        return compute + self.communication(ranks, messages, payload_bytes)


def communication_terms(ranks: int, messages: int, payload_bytes: int) -> tuple[float, float]:
    """Return the factors of the latency and of the inverse bandwidth; 0 for one rank."""
    # The rounded-up logarithm of R to base 2, exact for integers.
    rounds = messages * (ranks - 1).bit_length()
    return float(rounds), payload_bytes * 2 * (ranks - 1) / ranks


def design_of(points: Sequence[Point]) -> np.ndarray:
    """Return the factors of the four parameters, float64 (points, 4)."""
    rows = [
        (1.0, p.images_of_a_rank, *communication_terms(p.ranks, p.messages, p.payload_bytes))
        for p in points
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, PARAMETERS)


def fit(points: Sequence[Point]) -> CostModel | str:
    """Fit the model to measured points by non-negative least squares, or return why it cannot be.

    Crowded points are left out: their ranks share cores, which is not part of the model.
    """
    used = [p for p in points if not p.crowded and not p.predicted]
    design = design_of(used)
    # Bytes are millions where images are a few; scaled columns keep the precision.
    sizes = design.max(axis=0, initial=0)
    sizes[sizes == 0] = 1
    distinct = np.linalg.matrix_rank(design / sizes) if used else 0
    if distinct < PARAMETERS:
        return (
            f"no prediction: the {len(used)} usable points determine {distinct} of the model's "
            f"{PARAMETERS} parameters; latency and bandwidth need points with one, two and more "
            "ranks, each rank with its own cores or GPU"
        )
    found, _ = nnls(design / sizes, np.array([p.seconds for p in used]))
    return CostModel(*(found / sizes).tolist())


def largest_deviation(model: CostModel, points: Sequence[Point]) -> float:
    """Return the largest relative deviation of the model from a measured point."""
    return max(
        abs(model.seconds(p.ranks, p.images_of_a_rank, p.messages, p.payload_bytes) / p.seconds - 1)
        for p in points
        if not p.crowded and not p.predicted
    )


def predict(model: CostModel, points: Sequence[Point], training: Training) -> list[Point]:
    """Return points with more ranks than any measured one, where the ranks can share the batch.

    Messages and bytes are those of the measured point of the mode with the most ranks.
    """
    found = []
    for mode in MODES:
        measured = [p for p in points if p.mode == mode and not p.crowded and p.ranks > 1]
        if not measured:
            continue
        last = max(measured, key=lambda p: p.ranks)
        for ranks in (last.ranks * 2**k for k in range(1, DOUBLINGS + 1)):
            if why_not(training, mode, ranks):
                continue
            batch = training_of_point(training, mode, ranks).batch_size
            sent = (last.messages, last.payload_bytes)
            seconds = model.seconds(ranks, batch // ranks, *sent)
            spent = model.communication(ranks, *sent)
            found.append(
                replace(
                    last,
                    ranks=ranks,
                    nodes=0,
                    batch_size=batch,
                    seconds=seconds,
                    low=seconds,
                    high=seconds,
                    communication=spent,
                    least_communication=spent,
                    predicted=True,
                )
            )
    return found
