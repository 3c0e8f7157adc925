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

    def communication(self, point: Point) -> float:
        """Return the seconds of a step's messages."""
        rounds, volume = communication_terms(point)
        return self.latency * rounds + self.seconds_per_byte * volume

    def seconds(self, point: Point) -> float:
        """Return the seconds of a step."""
        compute = self.fixed + self.per_image * point.images_of_a_rank
        return compute + self.communication(point)


def communication_terms(point: Point) -> tuple[float, float]:
    """Return the factors of the latency and of the inverse bandwidth; 0 for one rank."""
    # The rounded-up logarithm of R to base 2, exact for integers.
    rounds = point.messages * (point.ranks - 1).bit_length()
    return float(rounds), point.payload_bytes * 2 * (point.ranks - 1) / point.ranks


def fit(points: Sequence[Point]) -> CostModel | str:
    """Fit the model to measured points by non-negative least squares, or return why it cannot be.

    Crowded points are left out: their ranks share cores, which is not part of the model.
    """
    used = [p for p in points if not p.crowded]
    rows = [(1.0, p.images_of_a_rank, *communication_terms(p)) for p in used]
    design = np.array(rows, dtype=np.float64).reshape(-1, PARAMETERS)
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
    return max(abs(model.seconds(p) / p.seconds - 1) for p in points if not p.crowded)


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
            point = replace(last, ranks=ranks, nodes=0, batch_size=batch, predicted=True)
            seconds, spent = model.seconds(point), model.communication(point)
            point = replace(point, seconds=seconds, low=seconds, high=seconds)
            found.append(replace(point, communication=spent, least_communication=spent))
    return found
