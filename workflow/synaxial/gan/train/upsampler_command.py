"""`synaxial upsampler train`: the network that enlarges the images of a coarse generator."""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from synaxial.gan.train.command import (
    BudgetOption,
    CheckpointsOption,
    ConfigOption,
    DatasetOption,
    DeviceOption,
    ExperimentOption,
    MonitoringOption,
    RanksOption,
    Request,
    SeedOption,
    ThreadsOption,
    train_on_ranks,
)

#: Raise it when the results of this stage change. If the weights change, raise the VERSION in
#: `fingerprint.py` as well.
VERSION = 7


def run(
    dataset: DatasetOption,
    output: Annotated[Path, typer.Option(help="Folder for the up-sampler, log and figures.")],
    checkpoints: CheckpointsOption,
    config: ConfigOption = Path("config.yaml"),
    experiment: ExperimentOption = "modern",
    seed: SeedOption = None,
    ranks: RanksOption = 1,
    threads_per_rank: ThreadsOption = 1,
    device: DeviceOption = "auto",
    monitoring: MonitoringOption = None,
    time_budget: BudgetOption = None,
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
