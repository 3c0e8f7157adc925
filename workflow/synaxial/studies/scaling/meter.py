"""Where a training communicates, with a clock at each place."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Traffic:
    """What one rank has spent on messages since the last `Meter.take`.

    Attributes
    ----------
    seconds
        Wall time inside the calls. It includes waiting for ranks that come later.
    payload_bytes
        What this rank has given to the calls; what MPI sends of it depends on its algorithm.
    messages
        How many calls of MPI (or NCCL) there were.
    """

    seconds: float = 0.0
    payload_bytes: int = 0
    messages: int = 0


#: The places, as `Meter` names them.
GRADIENTS, STATISTICS = "gradients", "statistics"


class Meter:
    """A ChainerMN communicator that measures the calls that a training makes in an iteration.

    `gradients` are the averages of the networks' gradients. `statistics` is all else: running
    statistics, what an iteration observes, and batch normalisation over all ranks. Every other
    call goes to the communicator as it is.

    Parameters
    ----------
    communicator
        ChainerMN's.
    finish
        Waits for the device to have done its work, so that a GPU's is not taken for a message.
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
            # NCCL's, which go past MPI: ChainerMN packs a network's gradients into one.
            traffic.messages += 1
            traffic.payload_bytes += sum(p.grad.nbytes for p in network.params())

    @contextmanager
    def message(self, sent: Any) -> Iterator[None]:
        """Measure one call of MPI that sends an array."""
        traffic = self._traffic[self._place]
        traffic.messages += 1
        traffic.payload_bytes += sent.nbytes
        if self._place == GRADIENTS:
            # Its seconds are those of `multi_node_mean_grad`.
            yield
            return
        began = time.perf_counter()
        yield
        traffic.seconds += time.perf_counter() - began

    def take(self) -> dict[str, Traffic]:
        """Return what there was at each place, and begin anew."""
        found, self._traffic = self._traffic, {GRADIENTS: Traffic(), STATISTICS: Traffic()}
        return found


class _MeteredWorld:
    """MPI's communicator, with the calls measured that an iteration makes."""

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
