"""What a step costs on R ranks: a model with four parameters, fitted to measured points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from synaxial.config.model import Training
from synaxial.studies.scaling.efficiency import Point, as_predicted
from synaxial.studies.scaling.points import MODES, training_of_point, why_not

#: How far beyond the largest measured number of ranks it is asked: doubled so often.
DOUBLINGS = 4

PARAMETERS = 4


@dataclass(frozen=True)
class CostModel:
    """t(R) = fixed + per_image * n + latency * m * ceil(log2 R) + s / bandwidth * 2 (R - 1) / R.

    n is the images of a rank, m the messages of a step and s their bytes. The last two terms are
    those of an allreduce by halving and doubling; a ring's has the same last one. (Thakur,
    Rabenseifner and Gropp, Optimization of Collective Communication Operations in MPICH, 2005,
    where each message has two latencies and adding up is a term of its own: here the factor is in
    the latency, and adding up in the bandwidth.)

    Attributes
    ----------
    fixed
        Seconds of a step whatever it has of images: the optimizer, and what starts the kernels.
    per_image
        Seconds of an image.
    latency
        Seconds of a round of a message.
    seconds_per_byte
        The inverse of the bandwidth.
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
    """Return what the latency and the inverse bandwidth are multiplied with; nothing alone."""
    # Exact, unlike a logarithm: the rounds in which R ranks find together.
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
    """Fit the model to measured points by non-negative least squares, or say why that cannot be.

    Crowded points are left out: their ranks share cores, which the model does not know.
    """
    used = [p for p in points if not p.crowded and not p.predicted]
    design = design_of(used)
    # Bytes are millions where images are a few; columns of one size lose no digits.
    sizes = design.max(axis=0, initial=0)
    sizes[sizes == 0] = 1
    distinct = np.linalg.matrix_rank(design / sizes) if used else 0
    if distinct < PARAMETERS:
        return (
            f"no prediction: the {len(used)} points that can be used tell {distinct} of the "
            f"model's {PARAMETERS} parameters apart; latency and bandwidth need one, two and "
            "more ranks, each with cores or a GPU of its own"
        )
    found, _ = nnls(design / sizes, np.array([p.seconds for p in used]))
    return CostModel(*(found / sizes).tolist())


def largest_deviation(model: CostModel, points: Sequence[Point]) -> float:
    """Return how far the model is from the measured points at most, as a share of the measured."""
    return max(
        abs(model.seconds(p.ranks, p.images_of_a_rank, p.messages, p.payload_bytes) / p.seconds - 1)
        for p in points
        if not p.crowded and not p.predicted
    )


def predict(model: CostModel, points: Sequence[Point], training: Training) -> list[Point]:
    """Return the points at more ranks than any measured one, where the batch can be shared.

    Messages and bytes are those of the mode's point with the most ranks.
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
            found.append(as_predicted(last, ranks, batch, seconds, spent))
    return found
