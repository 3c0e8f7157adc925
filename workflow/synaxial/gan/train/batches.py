"""The images of each rank in each iteration."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.randomness import ORDER, seed_sequence


def order_of_epoch(seed: int, epoch: int, images: int) -> np.ndarray:
    """Return the order of the images in an epoch: a permutation of `range(images)`."""
    generator = np.random.Generator(np.random.SFC64(seed_sequence(ORDER, seed, epoch)))
    return generator.permutation(images)


class RankBatches(chainer.dataset.Iterator):
    """One rank's part of each global batch, as indices of images.

    The orders of the epochs are joined and cut into global batches, of which rank r takes the r-th
    of equal parts. The order depends on seed and epoch alone. So every epoch has each image once
    over all ranks, on any number of them, and the ranks need not communicate. The position is the
    only state. `images` is the number of images; `batch_size`, that of a global batch, must be a
    multiple of `ranks`.
    """

    def __init__(self, images: int, batch_size: int, seed: int, rank: int, ranks: int) -> None:
        self.images = images
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.ranks = ranks
        self.position = 0
        self._orders: dict[int, np.ndarray] = {}

    @property
    def epoch(self) -> int:
        """Number of complete epochs."""
        return self.position // self.images

    @property
    def epoch_detail(self) -> float:
        """Number of epochs, with fraction."""
        return self.position / self.images

    @property
    def is_new_epoch(self) -> bool:
        """Whether the last batch completed an epoch."""
        return self.position > 0 and self.position % self.images < self.batch_size

    def __next__(self) -> np.ndarray:
        """Return the indices of this rank's next images, int64 of shape (batch_size / ranks,)."""
        share = self.batch_size // self.ranks
        first = self.position + self.rank * share
        indices = [self._image_at(first + offset) for offset in range(share)]
        self.position += self.batch_size
        return np.array(indices, dtype=np.int64)

    next = __next__

    def _image_at(self, place: int) -> int:
        epoch, within = divmod(place, self.images)
        if epoch not in self._orders:
            # A batch spans two epochs at most, unless it is larger than an epoch.
            self._orders = {e: o for e, o in self._orders.items() if e >= epoch - 1}
            self._orders[epoch] = order_of_epoch(self.seed, epoch, self.images)
        return int(self._orders[epoch][within])

    def serialize(self, serializer: Any) -> None:
        """Write or read the position."""
        self.position = serializer("position", self.position)
