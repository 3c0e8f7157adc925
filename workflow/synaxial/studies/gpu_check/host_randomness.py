"""Random numbers that are the same on every device: NumPy makes them, then they are copied."""

from typing import Any

import numpy as np

from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.ops.hidden import Dropped


class HostRandomness:
    """The random numbers of `BatchRandomness` on the CPU, for networks on any device.

    A training draws its numbers on its device, where they differ. With these, a GPU and the CPU
    compute the same iterations, noise and dropout included.
    """

    def __init__(self, xp: Any, *name: int) -> None:
        self.xp = xp
        self.host = BatchRandomness(np, *name)

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal values, float32."""
        return self.xp.asarray(self.host.normal(shape))

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return values uniform over [0, 1), float32."""
        return self.xp.asarray(self.host.uniform(shape))

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x, (N, C, …), plus Gaussian noise with a standard deviation."""
        return x + self.normal(x.shape) * x.dtype.type(deviation)

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose the values that dropout sets to 0, of an array (N, C, …)."""
        return Dropped(self.xp.asarray(self.host.dropped(shape, ratio).kept), ratio)
