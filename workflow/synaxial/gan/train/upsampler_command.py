"""`synaxial upsampler train`: the network that enlarges the images of a coarse generator."""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from synaxial.gan.train.command import Request, train_on_ranks

#: Raise it when the results of this stage change. If the weights change, raise the VERSION in
#: `fingerprint.py` as well.
VERSION = 1


def run(
    dataset: Annotated[Path, typer.Option(help="Folder that `synaxial data pack` wrote.")],
    output: Annotated[Path, typer.Option(help="Folder for the up-sampler, log and figures.")],
    checkpoints: Annotated[
        Path, typer.Option(help="Folder for checkpoints; each model has its own folder in it.")
    ],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    experiment: Annotated[str, typer.Option(help="Experiment of the study.")] = "modern",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the experiment; by default its first one.")
    ] = None,
    ranks: Annotated[int, typer.Option(min=1, help="Number of MPI ranks of this job.")] = 1,
    threads_per_rank: Annotated[int, typer.Option(min=1, help="Cores that a rank may use.")] = 1,
    device: Annotated[
        str, typer.Option(help="cpu, gpu, or auto: GPUs if every rank can have one.")
    ] = "auto",
    monitoring: Annotated[
        Path | None,
        typer.Option(help="Study file with the section `monitoring`; by default the study."),
    ] = None,
    time_budget: Annotated[
        float | None,
        typer.Option(
            min=0, help="Minutes until the training writes a checkpoint and exits with status 75."
        ),
    ] = None,
) -> None:
    """Train the up-sampler of an experiment on real slices and their reductions.

    It resumes and stops early as `synaxial train` does, which needs its result.

    \b
    Example: mpiexec -n 2 synaxial upsampler train --ranks 2 --experiment modern
        --dataset results/dataset --output upsampler --checkpoints checkpoints
    """
    train_on_ranks(
        Request(
            *("upsampler", config, experiment, seed, dataset, output, checkpoints),
            *(ranks, threads_per_rank, device),
            held_out=None,
            monitoring=config if monitoring is None else monitoring,
            budget_seconds=np.inf if time_budget is None else 60 * time_budget,
            started=time.monotonic(),
        )
    )
