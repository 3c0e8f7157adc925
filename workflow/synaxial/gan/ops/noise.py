"""Gaussian noise, made and added in one pass."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each, scratch
from synaxial.gan.ops.layout import images_first, images_last

#: Values of one stream of random numbers.
STREAM = 1 << 17
#: Values made at a time; they fit into a core's cache.
PIECE = 1 << 16


class AddNoise(chainer.FunctionNode):
    """From (x,) to (x + noise,), with a standard deviation of the noise.

    `streams` is a function: from k to the bit generator of stream k, an SFC64.
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
            state = state_of(self.streams(number))
            for piece in cut(part.stop - part.start, PIECE):
                some = slice(part.start + piece.start, part.start + piece.stop)
                normal = gaussian(state, some.stop - some.start)
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


def state_of(bits: np.random.SFC64) -> np.ndarray:
    """Return the state of a bit generator: three words and a counter, uint64 (4,)."""
    state: np.ndarray = bits.state["state"]["state"]
    return state


def gaussian(state: np.ndarray, count: int) -> np.ndarray:
    """Draw standard normal values: float32 (count,). The state goes on.

    By the method of Box and Muller (1958) on whole arrays: each pair of values is a radius and an
    angle, from 32 random bits each. NumPy's own method, one value at a time, takes four times as
    long. Logarithm, sine and cosine are NumPy's functions of whole arrays, which use the
    processor's vectors. All else is in compiled loops, because each call from Python takes its
    lock, and threads wait for it.
    """
    pairs = -(-count // 2)
    normal = np.empty(2 * pairs, np.float32)
    cosine = scratch(normal.dtype, pairs)
    radius, angle = normal[:pairs], normal[pairs:]
    draw_uniform(state, radius, angle)
    np.log(radius, out=radius)
    np.cos(angle, out=cosine)
    np.sin(angle, out=angle)
    to_plane(radius, angle, cosine)
    return normal[:count]


@compiled
def draw_uniform(state: np.ndarray, radius: np.ndarray, angle: np.ndarray) -> None:
    """Draw uniform values: radii over (0, 1], then angles over 0 … 2 pi.

    Each has 32 bits of SFC64 (Doty-Humphrey, PractRand), the lower half of a word first.
    """
    a, b, c, counter = state
    pairs, word = len(radius), np.uint64(0)
    for k in range(2 * pairs):
        if k % 2:
            word >>= np.uint64(32)
        else:
            word = a + b + counter
            counter += np.uint64(1)
            a = b ^ (b >> np.uint64(11))
            b = c + (c << np.uint64(3))
            c = ((c << np.uint64(24)) | (c >> np.uint64(40))) + word
        uniform = np.float32(np.uint32(word))
        if k < pairs:
            # From 2^-33 to 1, never 0: its logarithm is infinite.
            radius[k] = uniform * np.float32(2.0**-32) + np.float32(2.0**-33)
        else:
            angle[k - pairs] = uniform * np.float32(2 * np.pi * 2.0**-32)
    state[0], state[1], state[2], state[3] = a, b, c, counter


@compiled
def to_plane(radius: np.ndarray, sine: np.ndarray, cosine: np.ndarray) -> None:
    """Turn logarithms, sines and cosines into pairs of normal values, in `radius` and `sine`."""
    for k in range(len(radius)):
        r = np.sqrt(np.float32(-2) * radius[k])
        radius[k] = r * cosine[k]
        sine[k] *= r
