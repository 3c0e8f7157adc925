"""Where the random numbers of the networks come from.

Nothing here keeps a state between iterations: a stream is a function of what names it. So a
resumed training draws what an uninterrupted one would have drawn, and image i of a stack is the
same whichever images are made beside it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from synaxial.configuration.model import Latent

#: First number of a stream's name, so that streams of different use never coincide.
TRAINING, INITIALISATION, ORDER, PREVIEW, SAMPLE, CALIBRATION = range(6)


class Randomness(Protocol):
    """A source of float32 random arrays on the device of the network."""

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values."""

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values evenly spread over [0, 1)."""


def seed_sequence(*name: int) -> np.random.SeedSequence:
    """Return the seed of the stream with this name: a use, then whatever tells it apart."""
    return np.random.SeedSequence(name)


class BatchRandomness:
    """One stream for a whole batch: `name` is for instance TRAINING, seed, iteration, rank.

    On the CPU NumPy's SFC64 makes the numbers, on a GPU CuPy's XORWOW; they differ.
    """

    def __init__(self, xp: Any, *name: int) -> None:
        self.xp = xp
        sequence = seed_sequence(*name)
        if xp is np:
            self.generator: Any = np.random.Generator(np.random.SFC64(sequence))
        else:
            seed = int(sequence.generate_state(1, np.uint64)[0])
            self.generator = xp.random.Generator(xp.random.XORWOW(seed))

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values."""
        return self.generator.standard_normal(shape, dtype=np.float32)

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values evenly spread over [0, 1)."""
        return self.generator.random(shape, dtype=np.float32)


class ImageRandomness:
    """One stream an image, by the names given; row i of every array is image i's.

    The numbers are NumPy's on every device, so that an image is the same wherever it is made, up
    to the rounding of the network's arithmetic.
    """

    def __init__(self, xp: Any, names: Sequence[Sequence[int]]) -> None:
        self.xp = xp
        self.generators = [
            np.random.Generator(np.random.SFC64(seed_sequence(*name))) for name in names
        ]

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values; `shape` begins with the number of images."""
        rows = [g.standard_normal(shape[1:], dtype=np.float32) for g in self.generators]
        return self.xp.asarray(np.stack(rows))

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values evenly spread over [0, 1); `shape` begins with the number of images."""
        rows = [g.random(shape[1:], dtype=np.float32) for g in self.generators]
        return self.xp.asarray(np.stack(rows))


def draw_latents(randomness: Randomness, images: int, latent: Latent) -> Any:
    """Draw the generator's input: float32 of shape (images, latent.size)."""
    shape = (images, latent.size)
    if latent.distribution == "normal":
        return randomness.normal(shape)
    return 2 * randomness.uniform(shape) - 1
