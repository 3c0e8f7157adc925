"""Gaussian noise, made and added in one pass."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.layout import images_first, images_last

#: Values of one stream of random numbers.
STREAM = 1 << 17
#: Values made at a time; they fit into a core's cache.
PIECE = 1 << 16


class AddNoise(chainer.FunctionNode):
    """From (x,) to (x + noise,), with a standard deviation of the noise.

    `streams` is a function: from k to the bit generator of stream k.
    """

    def __init__(self, deviation: float, streams: Any) -> None:
        super().__init__()
        self.deviation = deviation
        self.streams = streams

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Compute x + noise."""
        x = images_last(inputs[0])
        y = np.empty_like(x)
        values, result = x.reshape(-1), y.reshape(-1)

        def add(item: tuple[int, slice]) -> None:
            number, part = item
            bits = self.streams(number)
            for piece in cut(part.stop - part.start, PIECE):
                some = slice(part.start + piece.start, part.start + piece.stop)
                normal = gaussian(bits, some.stop - some.start)
                add_scaled(values[some], normal, self.deviation, result[some])

        for_each(add, list(enumerate(cut(x.size, STREAM))))
        return (images_first(y),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> tuple[Any]:
        """Return the gradient unchanged."""
        return gradients


@compiled
def add_scaled(x: np.ndarray, y: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Compute x + factor y."""
    scale = x.dtype.type(factor)
    for k in range(len(x)):
        out[k] = x[k] + scale * y[k]


def gaussian(bits: np.random.BitGenerator, count: int) -> np.ndarray:
    """Draw standard normal values: float32 (count,).

    By the method of Box and Muller (1958) on whole arrays: each pair of values is a radius and an
    angle, from 32 random bits each. NumPy's own method, one value at a time, takes three to four
    times as long.
    """
    pairs = -(-count // 2)
    # Not `random_raw`, which holds Python's lock.
    whole = np.random.Generator(bits).integers(0, 2**64 - 1, pairs, dtype=np.uint64, endpoint=True)
    uniform = whole.view(np.uint32)
    normal = np.empty(2 * pairs, np.float32)
    radius, angle = normal[:pairs], normal[pairs:]
    # From 2^-33 to 1, never 0: its logarithm is infinite.
    unsafe: dict[str, Any] = {"dtype": np.float32, "casting": "unsafe"}
    np.multiply(uniform[:pairs], np.float32(2.0**-32), out=radius, **unsafe)
    radius += np.float32(2.0**-33)
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    np.sqrt(radius, out=radius)
    np.multiply(uniform[pairs:], np.float32(2 * np.pi * 2.0**-32), out=angle, **unsafe)
    cosine = np.cos(angle)
    np.sin(angle, out=angle)
    angle *= radius
    radius *= cosine
    return normal[:count]
