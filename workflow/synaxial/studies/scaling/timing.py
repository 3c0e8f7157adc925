"""The iterations of a training, timed on every rank, with the time inside messages."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.config.model import Scaling, Training
from synaxial.gan.train.setup import make_updater

#: The kinds of messages that a `Meter` tells apart.
GRADIENTS, STATISTICS = "gradients", "statistics"


@dataclass
class Traffic:
    """The messages of one rank since the last `Meter.take`.

    `seconds` is wall time inside the calls, including the wait for slower ranks. `payload_bytes` is
    what this rank passed to the calls; what MPI sends depends on its algorithm. `messages` are
    calls of MPI or NCCL.
    """

    seconds: float = 0.0
    payload_bytes: int = 0
    messages: int = 0


class Meter:
    """A ChainerMN communicator that measures the calls of a training iteration.

    `gradients` are the averages of the networks' gradients. `statistics` are all others: running
    statistics, observed values, and batch normalisation over all ranks. Calls that an iteration
    does not make are passed on unmeasured. `finish` waits for the device, so that work of a GPU
    does not count as communication.
    """

    def __init__(self, communicator: Any, finish: Callable[[], None]) -> None:
        self._communicator = communicator
        self._finish = finish
        self._place = STATISTICS
        self._traffic = {GRADIENTS: Traffic(), STATISTICS: Traffic()}
        # ChainerMN's own messages on CPUs go through its `mpi_comm`, and are counted there.
        self.mpi_comm = _MeteredWorld(communicator.mpi_comm, self)
        communicator.mpi_comm = self.mpi_comm

    def __getattr__(self, name: str) -> Any:
        return getattr(self._communicator, name)

    def multi_node_mean_grad(self, network: Any, zero_fill: bool = False) -> None:
        """Average a network's gradients over the ranks."""
        before = self._traffic[GRADIENTS].messages
        self._finish()
        self._place = GRADIENTS
        began = time.perf_counter()
        try:
            self._communicator.multi_node_mean_grad(network, zero_fill)
            self._finish()
        finally:
            self._place = STATISTICS
        traffic = self._traffic[GRADIENTS]
        traffic.seconds += time.perf_counter() - began
        if traffic.messages == before:
            # NCCL bypasses MPI: ChainerMN packs the gradients of a network into one message.
            traffic.messages += 1
            traffic.payload_bytes += sum(p.grad.nbytes for p in network.params())

    @contextmanager
    def message(self, sent: Any) -> Iterator[None]:
        """Measure one call of MPI that sends an array."""
        traffic = self._traffic[self._place]
        traffic.messages += 1
        traffic.payload_bytes += sent.nbytes
        if self._place == GRADIENTS:
            # `multi_node_mean_grad` measures the seconds.
            yield
            return
        began = time.perf_counter()
        yield
        traffic.seconds += time.perf_counter() - began

    def take(self) -> dict[str, Traffic]:
        """Return the traffic at each place, and start again from zero."""
        found, self._traffic = self._traffic, {GRADIENTS: Traffic(), STATISTICS: Traffic()}
        return found


class _MeteredWorld:
    """MPI's communicator that measures the calls of an iteration."""

    def __init__(self, world: Any, meter: Meter) -> None:
        self._world = world
        self._meter = meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def Allreduce(self, sent: Any, received: Any, *rest: Any) -> None:  # noqa: N802
        """MPI's Allreduce; `sent` may be MPI.IN_PLACE."""
        with self._meter.message(received):
            self._world.Allreduce(sent, received, *rest)

    def Allgather(self, sent: Any, received: Any) -> None:  # noqa: N802
        """MPI's Allgather."""
        with self._meter.message(sent):
            self._world.Allgather(sent, received)


@dataclass(frozen=True)
class Steps:
    """The times of all ranks, float64 (ranks, steps).

    `seconds` is wall time; `gradients` and `statistics` are its parts inside messages, at the two
    places of a `Meter`. `payload_bytes` and `messages` are those of one step and rank.
    """

    seconds: np.ndarray
    gradients: np.ndarray
    statistics: np.ndarray
    payload_bytes: int
    messages: int

    @property
    def communication(self) -> np.ndarray:
        """Seconds inside all messages."""
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
    """Train some steps with the experiment's networks and updater, and return all ranks' times.

    A step is an iteration alone: no log, preview or checkpoint. The ranks wait for each other once
    before the first timed step, and then only as a training does.
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
    payload = sum(part.payload_bytes for part in traffic.values())
    messages = sum(part.messages for part in traffic.values())
    return Steps(seconds, gradients, statistics, payload, messages)


def finish_work(device: Any) -> None:
    """Wait until a GPU has finished its work; a CPU works synchronously."""
    if device.xp is not np:
        device.xp.cuda.get_current_stream().synchronize()
