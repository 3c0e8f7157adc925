"""`synaxial study scaling measure`: the steps of a training, timed on every rank.

The time inside messages is measured too.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import synaxial.compute.chainermn_compatibility  # noqa: F401 - MPI starts early
from synaxial.compute.devices import finish_work
from synaxial.compute.machine import (
    Machine,
    announce_machine,
    core_warning,
    group_by_host,
    keep_freed_memory,
)
from synaxial.compute.parallel import use_threads
from synaxial.config import check_networks, read_study
from synaxial.config.model import Scaling, Training
from synaxial.data.dataset.reading import open_images
from synaxial.gan.train.command import TOO_MANY_THREADS
from synaxial.gan.train.communication import (
    end_together,
    gather_machines,
    open_communicator,
    open_world,
    shared_errors,
)
from synaxial.gan.train.inputs import (
    check_batch,
    describe_dataset,
    read_labels,
    read_masks,
)
from synaxial.gan.train.outputs import describe_software
from synaxial.gan.train.setup import make_updater
from synaxial.io.files import write_json
from synaxial.studies.scaling.points import training_of_point

#: Raise it when the results of this stage change.
VERSION = 1

log = logging.getLogger(__name__)

#: The kinds of messages that a `Meter` tells apart.
GRADIENTS, STATISTICS = "gradients", "statistics"


def run(
    dataset: Annotated[Path, typer.Option(help="Data set of `synaxial data pack`.")],
    output: Annotated[Path, typer.Option(help="The measurement to write (.json).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    mode: Annotated[
        str,
        typer.Option(help="strong: the ranks share batch_size images; weak: each has batch_size."),
    ] = "strong",
    ranks: Annotated[int, typer.Option(min=1, help="MPI ranks this job must have.")] = 1,
    threads_per_rank: Annotated[int, typer.Option(min=1, help="Cores a rank may use.")] = 1,
    device: Annotated[
        str, typer.Option(help="auto (one GPU per rank if available), cpu or gpu.")
    ] = "auto",
) -> None:
    """Time some steps of a training, on one or on several MPI ranks; rank 0 writes the result.

    \b
    Example:
      mpiexec -n 2 synaxial study scaling measure --ranks 2 --mode weak
        --dataset dataset --output weak_2.json
    """
    keep_freed_memory()
    with use_threads(threads_per_rank), end_together("synaxial study scaling measure"):
        world = open_world(ranks)
        with shared_errors(world):
            study = read_study(config)
            check_networks(study)
            experiment = study.scaling_experiment
            training = training_of_point(study.experiments[experiment], mode, ranks)
            check_batch(training, ranks)
            images = open_images(dataset / "images.npy")
            describe_dataset(dataset, images, training)
            masks, _ = read_masks(dataset, training)
            labels = read_labels(dataset, training)
        communicator, chosen = open_communicator(world, device)
        machines = gather_machines(communicator, chosen)
        if world.rank == 0:
            log.info("%s scaling, %d ranks, %d images per step", mode, ranks, training.batch_size)
            announce_machine(machines, threads_per_rank, TOO_MANY_THREADS)
        load = os.getloadavg()[0]
        steps = time_steps(training, study.scaling, images, communicator, chosen, masks, labels)
        if world.rank == 0:
            point = {
                "experiment": experiment,
                "mode": mode,
                "batch_size": training.batch_size,
                "warm_up": study.scaling.warm_up,
                "threads_per_rank": threads_per_rank,
                "load_average_before": load,
                **describe_machines(machines, threads_per_rank),
                **describe_steps(steps, training.batch_size),
                **describe_software(),
            }
            write_json(output, point)
            log.info("%s: %.3g s per step", output, point["seconds"]["median"])


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
        return np.asarray(self.gradients + self.statistics)


def time_steps(
    training: Training,
    scaling: Scaling,
    images: np.ndarray,
    communicator: Any,
    device: Any,
    masks: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> Steps:
    """Train some steps with the experiment's networks and updater, and return all ranks' times.

    A step is an iteration alone: no log, preview or checkpoint. The ranks wait for each other once
    before the first timed step, and then only as a training does.
    """
    world = communicator.mpi_comm
    meter = Meter(communicator, lambda: finish_work(device))
    updater = make_updater(training, images, meter, device, masks, labels)
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


def describe_machines(machines: list[Machine], threads: int) -> dict[str, Any]:
    """Return the ranks' machines; `crowded` if the ranks had fewer cores than threads."""
    return {
        "ranks": len(machines),
        "nodes": {host: len(members) for host, members in group_by_host(machines).items()},
        "device": machines[0].device,
        "processor": machines[0].processor,
        "crowded": core_warning(machines, threads, "") != "",
    }


def describe_steps(steps: Steps, batch_size: int) -> dict[str, Any]:
    """Return the numbers of a point; the slowest rank, for which all wait, times each step."""
    slowest = steps.seconds.max(axis=0)
    return {
        "steps": len(slowest),
        "seconds": quartiles(slowest),
        "images_per_second": batch_size / float(np.median(slowest)),
        "communication_seconds": quartiles(steps.communication.mean(axis=0)),
        "gradient_seconds": quartiles(steps.gradients.mean(axis=0)),
        # The last rank to arrive does not wait.
        "least_communication_seconds": quartiles(steps.communication.min(axis=0)),
        "bytes_per_step": steps.payload_bytes,
        "messages_per_step": steps.messages,
        "step_seconds_by_rank": steps.seconds.round(6).tolist(),
        "communication_seconds_by_rank": steps.communication.round(6).tolist(),
    }


def quartiles(values: np.ndarray) -> dict[str, float]:
    """Return the median and the interquartile range."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(median), "low": float(low), "high": float(high)}
