"""`synaxial study scaling measure`."""

import logging
import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from synaxial.compute.machine import Machine, announce_machine, core_warning, group_by_host
from synaxial.compute.memory import keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config import check_networks, read_study
from synaxial.data.dataset.reading import open_images
from synaxial.gan.train.command import TOO_MANY_THREADS
from synaxial.gan.train.communication import (
    end_together,
    gather_machines,
    open_communicator,
    open_world,
    shared_errors,
)
from synaxial.gan.train.inputs import check_batch, describe_dataset, read_masks
from synaxial.gan.train.outputs import describe_software
from synaxial.io.files import write_json
from synaxial.studies.scaling.points import training_of_point
from synaxial.studies.scaling.timing import Steps, time_steps

#: Raise it when the results of this stage change.
VERSION = 1

log = logging.getLogger(__name__)


def run(
    dataset: Annotated[Path, typer.Option(help="Data set of `synaxial data pack`.")],
    output: Annotated[Path, typer.Option(help="The measurement to write (.json).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    mode: Annotated[
        str,
        typer.Option(help="strong: the ranks share batch_size images; weak: each rank has them."),
    ] = "strong",
    ranks: Annotated[int, typer.Option(min=1, help="MPI ranks this job must have.")] = 1,
    threads_per_rank: Annotated[int, typer.Option(min=1, help="Cores a rank may use.")] = 1,
    device: Annotated[
        str, typer.Option(help="auto (a GPU a rank if there is one), cpu or gpu.")
    ] = "auto",
) -> None:
    """Time some steps of a training, on one or on several MPI ranks; rank 0 writes the result.

    \b
    Example:
      mpiexec -n 2 synaxial study scaling measure --ranks 2 --mode weak
        --dataset dataset --output weak_2.json
    """
    keep_freed_memory()
    with use_threads(threads_per_rank), end_together():
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
        communicator, chosen = open_communicator(world, device)
        machines = gather_machines(communicator, chosen)
        if world.rank == 0:
            log.info("%s scaling, %d ranks, %d images a step", mode, ranks, training.batch_size)
            announce_machine(machines, threads_per_rank, TOO_MANY_THREADS)
        load = os.getloadavg()[0]
        steps = time_steps(training, study.scaling, images, communicator, chosen, masks)
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
            log.info("%s: %.3g s a step", output, point["seconds"]["median"])


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
