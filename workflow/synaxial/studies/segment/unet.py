"""A small U-Net from images to the logits of the tumour mask, and its training.

The network is that of Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical
Image Segmentation, MICCAI 2015: a contracting path, an expanding path, and a skip connection at
each level. It differs from theirs in four points. Convolutions are padded, so that masks are as
large as images. A strided 4 x 4 convolution halves the width (nnU-Net, Isensee et al., Nature
Methods 18, 2021, also uses strided convolutions). Nearest-neighbour up-sampling with a 3 x 3
convolution doubles it. All layers but the last have batch normalisation. The two resampling layers
are those that this package computes fast.

The loss is the sum of the binary cross-entropy and the soft Dice loss. Sources: Milletari, Navab
and Ahmadi, V-Net, 3DV 2016 (the soft Dice loss); nnU-Net (the sum of both; plain sums in the
denominator of the Dice loss; sums over the whole batch, because an image without a tumour has no
Dice coefficient of its own).
"""

import itertools
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Segment
from synaxial.gan.networks.layers import BatchNormalization, Convolution, hidden
from synaxial.gan.ops.resampling import nearest_convolution
from synaxial.gan.train.optimizers import BlockedAdam
from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.augmentation import batches
from synaxial.studies.segment.limits import check_size
from synaxial.studies.segment.slices import Slices

F = chainer.functions

log = logging.getLogger(__name__)

#: The learning rate falls with this power of the share of updates left (Isensee et al., 2021).
POWER = 0.9

#: Added to both sides of the Dice fraction: an empty mask found on an empty batch has no loss.
SMOOTHING = 1.0

#: Images that are segmented at a time.
AT_A_TIME = 16

#: Updates between two lines of the log.
LOG_EVERY = 100


class Layer(chainer.Chain):
    """A convolution, batch normalisation and ReLU.

    The kind `same` is 3 x 3. `down` is 4 x 4 with stride 2, which halves the width. `up` is 3 x 3
    after nearest-neighbour up-sampling, which doubles it. The initial weights are those of He et
    al., 2015.
    """

    def __init__(
        self, before: int, after: int, random: np.random.RandomState, kind: str = "same"
    ) -> None:
        super().__init__()
        width, stride = (4, 2) if kind == "down" else (3, 1)
        self.up = kind == "up"
        # The normalisation would remove a bias.
        options = {"nobias": True, "initialW": chainer.initializers.HeNormal(rng=random)}
        with self.init_scope():
            self.convolution = Convolution(before, after, width, stride, 1, **options)
            self.normalization = BatchNormalization(after)

    def forward(self, x: Any) -> Any:
        """Compute (N, after, …) from (N, before, …)."""
        y = nearest_convolution(x, self.convolution.W, None) if self.up else self.convolution(x)
        return hidden(y, self.normalization, "relu", 0.0)


class UNet(chainer.Chain):
    """The network; each level halves the width. `channels` has the finest level first."""

    def __init__(self, channels: list[int], seed: int) -> None:
        super().__init__()
        random = np.random.RandomState(np.random.MT19937(seed))
        finer = list(itertools.pairwise(channels))
        with self.init_scope():
            self.begin = chainer.ChainList(
                Layer(1, channels[0], random), Layer(channels[0], channels[0], random)
            )
            down = (
                chainer.Sequential(Layer(a, b, random, "down"), Layer(b, b, random))
                for a, b in finer
            )
            self.down = chainer.ChainList(*down)
            self.up = chainer.ChainList(*(Layer(b, a, random, "up") for a, b in finer))
            self.join = chainer.ChainList(*(Layer(2 * a, a, random) for a, _ in finer))
            self.end = Convolution(
                channels[0], 1, 1, initialW=chainer.initializers.HeNormal(rng=random)
            )

    def forward(self, images: Any) -> Any:
        """Return the logits of the tumour mask, a Variable, float32 (N, 1, S, S).

        Images have the same shape and values from -1 to 1; S is divisible by 2 ** (levels - 1).
        """
        x = images
        for layer in self.begin:
            x = layer(x)
        levels = [x]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        x = levels.pop()
        for up, join in reversed(list(zip(self.up, self.join, strict=True))):
            x = join(F.concat((levels.pop(), up(x))))
        return self.end(x)


def cross_entropy(logits: Any, masks: Any) -> Any:
    """Return the mean over all pixels of -t log p - (1 - t) log (1 - p), where p = sigmoid(z).

    Computed as log(1 + exp(z)) - t z, which is the same and does not overflow. The logits z and the
    masks t, 0 or 1, are float32 (N, 1, S, S).
    """
    return F.mean(F.softplus(logits) - masks * logits)


def soft_dice_loss(logits: Any, masks: Any) -> Any:
    """Return 1 - (2 sum p t + 1) / (sum p + sum t + 1), with sums over all pixels of the batch."""
    p = F.sigmoid(logits)
    overlap = F.sum(p * masks)
    total = F.sum(p) + masks.sum()
    return 1 - (2 * overlap + SMOOTHING) / (total + SMOOTHING)


def segmentation_loss(logits: Any, masks: Any) -> Any:
    """Return the sum of both losses."""
    return cross_entropy(logits, masks) + soft_dice_loss(logits, masks)


def train(parts: list[Slices], settings: Segment, seed: int, device: Any) -> UNet:
    """Train a U-Net on slices, equally many of each part in every update.

    The same parts, settings and seed give the same weights on any number of cores. Trainings with
    different parts share everything else: initial weights, number of updates, images per update,
    augmentation and learning rates.
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
            if (update + 1) % LOG_EVERY == 0:
                log.info("update %d: loss %.3f", update + 1, np.mean(losses[-LOG_EVERY:]))
    if not np.isfinite(losses).all():
        raise SynaxialError(
            "segment.learning_rate", "the loss is not finite", "a smaller learning rate"
        )
    return network


def segment(network: UNet, images: NDArray[np.uint8], device: Any) -> NDArray[np.bool_]:
    """Return the pixels with a tumour probability above 0.5, bool (N, S, S)."""
    found = np.empty(images.shape, np.bool_)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        for first in range(0, len(images), AT_A_TIME):
            some = slice(first, first + AT_A_TIME)
            logits = network(device.send(as_input(images[some]))).array
            found[some] = chainer.get_device("@numpy").send(logits)[:, 0] > 0
    return found


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as the network takes them, float32 (N, 1, S, S) from -1 to 1."""
    return images[:, None].astype(np.float32) / np.float32(127.5) - 1
