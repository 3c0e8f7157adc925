"""`synaxial train`."""

import hashlib
import logging
import shutil
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.machine import announce_machine
from synaxial.compute.memory import keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config import check_networks, read_study
from synaxial.config.model import Training
from synaxial.data.dataset.reading import describe_images, open_images, open_masks, read_dataset
from synaxial.gan.networks.calibration import calibrate
from synaxial.gan.networks.saving import digest_of, save_network
from synaxial.gan.train.checkpoint import held_folder
from synaxial.gan.train.communication import (
    abort_on_error,
    on_all_ranks,
    open_communicator,
    open_world,
)
from synaxial.gan.train.fingerprint import fingerprint_of
from synaxial.gan.train.log import as_csv
from synaxial.gan.train.previews import draw_timeline, find_previews
from synaxial.gan.train.run_record import describe_run, gather_machines
from synaxial.gan.train.session import Session, open_session, run_session
from synaxial.gan.train.slurm import SlurmJob, follow_last_job, own_job, record_job
from synaxial.gan.train.stopping import Stop
from synaxial.gan.train.validation import validation_images
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json, write_json, write_text, written_whole

log = logging.getLogger(__name__)

#: What to do where the ranks of a node have more threads than cores.
TOO_MANY_THREADS = (
    "start fewer ranks or lower --threads-per-rank (the profile's `tasks` and `cpus_per_task`), "
    "or have the launcher give the ranks more cores"
)


def run(
    dataset: Annotated[Path, typer.Option(help="Folder that `synaxial data pack` wrote.")],
    output: Annotated[Path, typer.Option(help="Folder for the networks, log and figures.")],
    checkpoints: Annotated[
        Path, typer.Option(help="Folder for checkpoints, one inside it for each model.")
    ],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
    experiment: Annotated[str, typer.Option(help="Which of the study's experiments.")] = "final",
    held_out: Annotated[
        Path | None,
        typer.Option(help="Data set of the subjects held out, for `keep: best` and `patience`."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Which of its seeds; the first one by default.")
    ] = None,
    ranks: Annotated[int, typer.Option(min=1, help="MPI ranks this job must have.")] = 1,
    threads_per_rank: Annotated[int, typer.Option(min=1, help="Cores a rank may use.")] = 1,
    device: Annotated[
        str, typer.Option(help="auto (a GPU a rank if there is one), cpu or gpu.")
    ] = "auto",
    monitoring: Annotated[
        Path | None,
        typer.Option(
            help="A study file whose section `monitoring` is used in place of the study's."
        ),
    ] = None,
    time_budget: Annotated[
        float | None,
        typer.Option(
            min=0, help="Minutes after which it stops itself with a checkpoint; exit status 75."
        ),
    ] = None,
) -> None:
    """Train a generator, alone or as `mpiexec -n RANKS synaxial train --ranks RANKS …`.

    It resumes from the newest checkpoint of the same model. SIGTERM, SIGUSR1, Ctrl-C and the time
    budget end it with a checkpoint and exit status 75.
    """
    request = Request(
        *(config, experiment, seed, dataset, output, checkpoints, ranks, threads_per_rank, device),
        held_out=held_out,
        monitoring=config if monitoring is None else monitoring,
        budget_seconds=np.inf if time_budget is None else 60 * time_budget,
        started=time.monotonic(),
    )
    keep_freed_memory()
    with use_threads(threads_per_rank):
        abort_on_error(lambda: train(request))


@dataclass(frozen=True)
class Request:
    """What one call of the command asks for; see `run`."""

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


def train(request: Request) -> None:
    """Train one experiment of a study, from its start or its newest checkpoint."""
    world = open_world(request.ranks)
    training = on_all_ranks(
        world, lambda: read_training(request.config, request.experiment, request.seed)
    )
    monitoring = on_all_ranks(world, lambda: read_study(request.monitoring).monitoring)
    communicator, device = open_communicator(world, request.device)
    images = on_all_ranks(world, lambda: open_images(request.dataset / "images.npy"))
    description = on_all_ranks(world, lambda: describe_dataset(request.dataset, images, training))
    masks, digest_of_masks = on_all_ranks(world, lambda: read_masks(request.dataset, training))
    if training.masks:
        description["masks_sha256"] = digest_of_masks
    held_out, digest = on_all_ranks(world, lambda: read_held_out(request, training, images))
    fingerprint = fingerprint_of(training, description["sha256"], digest, digest_of_masks)
    # The experiment's name too, or two that differ in their epochs would share a folder.
    folder = request.checkpoints / f"{request.experiment}_{fingerprint}"
    machines = gather_machines(communicator, device)
    threads = request.threads_per_rank
    record = describe_run(request.experiment, training, fingerprint, description, machines, threads)
    first = world.rank == 0
    job = own_job() if first else None
    on_all_ranks(world, lambda: follow_last_job(folder, job))
    with on_all_ranks(world, lambda: held_folder(folder) if first else nullcontext()):
        if first:
            record_job(folder, job)
            announce(record, folder)
            announce_machine(machines, threads, TOO_MANY_THREADS)
        budget = budget_seconds(request, job)
        stop = Stop(training.epochs, budget, request.started, communicator)
        session = on_all_ranks(
            world,
            lambda: open_session(
                training,
                monitoring,
                images,
                folder,
                fingerprint,
                communicator,
                device,
                stop,
                held_out,
                masks,
            ),
        )
        run_session(session, monitoring, communicator)
        if first:
            publish(session, training, request.output, record)
        world.Barrier()


def budget_seconds(request: Request, job: SlurmJob | None) -> float:
    """Return how long this process may run: as it was told, and no longer than its Slurm job.

    A job's time begins before this process does, and may be less than the workflow thinks. Rank 0
    alone asks Slurm; when it wants to stop, all ranks do.
    """
    if job is None:
        return request.budget_seconds
    return min(request.budget_seconds, time.monotonic() - request.started + job.seconds_left)


def read_training(config: Path, experiment: str, seed: int | None) -> Training:
    """Return the settings of one training of a study, with networks that fit its images."""
    study = read_study(config)
    if experiment not in study.experiments:
        raise SynaxialError(
            "--experiment", f"{experiment!r}", f"one of {', '.join(study.experiments)}"
        )
    check_networks(study)
    settings = study.experiments[experiment]
    if seed is None:
        seed = settings.seeds[0]
    if seed not in settings.seeds:
        raise SynaxialError("--seed", f"{seed}", f"one of {', '.join(map(str, settings.seeds))}")
    return settings.with_seed(seed)


def read_masks(dataset: Path, training: Training) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the masks of the images and the digest of their file; None if the training has none.

    Raises
    ------
    SynaxialError
        They are not there, or not those of the images.
    """
    if not training.masks:
        return None, ""
    masks = open_masks(dataset)
    return masks, str(read_json(dataset / "masks.json")["sha256"])


def read_held_out(
    request: Request, training: Training, images: np.ndarray
) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the images that the training looks at on its way, or None, and their digest.

    Raises
    ------
    SynaxialError
        It is to, but there are none, or they are of another size or of too few subjects.
    """
    if not training.validated:
        return None, ""
    if request.held_out is None:
        raise SynaxialError("--held-out", "is not given", "a data set, for keep: best and patience")
    try:
        found = validation_images(read_dataset(request.held_out)[0])
    except ValueError as error:
        raise SynaxialError(request.held_out, f"holds too few ({error})") from error
    if found.shape[1:] != images.shape[1:]:
        raise SynaxialError(
            request.held_out,
            f"its images are {found.shape[1]} pixels wide",
            f"{images.shape[1]}, as those trained with",
        )
    return found, hashlib.sha256(found.tobytes()).hexdigest()


def announce(record: dict[str, Any], folder: Path) -> None:
    """Say what begins, on the terminal and in a log that stays with the checkpoints.

    A retry begins the job's own log anew; this one has all attempts.
    """
    handler = logging.FileHandler(folder / "attempts.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    ranks = record["ranks"]
    log.info(
        "experiment %s, model %s: %d images, %d ranks, %d images an update, %s",
        record["experiment"],
        record["fingerprint"],
        record["dataset"]["images"],
        len(ranks),
        record["settings"]["batch_size"],
        ranks[0]["device"],
    )


def describe_dataset(dataset: Path, images: np.ndarray, training: Training) -> dict[str, Any]:
    """Return the description of a dataset if it is of these images and they fit the networks."""
    description = describe_images(dataset)
    if description.get("images") != len(images):
        raise SynaxialError(
            dataset / "dataset.json",
            f"describes {description.get('images')} images",
            f"{len(images)}, as images.npy has",
            "run `synaxial data pack` again",
        )
    width = 4 * 2 ** (len(training.generator.channels) - 1)
    if images.shape[1] != width:
        raise SynaxialError(
            "images.npy",
            f"its images are {images.shape[1]} pixels wide",
            f"{width}, as the generator makes them",
        )
    return description


def publish(session: Session, training: Training, output: Path, record: dict[str, Any]) -> None:
    """Write what a finished training gives into its output folder."""
    # Half of this command's start would be pandas and Matplotlib, on every rank.
    from synaxial.gan.train.curves import write_curves  # noqa: PLC0415

    networks, rows = session.networks, session.log.rows
    epochs = session.trainer.updater.epoch
    length = f"{epochs} epoch{'s' * (epochs > 1)}"
    title = f"{record['experiment']}: {length}, model {session.fingerprint}"
    generator = networks.smoothed
    if session.validation is not None:
        generator = session.validation.kept_generator(generator)
        epoch, distance = session.validation.best_look or (None, None)
        record["nearest_to_held_out"] = {"epoch": epoch, "distance": distance}
    calibrated = calibrate(generator, training.latent)
    save_network(generator, training, output / "generator.npz", calibrated)
    save_network(networks.discriminator, training, output / "discriminator.npz")
    write_text(output / "log.csv", as_csv(rows))
    write_curves(as_csv(rows), title, output / "curves.png")
    previews = find_previews(session.folder / "previews", training.epochs)
    if training.epochs not in previews and session.previews is not None:
        # It finished with other `preview_epochs`, or somebody has tidied up.
        session.previews.draw(session.trainer.updater)
        previews = find_previews(session.folder / "previews", training.epochs)
    for path in previews.values():
        with written_whole(output / "previews" / path.name) as partial:
            shutil.copyfile(path, partial)
    with written_whole(output / "previews.png") as partial:
        draw_timeline(previews).save(partial)
    record["digests"] = {
        "generator": digest_of(generator),
        "discriminator": digest_of(networks.discriminator),
    }
    record["iterations"] = session.trainer.updater.iteration
    record["training_seconds"] = round(session.log.seconds, 3)
    write_json(output / "run.json", record)
    log.info("%s: generator %s", output / "generator.npz", record["digests"]["generator"][:16])
