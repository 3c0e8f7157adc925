"""A training's iterations, timed on every rank."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.config.model import Scaling, Training
from synaxial.gan.train.session import make_updater
from synaxial.studies.scaling.meter import GRADIENTS, STATISTICS, Meter


@dataclass(frozen=True)
class Steps:
    """What the ranks have measured, float64 (ranks, steps).

    Attributes
    ----------
    seconds
        Wall time of each step.
    gradients, statistics
        Of it, the seconds inside the messages, as `Meter` divides them.
    payload_bytes, messages
        Of one step of one rank; every step's and every rank's are the same.
    """

    seconds: np.ndarray
    gradients: np.ndarray
    statistics: np.ndarray
    payload_bytes: int
    messages: int

    @property
    def communication(self) -> np.ndarray:
        """The seconds inside all messages."""
        total: np.ndarray = self.gradients + self.statistics
        return total


def time_steps(
    training: Training,
    scaling: Scaling,
    images: np.ndarray,
    communicator: Any,
    device: Any,
    masks: np.ndarray | None = None,
) -> Steps:
    """Train some steps with the experiment's own networks and updater; return all ranks' times.

    Nothing else happens in a step: no log, no preview, no checkpoint. The ranks wait for one
    another once, before the first timed step, and after that only as a training does.

    Raises
    ------
    SynaxialError
        The batch cannot be shared among the ranks.
    """
    world = communicator.mpi_comm
    meter = Meter(communicator, lambda: finish_work(device))
    updater = make_updater(training, images, meter, device, masks)
    for _ in range(scaling.warm_up):
        updater.update()
    finish_work(device)
    world.Barrier()
    meter.take()
    rows = []
    began = time.perf_counter()
    for _ in range(scaling.steps):
        updater.update()
        finish_work(device)
        ended = time.perf_counter()
        traffic = meter.take()
        rows.append((ended - began, traffic[GRADIENTS].seconds, traffic[STATISTICS].seconds))
        began = ended
    mine = np.array(rows, dtype=np.float64)
    seconds, gradients, statistics = np.moveaxis(np.array(world.allgather(mine)), 2, 0)
    return Steps(
        *(seconds, gradients, statistics),
        payload_bytes=sum(part.payload_bytes for part in traffic.values()),
        messages=sum(part.messages for part in traffic.values()),
    )


def finish_work(device: Any) -> None:
    """Wait until a GPU has done what it was given; a CPU has."""
    if device.xp is not np:
        device.xp.cuda.get_current_stream().synchronize()
