"""What a training does that generates the tumour's mask with the image.

The image is channel 0 and the mask channel 1: the generator's smallest value outside the tumour,
its largest inside. This is apart from `updater.py` and `augmentation.py`, for the names of all
models depend on their code.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Augmentation, Training
from synaxial.gan.networks.randomness import BatchRandomness, Randomness
from synaxial.gan.train.augmentation import augment
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.updater import AdversarialUpdater, Networks


class PairUpdater(AdversarialUpdater):
    """The updater of images with their masks.

    Parameters
    ----------
    batches, images, networks, optimizers, training, communicator, device
        As `AdversarialUpdater`.
    masks
        uint8 (N, width, width), 0 and 255: image i's is the i-th.
    """

    def __init__(
        self,
        batches: RankBatches,
        images: np.ndarray,
        networks: Networks,
        optimizers: dict[str, Any],
        training: Training,
        communicator: Any,
        device: Any,
        masks: np.ndarray,
    ) -> None:
        super().__init__(batches, images, networks, optimizers, training, communicator, device)
        self.masks = masks

    def real_images(self, indices: np.ndarray) -> Any:
        """Return pairs as the generator makes them: float32 (n, 2, width, width)."""
        low, high = self.networks.generator.output_range
        pairs = np.stack([self.images[indices], self.masks[indices]], axis=1)
        values = self.xp.asarray(pairs).astype(np.float32)
        values *= np.float32((high - low) / 255)
        values += np.float32(low)
        return values

    def _shown(self, images: Any, randomness: BatchRandomness) -> Any:
        """Return pairs, an array or a Variable, as the discriminator sees them."""
        settings = self.training.augmentation
        if not settings.used:
            return images
        value_range = self.networks.generator.output_range
        return augment_pairs(images, settings, self.probability.value, randomness, value_range)


def augment_pairs(
    pairs: Any,
    settings: Augmentation,
    probability: float,
    randomness: Randomness,
    value_range: tuple[float, float],
) -> Any:
    """Change images as `augment` does, and their masks with them.

    A mask is mirrored, moved and covered as its image is, and has no intensity that could change:
    its two values stay.

    Parameters
    ----------
    pairs
        float (N, 2, H, W), array or variable: image and mask.
    settings, probability, randomness, value_range
        As `augment`, which draws as many numbers.

    Returns
    -------
    Variable or array
        The same shape and type. `pairs` itself where the probability is 0.
    """
    # All that `augment` asks of a source of random numbers.
    same: Any = Repeated(randomness)
    still = [kind for kind in settings.kinds if kind != "intensity"]
    of_masks = settings.model_copy(update={"kinds": still})
    images, masks = chainer.functions.split_axis(pairs, 2, axis=1)
    changed = [
        augment(images, settings, probability, same, value_range),
        augment(masks, of_masks, probability, same, value_range),
    ]
    if probability == 0:
        return pairs
    return chainer.functions.concat(changed, axis=1)


class Repeated:
    """Random numbers that are drawn once and then given again.

    Parameters
    ----------
    randomness
        Where they come from.
    """

    def __init__(self, randomness: Randomness) -> None:
        self.randomness = randomness
        self.drawn: Any = None

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values evenly spread over [0, 1), every time the same."""
        if self.drawn is None:
            self.drawn = self.randomness.uniform(shape)
        return self.drawn
