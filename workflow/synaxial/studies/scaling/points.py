"""The points of a scaling study: which there are, and which cannot be measured."""

from collections.abc import Sequence

from synaxial.config.model import Training
from synaxial.gan.train.shares import check_shares
from synaxial.io.errors import SynaxialError

#: Strong: the batch stays and the ranks share it. Weak: it grows with the ranks.
MODES = ("strong", "weak")


def training_of_point(training: Training, mode: str, ranks: int) -> Training:
    """Return an experiment's settings with the batch of a point.

    Raises
    ------
    SynaxialError
        There is no such mode.
    """
    if mode not in MODES:
        raise SynaxialError("--mode", f"found {mode!r}", f"one of {', '.join(MODES)}")
    images = training.batch_size * (ranks if mode == "weak" else 1)
    return training.model_copy(
        update={"batch_size": images, "seeds": [training.seeds[0]]},
    )


def why_not(training: Training, mode: str, ranks: int) -> str:
    """Return why a point cannot be measured; nothing if it can."""
    try:
        check_shares(training_of_point(training, mode, ranks), ranks)
    except SynaxialError as error:
        return str(error)
    return ""


def points_of(training: Training, ranks: Sequence[int]) -> list[tuple[str, int]]:
    """Return the modes and ranks that can be measured."""
    return [
        (mode, number) for mode in MODES for number in ranks if not why_not(training, mode, number)
    ]
