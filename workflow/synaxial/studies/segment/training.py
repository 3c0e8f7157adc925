"""The training of one U-Net, and what it finds."""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Segment
from synaxial.gan.train.adam import BlockedAdam
from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.losses import segmentation_loss
from synaxial.studies.segment.sizes import check_size
from synaxial.studies.segment.slices import Slices, batches
from synaxial.studies.segment.unet import UNet

log = logging.getLogger(__name__)

#: With which power of the updates left the learning rate falls (Isensee et al., 2021).
POWER = 0.9

#: Images that are segmented at a time.
AT_A_TIME = 16

#: Updates between two lines of the log.
TOLD = 100


def train(parts: list[Slices], settings: Segment, seed: int, device: Any) -> UNet:
    """Train a U-Net on slices, as many of each part in every update.

    The same parts, settings and seed give the same weights on any number of cores. Kinds of parts
    differ in nothing else: not in the initial weights, the updates, the images of one, the
    augmentation or the learning rates. There is no looking at held-out subjects on the way.
    """
    check_size(parts[0].images.shape[1], settings.channels)
    network = UNet(settings.channels, seed)
    network.to_device(device)
    optimizer = BlockedAdam(settings.learning_rate, 0.9, 0.999, 0.0)
    optimizer.setup(network)
    losses = []
    with chainer.using_config("train", True):
        for update, batch in enumerate(batches(parts, settings, seed)):
            optimizer.alpha = settings.learning_rate * (1 - update / settings.updates) ** POWER
            masks = device.send(batch.masks[:, None].astype(np.float32))
            loss = segmentation_loss(network(device.send(as_input(batch.images))), masks)
            network.cleargrads()
            loss.backward()
            optimizer.update()
            losses.append(float(loss.array))
            if (update + 1) % TOLD == 0:
                log.info("update %d: loss %.3f", update + 1, np.mean(losses[-TOLD:]))
    if not np.isfinite(losses).all():
        raise SynaxialError(
            "segment.learning_rate", "the loss is no number any more", "a smaller one"
        )
    return network


def segment(network: UNet, images: NDArray[np.uint8], device: Any) -> NDArray[np.bool_]:
    """Return where the tumour is more likely than not (a probability of 0.5): bool (N, S, S)."""
    found = np.empty(images.shape, np.bool_)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        for first in range(0, len(images), AT_A_TIME):
            some = slice(first, first + AT_A_TIME)
            logits = network(device.send(as_input(images[some]))).array
            found[some] = chainer.get_device("@numpy").send(logits)[:, 0] > 0
    return found


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as the network takes them: float32 (N, 1, S, S) in -1 to 1."""
    return images[:, None].astype(np.float32) / np.float32(127.5) - 1
