"""Channels multiplied by a factor for each image, differentiable any number of times.

    y = modulate(x, f)         gx = modulate(gy, f)       gf = correlate_channels(gy, x)
    f = correlate_channels(x, y)   gx = modulate(y, gf)   gy = modulate(x, gf)

On a GPU, Chainer's own functions are used instead.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.functions import apply
from synaxial.gan.ops.layout import images_first, images_last, on_cpu

#: Values of a block of channels that one core works on.
BLOCK = 1 << 16


def modulate(x: Any, factors: Any) -> Any:
    """Multiply each channel of x, (N, C, H, W) in any memory layout, by its factor, (N, C)."""
    if not on_cpu(x):
        return x * factors[:, :, None, None]
    return apply(Modulation(), x, factors)


class Modulation(chainer.FunctionNode):
    """From x, (N, C, H, W), and factors, (N, C), to their product."""

    def forward_cpu(self, inputs: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray]:
        """Compute the product."""
        self.retain_inputs((0, 1))
        x, factors = (images_last(array) for array in inputs)
        y = np.empty_like(x)
        for_each(
            lambda some: multiply(x[some], factors[some], y[some]),
            cut(len(x), BLOCK // x[0].size),
        )
        return (images_first(y),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of x and the factors, as far as they are requested."""
        x, factors = self.get_retained_inputs()
        (gy,) = gradients
        parts = {
            0: lambda: Modulation().apply((gy, factors))[0],
            1: lambda: ChannelCorrelation().apply((gy, x))[0],
        }
        return [parts[index]() for index in indexes]


class ChannelCorrelation(chainer.FunctionNode):
    """From x and y, both (N, C, H, W), to the sums of their products over the pixels, (N, C)."""

    def forward_cpu(self, inputs: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray]:
        """Compute the sums."""
        self.retain_inputs((0, 1))
        x, y = (images_last(array) for array in inputs)
        sums = np.empty((len(x), x.shape[3]), x.dtype)
        for_each(
            lambda some: add_products(x[some], y[some], sums[some]),
            cut(len(x), BLOCK // x[0].size),
        )
        return (images_first(sums),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the gradients of x and y, as far as they are requested."""
        x, y = self.get_retained_inputs()
        (gsums,) = gradients
        parts = {
            0: lambda: Modulation().apply((y, gsums))[0],
            1: lambda: Modulation().apply((x, gsums))[0],
        }
        return [parts[index]() for index in indexes]


@compiled
def multiply(x: np.ndarray, factors: np.ndarray, y: np.ndarray) -> None:
    """Compute y = x times factors, with x and y (C, H, W, N) and factors (C, N)."""
    channels, images = factors.shape
    for c in range(channels):
        source, target = x[c].reshape(-1, images), y[c].reshape(-1, images)
        of_channel = factors[c]
        for p in range(len(source)):
            for n in range(np.uintp(images)):
                target[p, n] = source[p, n] * of_channel[n]


@compiled
def add_products(x: np.ndarray, y: np.ndarray, sums: np.ndarray) -> None:
    """Compute the sums over the pixels of x times y, both (C, H, W, N), (C, N)."""
    channels, images = sums.shape
    for c in range(channels):
        left, right = x[c].reshape(-1, images), y[c].reshape(-1, images)
        of_channel = sums[c]
        of_channel[:] = 0
        for p in range(len(left)):
            for n in range(np.uintp(images)):
                of_channel[n] += left[p, n] * right[p, n]
