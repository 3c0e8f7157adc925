"""One training from its start or its newest checkpoint to its end or its next one."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Monitoring, Training
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.checkpoint import read_newest_checkpoint, restore, save_checkpoint
from synaxial.gan.train.communication import on_all_ranks
from synaxial.gan.train.initial import make_networks
from synaxial.gan.train.log import EpochLog
from synaxial.gan.train.masks import PairUpdater
from synaxial.gan.train.optimizers import make_optimizers
from synaxial.gan.train.previews import Previews
from synaxial.gan.train.progress import Progress
from synaxial.gan.train.shares import check_shares
from synaxial.gan.train.stopping import Stop
from synaxial.gan.train.updater import AdversarialUpdater, Networks
from synaxial.gan.train.validation import Validation
from synaxial.io.errors import StoppedEarlyError, SynaxialError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A training that is set up.

    Attributes
    ----------
    trainer
        Chainer's, with all extensions.
    networks
        What it trains.
    log
        The extension that holds the rows of the log.
    stop
        The stop trigger.
    folder
        Where this model's checkpoints are.
    fingerprint
        What the model is called.
    previews
        The extension that draws them, on rank 0.
    validation
        The extension that looks at held-out subjects, on rank 0 of a training that does.
    """

    trainer: Any
    networks: Networks
    log: EpochLog
    stop: Stop
    folder: Path
    fingerprint: str
    previews: Previews | None
    validation: Validation | None


def make_updater(
    training: Training,
    images: np.ndarray,
    communicator: Any,
    device: Any,
    masks: np.ndarray | None = None,
) -> AdversarialUpdater:
    """Make what does the iterations of a training, at its start; `masks` as `open_masks` has them.

    Raises
    ------
    SynaxialError
        The batch cannot be shared among the ranks.
    """
    ranks = communicator.size
    check_shares(training, ranks)
    networks = make_networks(training, images.shape[1], device)
    optimizers = make_optimizers(training.optimizer, networks, communicator)
    batches = RankBatches(len(images), training.batch_size, training.seed, communicator.rank, ranks)
    parts = (batches, images, networks, optimizers, training, communicator, device)
    if training.masks != (masks is not None):
        raise ValueError(f"training.masks is {training.masks}, but the data say otherwise")
    return AdversarialUpdater(*parts) if masks is None else PairUpdater(*parts, masks)


def open_session(
    training: Training,
    monitoring: Monitoring,
    images: np.ndarray,
    folder: Path,
    fingerprint: str,
    communicator: Any,
    device: Any,
    stop: Stop,
    held_out: NDArray[np.uint8] | None = None,
    masks: NDArray[np.uint8] | None = None,
) -> Session:
    """Set a training up, from its newest whole checkpoint if there is one.

    Raises
    ------
    SynaxialError
        The batch cannot be shared among the ranks, or a checkpoint belongs to another model.
    """
    updater = make_updater(training, images, communicator, device, masks)
    trainer = chainer.training.Trainer(updater, stop_trigger=stop, out=str(folder))
    first = communicator.rank == 0
    validation = None
    if first and held_out is not None:
        validation = Validation(training, held_out)
        trainer.extend(validation, name="validation")
        stop.exhausted = validation.exhausted
    epoch_log = EpochLog(folder / "log.csv" if first else None, training, images, validation)
    trainer.extend(epoch_log, name="log")
    iterations = -(-training.epochs * len(images) // training.batch_size)
    if training.discriminator_steps > iterations:
        raise SynaxialError(
            "discriminator_steps",
            f"is {training.discriminator_steps}, but there are {iterations} iterations",
            "as many or fewer, or the generator is never updated",
        )
    previews = None
    if first:
        trainer.extend(Progress(iterations), name="progress")
        previews = Previews(folder / "previews", training, monitoring.preview_epochs)
        trainer.extend(previews, name="previews")
        trainer.extend(
            RegularCheckpoints(folder, fingerprint, monitoring, stop), name="checkpoints"
        )
    # All ranks resume from what rank 0 found, even if the folder changes meanwhile.
    state = on_all_ranks(
        communicator.mpi_comm,
        lambda: read_newest_checkpoint(folder, fingerprint, iterations) if first else None,
    )
    state = communicator.mpi_comm.bcast(state, root=0)
    if state is not None:
        restore(trainer, state)
    return Session(
        trainer, updater.networks, epoch_log, stop, folder, fingerprint, previews, validation
    )


class RegularCheckpoints(chainer.training.Extension):
    """Chainer extension that writes a checkpoint every few minutes, on rank 0.

    The state is the same on all ranks, so one file holds it, and no rank waits for another.

    Parameters
    ----------
    folder, fingerprint
        Where, and of which model.
    monitoring
        How often, and how many are kept.
    stop
        Told how long a checkpoint takes.
    """

    trigger = (1, "iteration")
    # After the log and the previews, so that what they did in this iteration is in it.
    priority = chainer.training.PRIORITY_READER - 1

    def __init__(self, folder: Path, fingerprint: str, monitoring: Monitoring, stop: Stop) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.monitoring = monitoring
        self.stop = stop
        self._last = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        """Write a checkpoint if it is time to."""
        began = time.monotonic()
        if began - self._last < 60 * self.monitoring.checkpoint_minutes:
            return
        save_checkpoint(trainer, self.folder, self.fingerprint, self.monitoring.checkpoints_kept)
        self._last = time.monotonic()
        self.stop.longest_checkpoint = max(self.stop.longest_checkpoint, self._last - began)


def run_session(session: Session, monitoring: Monitoring, communicator: Any) -> None:
    """Train to the end, or to an early stop; either ends in a checkpoint.

    Raises
    ------
    StoppedEarlyError
        The training was asked to stop before its end.
    SynaxialError
        A loss is no longer a number.
    """
    trainer = session.trainer
    session.stop.listen()
    before = trainer.updater.iteration
    if communicator.rank == 0:
        log.info("the first iteration takes longer: on a new machine its loops are compiled")
    trainer.run(show_loop_exception_msg=False)
    iteration = trainer.updater.iteration
    if communicator.rank == 0 and iteration > before:
        path = save_checkpoint(
            trainer, session.folder, session.fingerprint, monitoring.checkpoints_kept
        )
        log.info("checkpoint %s", path)
    # No rank leaves before the checkpoint is on the disk.
    communicator.mpi_comm.Barrier()
    if session.stop.reason is not None:
        raise StoppedEarlyError(
            f"stopped after iteration {iteration} in epoch {trainer.updater.epoch_detail:.2f} of "
            f"{session.stop.epochs} ({session.stop.reason}); the same command goes on from there"
        )
