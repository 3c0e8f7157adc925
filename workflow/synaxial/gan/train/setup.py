"""The networks, the updater and Chainer's trainer of one training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.data.dataset.labels import mirrored
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.cascade import Cascade
from synaxial.gan.networks.coarse import CoarseGenerator, Critic
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import INITIALISATION, seeded_initialisers
from synaxial.gan.networks.saving import make_upsampler
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.checkpoint import RegularCheckpoints
from synaxial.gan.train.inputs import Inputs, check_batch
from synaxial.gan.train.log import COLUMNS, UPSAMPLER_COLUMNS, EpochLog, Progress
from synaxial.gan.train.optimizers import make_optimizers
from synaxial.gan.train.previews import Previews, enlarged_pairs, preview_images
from synaxial.gan.train.stopping import Stop
from synaxial.gan.train.updater import AdversarialUpdater, Networks
from synaxial.gan.train.upsampling import make_upsampler_updater
from synaxial.gan.train.validation import Validation


@dataclass(frozen=True)
class Session:
    """A training that is set up; `folder` is that of this model's checkpoints.

    Only rank 0 has `previews`, and `validation` if there are held-out images. `whole` makes the
    network that makes full images of a trained generator.
    """

    inputs: Inputs
    trainer: Any
    networks: Any
    log: EpochLog
    stop: Stop
    folder: Path
    previews: Previews | None
    validation: Validation | None
    whole: Callable[[Any], Any]


def make_session(
    inputs: Inputs, communicator: Any, device: Any, folder: Path, stop: Stop
) -> Session:
    """Set up a training at its start; all ranks must call it.

    Rank 0 alone logs, draws previews, compares with held-out subjects and writes checkpoints.
    """
    training, of_upsampler = inputs.training, inputs.part == "upsampler"
    updater: Any
    if of_upsampler:
        updater = make_upsampler_updater(training, inputs.images, communicator, device)
    else:
        updater = make_updater(
            training, inputs.images, communicator, device, inputs.masks, inputs.labels
        )
    trainer = chainer.training.Trainer(updater, stop_trigger=stop, out=str(folder))
    first = communicator.rank == 0
    previews, validation = None, None
    whole = partial(whole_generator, training, inputs.upsampler)
    if first and inputs.held_out is not None:
        validation = Validation(training, inputs.held_out, whole)
        trainer.extend(validation, name="validation")
        stop.exhausted = validation.exhausted
    table, columns = folder / "log.csv", UPSAMPLER_COLUMNS if of_upsampler else COLUMNS
    epoch_log = EpochLog(table if first else None, training, inputs.images, validation, columns)
    trainer.extend(epoch_log, name="log")
    if first:
        trainer.extend(Progress(inputs.iterations), name="progress")
        draw = enlarged_pairs if of_upsampler else partial(preview_of, training, whole)
        every = inputs.monitoring.preview_epochs
        previews = Previews(folder / "previews", every, inputs.epochs, draw)
        trainer.extend(previews, name="previews")
        if inputs.monitoring.tensorboard:
            # Only then: protobuf takes a tenth of the start of a training.
            from synaxial.gan.train.event_files import EventFiles  # noqa: PLC0415

            events = EventFiles(folder / "tensorboard", epoch_log, folder / "previews")
            trainer.extend(events, name="event_files")
        checkpoints = RegularCheckpoints(folder, inputs.fingerprint, inputs.monitoring, stop)
        trainer.extend(checkpoints, name="checkpoints")
    return Session(
        *(inputs, trainer, updater.networks, epoch_log, stop, folder),
        *(previews, validation, whole),
    )


def whole_generator(
    training: Training, upsampler: dict[str, np.ndarray] | None, generator: Any
) -> Any:
    """Return the network that makes full images: the generator, with its up-sampler if it has one.

    `upsampler` has the up-sampler's arrays by path.
    """
    if upsampler is None:
        return generator
    network = make_upsampler(training)
    chainer.serializers.NpzDeserializer(upsampler).load(network)
    return Cascade(generator, network)


def preview_of(training: Training, whole: Callable[[Any], Any], updater: Any) -> np.ndarray:
    """Return the images of a preview of a generator's training."""
    return preview_images(whole(updater.networks.smoothed), training)


def make_updater(
    training: Training,
    images: np.ndarray,
    communicator: Any,
    device: Any,
    masks: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> AdversarialUpdater:
    """Make the updater of a training at its start."""
    ranks = communicator.size
    check_batch(training, ranks)
    networks = make_networks(training, images.shape[1], device, labels)
    optimizers = make_optimizers(training.optimizer, networks, communicator)
    batches = RankBatches(len(images), training.batch_size, training.seed, communicator.rank, ranks)
    return AdversarialUpdater(
        batches, images, networks, optimizers, training, communicator, device, masks, labels
    )


def make_pair(training: Training, image_width: int) -> tuple[Any, Any]:
    """Make a generator and a discriminator on the host, with Chainer's random weights."""
    channels = training.image_channels
    if training.is_coarse_to_fine:
        asked = training.conditions
        generator = CoarseGenerator(training.coarse, training.latent.size, channels, asked)
        return generator, Critic(training.coarse, channels, Conditions(tuple(asked)).features)
    deviation = training.initial_deviation
    return (
        Generator(training.generator, training.latent.size, deviation),
        Discriminator(training.discriminator, channels, image_width, deviation),
    )


def make_networks(
    training: Training, image_width: int, device: Any, labels: np.ndarray | None = None
) -> Networks:
    """Make the networks with their initial weights, which depend on the seed, on the device.

    `labels` are those of the training images, float32 (N, LABEL), of a training with conditions.
    """
    with seeded_initialisers(INITIALISATION, training.seed):
        generator, discriminator = make_pair(training, image_width)
    if labels is not None:
        mirror = training.variation.mirror
        generator.learn_labels(np.concatenate([labels, mirrored(labels)]) if mirror else labels)
    average = generator.copy(mode="copy") if training.moving_average_images > 0 else None
    for network in (generator, discriminator, average):
        if network is not None:
            network.to_device(device)
    return Networks(generator, discriminator, average)
