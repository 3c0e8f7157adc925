"""Batch normalisation, activation and dropout after a convolution, as one function.

Each of them alone reads and writes the whole array in memory. Here a block that fits into a core's
cache takes all steps before the next block. The backward pass recomputes the normalised values and
the activation, so that only the input and, for dropout, one bit per value are kept.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.hidden_steps import (
    Part,
    activate,
    activate_block,
    differentiate,
    differentiate_block,
    drop,
    measure_rows,
    through_statistics,
)
from synaxial.gan.ops.layout import by_channel, from_channels
from synaxial.gan.ops.ranks import Ranks, sum_over_ranks

F = chainer.functions

#: Rows and columns of a matrix (channels, values).
Block = tuple[slice, slice]

#: Mean, scale and shift of each channel, each (C,): a layer has (x - mean) scale + shift.
Scaling = tuple[np.ndarray, np.ndarray, np.ndarray]

#: Values of a block: a few arrays of this size fit into a core's cache.
PIECE = 1 << 16


@dataclass(frozen=True)
class Dropped:
    """The values that dropout sets to 0.

    `kept` is uint8 (C, values of a channel / 8, rounded up): one bit per value, 1 if kept. `ratio`
    of the values become 0; the others are divided by 1 - ratio.
    """

    kept: np.ndarray
    ratio: float

    def as_array(self, values: int, dtype: Any) -> np.ndarray:
        """Return the factor of each value: (C, values of a channel)."""
        xp = chainer.backend.get_array_module(self.kept)
        bits = xp.unpackbits(self.kept.ravel()).reshape(len(self.kept), -1)[:, :values]
        factors: np.ndarray = bits.astype(dtype) / (1 - self.ratio)
        return factors


@dataclass(frozen=True)
class Statistics:
    """Mean and variance of each channel, each (C,)."""

    mean: np.ndarray
    variance: np.ndarray


class HiddenLayer(chainer.FunctionNode):
    """From (x, gamma, beta), or from (x,) if it is not `normalised`, to (y,).

    `slope` is that of Leaky ReLU. `fixed` statistics normalise x in place of its own; `epsilon` is
    added to the variance. The x of all `ranks` are normalised as one batch; without them, that of
    this rank alone. `statistics` are those with which x was normalised.
    """

    def __init__(
        self,
        activation: str | None,
        slope: float,
        normalised: bool,
        fixed: Statistics | None,
        epsilon: float,
        dropped: Dropped | None,
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.slope = slope
        self.normalised = normalised
        self.fixed = fixed
        self.epsilon = epsilon
        self.dropped = dropped
        self.ranks = ranks
        self.statistics = fixed

    def forward_cpu(self, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray]:
        """Compute y, (N, C, …)."""
        x = by_channel(inputs[0])
        self.retain_inputs(tuple(range(len(inputs))))
        if self.normalised and self.fixed is None:
            self.statistics = measure(x)
            if self.ranks is not None:
                self.statistics = combine(self.statistics, self.ranks)
        y = np.empty_like(x)
        scaling = self._scaling(x, inputs)
        low = low_of(self.activation, self.slope)
        kept, factor = self._dropping()

        def compute(block: Block) -> None:
            part = bounds_of(block)
            if low is None:
                activate(x, *scaling, 1.0, kept, 0.0, y, part)
                activate_block(y[block], self.activation)
                drop(kept, factor, y, part)
            else:
                activate(x, *scaling, low, kept, factor, y, part)

        for_each(compute, blocks_of(*x.shape))
        return (from_channels(y, inputs[0].shape),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the requested gradients of x, gamma and beta."""
        inputs = self.get_retained_inputs()
        if chainer.config.enable_backprop:
            # The gradient will be differentiated.
            y = self.composed(*inputs)
            wanted = [inputs[index] for index in indexes]
            return chainer.grad([y], wanted, list(gradients), enable_double_backprop=True)
        arrays = self._gradients([v.array for v in inputs], gradients[0].array, 0 in indexes)
        return [chainer.as_variable(arrays[index]) for index in indexes]

    def composed(
        self, x: Any, *scaling: Any, running: Statistics | None = None, decay: float = 0.0
    ) -> Any:
        """Compute y with Chainer's own functions, on any device.

        The `running` statistics become `decay` times themselves plus 1 - `decay` times those of x.
        With `ranks` they stay, and `statistics` has those of the batch.
        """
        y = x
        if self.normalised and self.fixed is None and self.ranks is not None:
            y = self._normalised_over_ranks(self.ranks, x, *scaling)
        elif self.normalised and self.fixed is None:
            mean, variance = (None, None) if running is None else (running.mean, running.variance)
            y = F.batch_normalization(
                y, *scaling, eps=self.epsilon, running_mean=mean, running_var=variance, decay=decay
            )
        elif self.normalised and self.fixed is not None:
            y = F.fixed_batch_normalization(
                y, *scaling, self.fixed.mean, self.fixed.variance, eps=self.epsilon
            )
        if self.activation == "leaky_relu":
            y = F.leaky_relu(y, self.slope)
        elif self.activation is not None:
            y = getattr(F, self.activation)(y)
        if self.dropped is not None:
            values = x.size // x.shape[1]
            y = y * from_channels(self.dropped.as_array(values, x.dtype), x.shape)
        return y

    def _normalised_over_ranks(self, ranks: Ranks, x: Any, gamma: Any, beta: Any) -> Any:
        axes = (0, *range(2, x.ndim))
        values = ranks.size * (x.size // x.shape[1])

        def mean_of(y: Any) -> Any:
            return sum_over_ranks(F.sum(y, axis=axes), ranks) / values

        def spread(row: Any) -> Any:
            return F.broadcast_to(F.reshape(row, (1, -1) + (1,) * (x.ndim - 2)), x.shape)

        mean = mean_of(x)
        centred = x - spread(mean)
        variance = mean_of(centred * centred)
        self.statistics = Statistics(mean.array, variance.array)
        return centred * spread(gamma / F.sqrt(variance + self.epsilon)) + spread(beta)

    def _scaling(self, x: np.ndarray, inputs: Any) -> Scaling:
        if self.statistics is None:
            zeros, ones = np.zeros(len(x), x.dtype), np.ones(len(x), x.dtype)
            return zeros, ones, zeros
        deviation = np.sqrt(self.statistics.variance + x.dtype.type(self.epsilon))
        return self.statistics.mean, inputs[1] / deviation, inputs[2]

    def _dropping(self) -> tuple[np.ndarray, float]:
        """Return the bits of the values that are kept and their factor; 0 without dropout."""
        if self.dropped is None:
            return np.empty((0, 0), np.uint8), 0.0
        return self.dropped.kept, 1 / (1 - self.dropped.ratio)

    def _gradients(self, inputs: list[Any], gy: np.ndarray, of_x: bool) -> list[Any]:
        x, g = by_channel(inputs[0]), by_channel(gy)
        scaling = self._scaling(x, inputs)
        low = low_of(self.activation, self.slope)
        kept, factor = self._dropping()
        gx = np.empty_like(x)
        blocks = blocks_of(*x.shape)
        # One sum a block; they are added in the order of the blocks.
        parts = numbered(blocks)
        summed = len(x) if self.normalised else 0
        sums = np.zeros((2, 1 + max(number for *_, number in parts), summed), x.dtype)

        def through_activation(item: tuple[slice, slice, int]) -> None:
            *block, number = item
            part, sums_of_block = bounds_of(block), (sums[0, number], sums[1, number])
            if low is None:
                # After the smooth one, what is left is linear.
                self._through_smooth(g, x, scaling, gx, (block[0], block[1]))
                differentiate(gx, x, *scaling, 1.0, kept, 0.0, gx, *sums_of_block, part)
            else:
                differentiate(g, x, *scaling, low, kept, factor, gx, *sums_of_block, part)

        for_each(through_activation, parts)
        if self.statistics is None:
            return [from_channels(gx, inputs[0].shape)]
        total, along = sums.sum(axis=1)
        inverse = 1 / np.sqrt(self.statistics.variance + x.dtype.type(self.epsilon))
        if of_x:
            # Mean and variance are functions of x, unless they are fixed.
            share = 0 if self.fixed is not None else 1 / x.shape[1]
            of_all = np.stack([total, along])
            if self.fixed is None and self.ranks is not None:
                of_all, share = self.ranks.sum(of_all), share / self.ranks.size
            slope = (of_all[1] * inverse * inverse * share).astype(x.dtype)
            offset = (of_all[0] * share).astype(x.dtype)

            def through_normalisation(block: Block) -> None:
                through_statistics(gx, x, *scaling[:2], slope, offset, bounds_of(block))

            for_each(through_normalisation, blocks)
        return [from_channels(gx, inputs[0].shape), along * inverse, total]

    def _through_smooth(
        self, g: np.ndarray, x: np.ndarray, scaling: Scaling, gx: np.ndarray, block: Block
    ) -> None:
        """Compute the gradient before dropout and a smooth activation, in a block of gx."""
        kept, factor = self._dropping()
        gx[block] = g[block]
        drop(kept, factor, gx, bounds_of(block))
        z = np.empty_like(x[block])
        mean, scale, shift = (values[block[0]] for values in scaling)
        whole = (0, z.shape[0], 0, z.shape[1])
        activate(x[block], mean, scale, shift, 1.0, kept, 0.0, z, whole)
        differentiate_block(z, self.activation)
        gx[block] *= z


def bounds_of(block: Sequence[slice]) -> Part:
    """Return the first and last row and column of a block."""
    rows, columns = block
    return rows.start, rows.stop, columns.start, columns.stop


def low_of(activation: str | None, slope: float) -> float | None:
    """Return the factor of an activation for negative values; None if it is smooth."""
    return {None: 1.0, "relu": 0.0, "leaky_relu": slope}.get(activation)


def measure(x: np.ndarray) -> Statistics:
    """Return the mean and the (biased) variance of each row of (C, values)."""
    mean, variance = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    for_each(
        lambda rows: measure_rows(x[rows], mean[rows], variance[rows]),
        cut(len(x), PIECE // x.shape[1]),
    )
    return Statistics(mean, variance)


def combine(own: Statistics, ranks: Ranks) -> Statistics:
    """Return the statistics of the values of all ranks, each of which has the same number."""
    # From the ranks' variances and in float64, so that no large sums are subtracted.
    gathered = ranks.gather(np.stack([own.mean, own.variance])).astype(np.float64)
    mean = gathered[:, 0].mean(axis=0)
    variance = (gathered[:, 1] + (gathered[:, 0] - mean) ** 2).mean(axis=0)
    return Statistics(mean.astype(own.mean.dtype), variance.astype(own.mean.dtype))


def blocks_of(channels: int, values: int) -> list[Block]:
    """Cut (channels, values) into blocks of a few rows, or of a part of one row.

    Parts of a row start at a multiple of eight values, as the bytes of dropout's bits do.
    """
    if values <= PIECE:
        return [(rows, slice(0, values)) for rows in cut(channels, PIECE // values)]
    columns = [
        slice(8 * part.start, min(8 * part.stop, values))
        for part in cut(-(-values // 8), PIECE // 8)
    ]
    return [(slice(c, c + 1), part) for c in range(channels) for part in columns]


def numbered(blocks: list[Block]) -> list[tuple[slice, slice, int]]:
    """Return the blocks with their number within their row."""
    return [
        (*block, number)
        for _, row in itertools.groupby(blocks, key=lambda block: block[0].start)
        for number, block in enumerate(row)
    ]
