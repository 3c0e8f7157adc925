"""The sources of all random numbers of the networks.

They have no state between iterations: a stream depends only on its name, a tuple of whole numbers.
So a resumed training draws the same numbers as an uninterrupted one, and image i of a stack does
not depend on the images made with it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from synaxial.compute.parallel import for_each
from synaxial.config.model import Latent
from synaxial.gan.ops.hidden import Dropped
from synaxial.gan.ops.layout import by_channel
from synaxial.gan.ops.noise import AddNoise

#: The first number of a stream's name, so that streams of different uses are never equal.
TRAINING, INITIALISATION, ORDER, PREVIEW, SAMPLE, CALIBRATION, VALIDATION = range(7)
UPSAMPLING, UPSAMPLER_INITIALISATION, VARIATION, ENLARGING, PREVIEW_NOISE, REQUEST = range(7, 13)
AVERAGE = 13


def seed_sequence(*name: int) -> np.random.SeedSequence:
    """Return the seed of the stream with a name: its use, then numbers that identify it.

    All names of one use have the same length, because NumPy takes (1, 2) for (1, 2, 0).
    """
    return np.random.SeedSequence(name)


@contextmanager
def seeded_initialisers(*name: int) -> Iterator[None]:
    """Let Chainer's initialisers draw from the stream with a name within the block.

    They use NumPy's global generator, whose state is restored afterwards.
    """
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed_sequence(*name).generate_state(8))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


class BatchRandomness:
    """Random numbers of a whole batch; `name` is for instance TRAINING, seed, iteration, rank.

    NumPy's SFC64 makes them on the CPU, CuPy's XORWOW on a GPU; they differ. On the CPU, each call
    and each block of it has its own stream, so that the cores can share the work.
    """

    def __init__(self, xp: Any, *name: int) -> None:
        self.xp = xp
        self.name = name
        self.uses = 0
        if xp is not np:
            seed = int(seed_sequence(*name).generate_state(1, np.uint64)[0])
            self.generator = xp.random.Generator(xp.random.XORWOW(seed))

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values, float32."""
        return self._next_generator().standard_normal(shape, dtype=np.float32)

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values uniform over [0, 1), float32."""
        return self._next_generator().random(shape, dtype=np.float32)

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x, (N, C, …), plus Gaussian noise with a standard deviation."""
        if self.xp is np:
            return AddNoise(deviation, self._next_streams()).apply((x,))[0]
        return x + self.normal(x.shape) * x.dtype.type(deviation)

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose the values that dropout sets to 0, of an array (N, C, …)."""
        images, channels, *pixels = shape
        length = -(-images * math.prod(pixels) // 8)
        if self.xp is np and ratio == 0.5:
            # Each random bit is one choice.
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
    """One stream an image, by its name; row i of each array belongs to image i.

    NumPy makes the numbers on every device. So an image is the same on all devices, up to rounding.
    """

    def __init__(self, xp: Any, names: Sequence[Sequence[int]]) -> None:
        self.xp = xp
        self.generators = [
            np.random.Generator(np.random.SFC64(seed_sequence(*name))) for name in names
        ]

    def of_images(self, some: slice) -> "ImageRandomness":
        """Return the source of some of the images, which goes on with their streams."""
        part = ImageRandomness(self.xp, [])
        part.generators = self.generators[some]
        return part

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values; `shape` starts with the number of images."""
        values = np.empty((len(self.generators), *shape[1:]), np.float32)

        def draw(image: int) -> None:
            self.generators[image].standard_normal(dtype=np.float32, out=values[image : image + 1])

        for_each(draw, range(len(values)))
        return self.xp.asarray(values)

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values uniform over [0, 1); `shape` starts with the number of images."""
        rows = [g.random(shape[1:], dtype=np.float32) for g in self.generators]
        return self.xp.asarray(np.stack(rows))

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x plus Gaussian noise."""
        return x + self.normal(x.shape) * x.dtype.type(deviation)

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose the values that dropout sets to 0."""
        kept = np.stack([g.random(shape[1:], dtype=np.float32) for g in self.generators]) >= ratio
        return Dropped(self.xp.asarray(np.packbits(by_channel(kept), axis=1)), ratio)


#: A source of random numbers on the device of the network.
Randomness = BatchRandomness | ImageRandomness


def draw_latents(randomness: Randomness, images: int, latent: Latent) -> Any:
    """Draw the generator's input: float32 (images, latent.size)."""
    shape = (images, latent.size)
    if latent.distribution == "normal":
        return randomness.normal(shape)
    return 2 * randomness.uniform(shape) - 1
