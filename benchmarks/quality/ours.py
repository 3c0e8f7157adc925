"""One of our trainings, with images at fixed minutes of its processor time.

It is what `synaxial upsampler train` and `synaxial train` do, one after the other in the same
ranks, with an extension of Chainer that looks at the clock. A stopped one goes on from its last
checkpoint, which has the clock.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.stacks import images_of_stacks
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import announce_machine, keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Sample, Study
from synaxial.gan.networks.saving import calibrate, load_generator, save_network
from synaxial.gan.train.checkpoint import (
    lock_folder,
    read_newest_checkpoint,
    restore,
    save_checkpoint,
)
from synaxial.gan.train.command import TOO_MANY_THREADS, run_to_end
from synaxial.gan.train.communication import gather_machines, open_communicator, open_world
from synaxial.gan.train.inputs import Inputs, read_inputs, read_training, read_upsampler_inputs
from synaxial.gan.train.outputs import describe_run, write_upsampler
from synaxial.gan.train.setup import Session, make_session
from synaxial.gan.train.stopping import Stop
from synaxial.io.files import write_json

#: The record of the snapshots of a contender: one line of JSON each.
SNAPSHOTS = "snapshots.jsonl"


class Clock:
    """The processor time of all ranks and the time that goes by, without what is left out.

    Each rank has a share of `cores`. A rank that waits for the others is busy, too, so all have the
    processor time of this one.
    """

    def __init__(self, cores: int, ranks: int) -> None:
        self.cores = cores
        self.ranks = ranks
        #: What is added to the time of this process: processor time and time of the clock, seconds.
        self._added = -np.array([0.0, time.monotonic()])

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Processor time and time of the clock so far, float64 (2,)."""
        return self._added + np.array([self.ranks * time.process_time(), time.monotonic()])

    @property
    def minutes(self) -> float:
        """The minutes that a training takes if it has all cores for itself and keeps them busy."""
        return float(self.seconds[0]) / self.cores / 60

    def set(self, seconds: NDArray[np.float64]) -> None:
        """Go on from this time."""
        self._added = self._added + seconds - self.seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave the block out."""
        before = self.seconds
        yield
        self.set(before)


class Snapshots(chainer.training.Extension):
    """Chainer extension that stores images at some minutes, and has the clock in checkpoints.

    `marks` are the minutes. After the last of them the training ends.
    """

    trigger = (1, "iteration")
    # After the log, the previews and the regular checkpoints, whose time is a part of the training.
    priority = chainer.training.PRIORITY_READER - 2

    def __init__(
        self, session: Session, clock: Clock, marks: Sequence[float], folder: Path, study: Study
    ) -> None:
        self.session = session
        self.clock = clock
        self.marks = marks
        self.folder = folder
        self.study = study
        if marks and session.trainer.updater.communicator.rank == 0:
            session.stop.exhausted = lambda: not self.left

    @property
    def left(self) -> list[float]:
        """The minutes to come."""
        return [mark for mark in self.marks if mark > self.clock.minutes]

    def initialize(self, _trainer: Any) -> None:
        """Choose the first minute to come; one that has passed without images is left out."""
        self._coming = self.left

    def __call__(self, trainer: Any) -> None:
        """Store images if it is time."""
        if len(self.left) < len(self._coming):
            self.take(trainer, max(set(self._coming) - set(self.left)))
            self._coming = self.left

    def take(self, trainer: Any, mark: float) -> None:
        """Store images and their record, then a checkpoint."""
        updater, inputs = trainer.updater, self.session.inputs
        minutes, wall = self.clock.minutes, self.clock.seconds[1] / 60
        with self.clock.stopped():
            file = f"minute_{mark:g}.npy"
            np.save(self.folder / file, images_of(self.session, self.study.sample, self.folder))
            line = {
                "file": file,
                "minutes": round(minutes, 2),
                "wall_minutes": round(wall, 2),
                "cores": self.clock.cores,
                "steps": updater.iteration,
                "trained_images": updater.iteration * inputs.batch_size,
            }
            with (self.folder / SNAPSHOTS).open("a") as lines:
                lines.write(json.dumps(line) + "\n")
            kept = inputs.monitoring.checkpoints_kept
            save_checkpoint(trainer, self.session.folder, inputs.fingerprint, kept)

    def serialize(self, serializer: Any) -> None:
        """Write or read the clock."""
        self.clock.set(serializer("seconds", self.clock.seconds))


def images_of(session: Session, settings: Sample, folder: Path) -> NDArray[np.uint8]:
    """Make the stacks of `synaxial sample` with the generator so far: uint8 (N, W, W)."""
    training, path = session.inputs.training, folder / "generator.npz"
    whole = session.whole(session.networks.smoothed)
    save_network(whole, training, path, calibrate(whole, training.latent))
    trained = load_generator(path)
    if training.is_coarse_to_fine:
        # A file is of a finished training; this one may not have reached its full width.
        trained.network.coarse.growth = whole.coarse.growth
    return images_of_stacks(trained, settings)


@dataclass(frozen=True)
class Run:
    """One contender's training: the study, the results of its first stages, and its own folder.

    Without a seed it has the first one of the experiment.
    """

    config: Path
    experiment: str
    dataset: Path
    folder: Path
    marks: Sequence[float]
    cores: int
    ranks: int
    seed: int | None

    @property
    def threads(self) -> int:
        """The threads of a rank."""
        return max(1, self.cores // self.ranks)


def train(run: Run) -> None:
    """Train with snapshots; a signal ends it with a StoppedEarlyError and a checkpoint."""
    clock, world = Clock(run.cores, run.ranks), open_world(run.ranks)
    keep_freed_memory()
    study = read_study(run.config)
    training = read_training(run.config, run.experiment, run.seed)
    run.folder.mkdir(parents=True, exist_ok=True)
    with use_threads(run.threads):
        upsampler = None
        if training.is_coarse_to_fine:
            inputs = read_upsampler_inputs(training, study.monitoring, run.dataset, run.ranks)
            session = train_part(run, study, inputs, clock, ())
            upsampler = run.folder / "upsampler.npz"
            if world.rank == 0:
                write_upsampler(session, run.folder)
            world.Barrier()
        inputs = read_inputs(
            *(training, study.monitoring, run.dataset, None, run.ranks), upsampler=upsampler
        )
        train_part(run, study, inputs, clock, run.marks)


def train_part(
    run: Run, study: Study, inputs: Inputs, clock: Clock, marks: Sequence[float]
) -> Session:
    """Train one network to its end, or to the last minute if there are `marks`.

    As in `synaxial train`, rank 0 alone uses the folder.
    """
    world = open_world(run.ranks)
    communicator, device = open_communicator(world, "cpu")
    machines = gather_machines(communicator, device)
    folder, first = run.folder / "checkpoints" / inputs.part, world.rank == 0
    with lock_folder(folder) if first else nullcontext():
        state = None
        if first:
            announce_machine(machines, run.threads, TOO_MANY_THREADS)
            state = read_newest_checkpoint(folder, inputs.fingerprint, inputs.iterations)
        state = world.bcast(state)
        stop = Stop(inputs.iterations, np.inf, time.monotonic(), communicator)
        session = make_session(inputs, communicator, device, folder, stop)
        snapshots = Snapshots(session, clock, marks, run.folder, study)
        if first:
            session.trainer.extend(snapshots, name="snapshots")
        if state is not None:
            restore(session.trainer, state)
        record = describe_run(run.experiment, inputs, machines, run.threads)
        if first:
            write_json(run.folder / f"{inputs.part}.json", record)
        run_to_end(session, world)
        if first and snapshots.left:
            # Its last epoch is over before the last minute.
            snapshots.take(session.trainer, round(clock.minutes, 1))
        if first and (marks or inputs.part == "upsampler"):
            write_json(run.folder / f"{inputs.part}.json", record | ended(session, clock))
    return session


def ended(session: Session, clock: Clock) -> dict[str, Any]:
    """Return what the record of a training says at its end."""
    return {"iterations": session.trainer.updater.iteration, "minutes": round(clock.minutes, 2)}
