"""Where the random numbers of the networks come from.

Nothing here keeps a state between iterations: a stream is a function of what names it. So a
resumed training draws what an uninterrupted one would have drawn, and image i of a stack is the
same whichever images are made beside it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from synaxial.config.model import Latent
from synaxial.gan.ops.hidden import Dropped
from synaxial.gan.ops.layout import by_channel
from synaxial.gan.ops.noise import AddNoise

#: First number of a stream's name, so that streams of different use never coincide.
TRAINING, INITIALISATION, ORDER, PREVIEW, SAMPLE, CALIBRATION, VALIDATION = range(7)


class Randomness(Protocol):
    """A source of random numbers on the device of the network."""

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values, float32."""

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values evenly spread over [0, 1), float32."""

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x, (N, C, …), with Gaussian noise of this standard deviation added."""

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose what dropout sets to 0 of values of this shape (N, C, …)."""


def seed_sequence(*name: int) -> np.random.SeedSequence:
    """Return the seed of the stream with this name: a use, then whatever tells it apart."""
    return np.random.SeedSequence(name)


class BatchRandomness:
    """Streams for a whole batch: `name` is for instance TRAINING, seed, iteration, rank.

    On the CPU NumPy's SFC64 makes the numbers, on a GPU CuPy's XORWOW; they differ. On the CPU
    every use, and every block within it, has a stream of its own, so that the cores can share
    the work.
    """

    def __init__(self, xp: Any, *name: int) -> None:
        self.xp = xp
        self.name = name
        self.uses = 0
        if xp is not np:
            seed = int(seed_sequence(*name).generate_state(1, np.uint64)[0])
            self.generator = xp.random.Generator(xp.random.XORWOW(seed))

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values."""
        generator = self._next_generator()
        return generator.standard_normal(shape, dtype=np.float32)

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values evenly spread over [0, 1)."""
        return self._next_generator().random(shape, dtype=np.float32)

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x with Gaussian noise added."""
        if self.xp is np:
            return AddNoise(deviation, self._next_streams()).apply((x,))[0]
        return x + self.normal(x.shape) * x.dtype.type(deviation)

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose what dropout sets to 0."""
        images, channels, *pixels = shape
        length = -(-images * math.prod(pixels) // 8)
        if self.xp is np and ratio == 0.5:
            # A random bit is just that choice.
            raw = self._next_streams()(0).random_raw(-(-channels * length // 8)).view(np.uint8)
            return Dropped(raw[: channels * length].reshape(channels, length), ratio)
        kept = self.uniform((channels * length * 8,)) >= ratio
        return Dropped(self.xp.packbits(kept).reshape(channels, length), ratio)

    def _next_generator(self) -> Any:
        return np.random.Generator(self._next_streams()(0)) if self.xp is np else self.generator

    def _next_streams(self) -> Callable[[int], np.random.BitGenerator]:
        use = self.uses
        self.uses += 1
        return lambda block: np.random.SFC64(seed_sequence(*self.name, use, block))


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

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x with Gaussian noise added."""
        return x + self.normal(x.shape) * x.dtype.type(deviation)

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose what dropout sets to 0."""
        kept = np.stack([g.random(shape[1:], dtype=np.float32) for g in self.generators]) >= ratio
        return Dropped(self.xp.asarray(np.packbits(by_channel(kept), axis=1)), ratio)


def draw_latents(randomness: Randomness, images: int, latent: Latent) -> Any:
    """Draw the generator's input: float32 of shape (images, latent.size)."""
    shape = (images, latent.size)
    if latent.distribution == "normal":
        return randomness.normal(shape)
    return 2 * randomness.uniform(shape) - 1
