"""`synaxial train`: set up, resume, train, write."""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

import synaxial.compute.chainermn_compatibility  # noqa: F401 - MPI starts early
from synaxial.compute.machine import announce_machine, keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Monitoring, Training
from synaxial.gan.train.checkpoint import (
    lock_folder,
    read_newest_checkpoint,
    restore,
    save_checkpoint,
)
from synaxial.gan.train.communication import (
    check_same_inputs,
    end_together,
    gather_machines,
    open_communicator,
    open_world,
    shared_errors,
)
from synaxial.gan.train.inputs import (
    Inputs,
    read_inputs,
    read_training,
    read_upsampler_inputs,
)
from synaxial.gan.train.outputs import describe_run, write_outputs
from synaxial.gan.train.setup import Session, make_session
from synaxial.gan.train.slurm import SlurmJob, follow_last_job, own_job, record_job
from synaxial.gan.train.stopping import Stop
from synaxial.io.errors import StoppedEarlyError

#: Raise it when the results of this stage change. If the weights change, raise the VERSION in
#: `fingerprint.py` as well.
VERSION = 4

log = logging.getLogger(__name__)

#: What to do if the ranks of a node have more threads than cores.
TOO_MANY_THREADS = (
    "start fewer ranks or lower --threads-per-rank (the profile's `tasks` and `cpus_per_task`), "
    "or have the launcher give the ranks more cores"
)

# Options of both commands that train.
DatasetOption = Annotated[Path, typer.Option(help="Folder that `synaxial data pack` wrote.")]
CheckpointsOption = Annotated[
    Path, typer.Option(help="Folder for checkpoints; each model has its own folder in it.")
]
ConfigOption = Annotated[Path, typer.Option(help="The study.")]
ExperimentOption = Annotated[str, typer.Option(help="Experiment of the study.")]
SeedOption = Annotated[
    int | None, typer.Option(min=0, help="Seed of the experiment; by default its first one.")
]
RanksOption = Annotated[int, typer.Option(min=1, help="Number of MPI ranks of this job.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Cores that a rank may use.")]
DeviceOption = Annotated[
    str, typer.Option(help="cpu, gpu, or auto: GPUs if every rank can have one.")
]
MonitoringOption = Annotated[
    Path | None,
    typer.Option(help="Study file with the section `monitoring`; by default the study."),
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        min=0, help="Minutes until the training writes a checkpoint and exits with status 75."
    ),
]


@dataclass(frozen=True)
class Request:
    """The options of one call of the command; see `run`."""

    part: Literal["generator", "upsampler"]
    config: Path
    experiment: str
    seed: int | None
    dataset: Path
    output: Path
    checkpoints: Path
    ranks: int
    threads_per_rank: int
    device: str
    held_out: Path | None
    monitoring: Path
    budget_seconds: float
    started: float
    upsampler: Path | None = None


def run(
    dataset: DatasetOption,
    output: Annotated[Path, typer.Option(help="Folder for the networks, log and figures.")],
    checkpoints: CheckpointsOption,
    config: ConfigOption = Path("config.yaml"),
    experiment: ExperimentOption = "final",
    held_out: Annotated[
        Path | None,
        typer.Option(help="Data set of held-out subjects, for `keep: best` and `patience`."),
    ] = None,
    upsampler: Annotated[
        Path | None,
        typer.Option(help="upsampler.npz of `synaxial upsampler train`, for a coarse generator."),
    ] = None,
    seed: SeedOption = None,
    ranks: RanksOption = 1,
    threads_per_rank: ThreadsOption = 1,
    device: DeviceOption = "auto",
    monitoring: MonitoringOption = None,
    time_budget: BudgetOption = None,
) -> None:
    """Train a generator on one or several MPI ranks.

    It resumes from the newest checkpoint of the same model. SIGTERM, SIGUSR1, Ctrl-C and the time
    budget end it with a checkpoint and exit status 75; the same command continues.

    \b
    Example: mpiexec -n 2 synaxial train --ranks 2 --experiment final
        --dataset results/dataset --output trained --checkpoints checkpoints
    """
    request = Request(
        *("generator", config, experiment, seed, dataset, output, checkpoints),
        *(ranks, threads_per_rank, device),
        held_out=held_out,
        monitoring=config if monitoring is None else monitoring,
        budget_seconds=np.inf if time_budget is None else 60 * time_budget,
        started=time.monotonic(),
        upsampler=upsampler,
    )
    train_on_ranks(request)


def train_on_ranks(request: Request) -> None:
    """Train on this rank's cores; a rank that fails takes the others down."""
    keep_freed_memory()
    command = f"synaxial {'upsampler ' if request.part == 'upsampler' else ''}train"
    with use_threads(request.threads_per_rank), end_together(command):
        train(request)


def train(request: Request) -> None:
    """Train one network of an experiment, from its start or its newest checkpoint."""
    # Set up. Every rank reads its own files; a mistake found by any rank ends all of them.
    world = open_world(request.ranks)
    with shared_errors(world):
        training = read_training(request.config, request.experiment, request.seed)
        monitoring = read_study(request.monitoring).monitoring
        inputs = read_all(request, training, monitoring)
    check_same_inputs(world, inputs.fingerprint, inputs.iterations)
    communicator, device = open_communicator(world, request.device)
    machines = gather_machines(communicator, device)
    record = describe_run(request.experiment, inputs, machines, request.threads_per_rank)
    # With the experiment's name: two that differ only in epochs would share a folder otherwise.
    part = "_upsampler" if inputs.part == "upsampler" else ""
    folder = request.checkpoints / f"{request.experiment}{part}_{inputs.fingerprint}"

    # Resume. Rank 0 alone uses the folder, and gives the others what it has found.
    with ExitStack() as lock:
        budget, state = request.budget_seconds, None
        with shared_errors(world):
            if world.rank == 0:
                job = own_job()
                # Before it waits for another job: Slurm's answer counts from now.
                budget = time_left(request, job)
                follow_last_job(folder, job)
                lock.enter_context(lock_folder(folder))
                record_job(folder, job)
                announce(record, folder)
                announce_machine(machines, request.threads_per_rank, TOO_MANY_THREADS)
                state = read_newest_checkpoint(folder, inputs.fingerprint, inputs.iterations)
        state = world.bcast(state)
        stop = Stop(inputs.iterations, budget, request.started, communicator)
        session = make_session(inputs, communicator, device, folder, stop)
        if state is not None:
            restore(session.trainer, state)

        # Train.
        run_to_end(session, world)

        # Write.
        if world.rank == 0:
            write_outputs(session, request.output, record)
        world.Barrier()


def read_all(request: Request, training: Training, monitoring: Monitoring) -> Inputs:
    """Read and check the data of a request."""
    if request.part == "upsampler":
        return read_upsampler_inputs(training, monitoring, request.dataset, request.ranks)
    return read_inputs(
        *(training, monitoring, request.dataset, request.held_out, request.ranks),
        upsampler=request.upsampler,
    )


def time_left(request: Request, job: SlurmJob | None) -> float:
    """Return how long this process may run, in seconds from its start.

    That is the time budget, or the time that Slurm leaves its job if that is shorter: a job may
    have started long before this process. Only rank 0 asks Slurm; if it stops, all ranks stop.
    """
    if job is None:
        return request.budget_seconds
    return min(request.budget_seconds, time.monotonic() - request.started + job.seconds_left)


def announce(record: dict[str, Any], folder: Path) -> None:
    """Log what starts, to standard error and to a log file beside the checkpoints.

    A retry overwrites the log of the rule; this file keeps all attempts.
    """
    handler = logging.FileHandler(folder / "attempts.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    ranks = record["ranks"]
    log.info(
        "experiment %s, model %s: %d images, %d ranks, %d images per update, %s",
        record["experiment"],
        record["fingerprint"],
        record["dataset"]["images"],
        len(ranks),
        record["images_per_rank_and_iteration"] * len(ranks),
        ranks[0]["device"],
    )


def run_to_end(session: Session, world: Any) -> None:
    """Train to the end or to an early stop, a StoppedEarlyError; write a checkpoint of it."""
    trainer, stop = session.trainer, session.stop
    stop.listen()
    before = trainer.updater.iteration
    if world.rank == 0:
        log.info("the first iteration takes longer: on a new machine, code is compiled")
    trainer.run(show_loop_exception_msg=False)
    iteration = trainer.updater.iteration
    if world.rank == 0 and iteration > before:
        kept = session.inputs.monitoring.checkpoints_kept
        path = save_checkpoint(trainer, session.folder, session.inputs.fingerprint, kept)
        log.info("checkpoint %s", path)
    # No rank leaves before the checkpoint is on the disk.
    world.Barrier()
    if stop.reason is not None:
        raise StoppedEarlyError(
            f"stopped after iteration {iteration} in epoch {trainer.updater.epoch_detail:.2f} of "
            f"{session.inputs.epochs} ({stop.reason}); the same command continues from there"
        )
