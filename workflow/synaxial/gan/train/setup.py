"""The networks, the updater and Chainer's trainer of one training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.randomness import INITIALISATION, seed_sequence
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.checkpoint import RegularCheckpoints
from synaxial.gan.train.inputs import Inputs, check_batch
from synaxial.gan.train.log import EpochLog, Progress
from synaxial.gan.train.optimizers import make_optimizers
from synaxial.gan.train.previews import Previews
from synaxial.gan.train.stopping import Stop
from synaxial.gan.train.updater import AdversarialUpdater, Networks
from synaxial.gan.train.validation import Validation


@dataclass(frozen=True)
class Session:
    """A training that is set up; `folder` is that of this model's checkpoints.

    Only rank 0 has `previews`, and `validation` if there are held-out images.
    """

    inputs: Inputs
    trainer: Any
    networks: Networks
    log: EpochLog
    stop: Stop
    folder: Path
    previews: Previews | None
    validation: Validation | None


def make_session(
    inputs: Inputs, communicator: Any, device: Any, folder: Path, stop: Stop
) -> Session:
    """Set up a training at its start; all ranks must call it.

    Rank 0 alone logs, draws previews, compares with held-out subjects and writes checkpoints.
    """
    training, monitoring = inputs.training, inputs.monitoring
    updater = make_updater(training, inputs.images, communicator, device, inputs.masks)
    trainer = chainer.training.Trainer(updater, stop_trigger=stop, out=str(folder))
    first = communicator.rank == 0
    previews, validation = None, None
    if first and inputs.held_out is not None:
        validation = Validation(training, inputs.held_out)
        trainer.extend(validation, name="validation")
        stop.exhausted = validation.exhausted
    epoch_log = EpochLog(folder / "log.csv" if first else None, training, inputs.images, validation)
    trainer.extend(epoch_log, name="log")
    if first:
        trainer.extend(Progress(inputs.iterations), name="progress")
        previews = Previews(folder / "previews", training, monitoring.preview_epochs)
        trainer.extend(previews, name="previews")
        checkpoints = RegularCheckpoints(folder, inputs.fingerprint, monitoring, stop)
        trainer.extend(checkpoints, name="checkpoints")
    return Session(inputs, trainer, updater.networks, epoch_log, stop, folder, previews, validation)


def make_updater(
    training: Training,
    images: np.ndarray,
    communicator: Any,
    device: Any,
    masks: np.ndarray | None = None,
) -> AdversarialUpdater:
    """Make the updater of a training at its start."""
    ranks = communicator.size
    check_batch(training, ranks)
    networks = make_networks(training, images.shape[1], device)
    optimizers = make_optimizers(training.optimizer, networks, communicator)
    batches = RankBatches(len(images), training.batch_size, training.seed, communicator.rank, ranks)
    return AdversarialUpdater(
        batches, images, networks, optimizers, training, communicator, device, masks
    )


def make_networks(training: Training, image_width: int, device: Any) -> Networks:
    """Make the networks with their initial weights, on the device.

    The weights depend on the seed alone. Chainer's initialisers draw from NumPy's global
    generator, whose state is restored afterwards.
    """
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed_sequence(INITIALISATION, training.seed).generate_state(8))  # noqa: NPY002
    try:
        generator = Generator(training.generator, training.latent.size, training.initial_deviation)
        discriminator = Discriminator(
            training.discriminator,
            training.generator.channels[-1],
            image_width,
            training.initial_deviation,
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    average = generator.copy(mode="copy") if training.moving_average_images > 0 else None
    for network in (generator, discriminator, average):
        if network is not None:
            network.to_device(device)
    return Networks(generator, discriminator, average)
