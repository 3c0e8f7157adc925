"""The layers of both networks: Chainer's links, computed by our functions."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Upsampling
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.ops.convolution import convolution, transposed_convolution
from synaxial.gan.ops.functions import apply
from synaxial.gan.ops.hidden import Dropped, HiddenLayer, Statistics
from synaxial.gan.ops.layout import on_cpu
from synaxial.gan.ops.ranks import ranks_of_batch
from synaxial.gan.ops.resampling import bilinear_upsampling, depth_to_space, nearest_convolution


class Convolution(chainer.links.Convolution2D):
    """A convolution with square kernels, without dilation or groups."""

    def forward(self, x: Any) -> Any:
        """Convolve (N, C, H, W)."""
        return convolution(x, self.W, self.b, self.stride[0], self.pad[0])


class TransposedConvolution(chainer.links.Deconvolution2D):
    """A transposed convolution with square kernels, without dilation or groups."""

    def forward(self, x: Any) -> Any:
        """Convolve (N, C, H, W) with the transpose."""
        return transposed_convolution(x, self.W, self.b, self.stride[0], self.pad[0])


class NearestConvolution(Convolution):
    """Repeats pixels, then convolves (Odena et al., 2016)."""

    def forward(self, x: Any) -> Any:
        """From (N, C, H, W) to (N, O, 2 H, 2 W)."""
        return nearest_convolution(x, self.W, self.b)


class BilinearConvolution(Convolution):
    """Enlarges bilinearly, then convolves (Odena et al., 2016)."""

    def forward(self, x: Any) -> Any:
        """From (N, C, H, W) to (N, O, 2 H, 2 W)."""
        return super().forward(bilinear_upsampling(x))


class SubPixelConvolution(Convolution):
    """Convolves to four times the channels, which become the pixels (Shi et al., 2016)."""

    def forward(self, x: Any) -> Any:
        """From (N, C, H, W) to (N, O, 2 H, 2 W), where W is (4 O, C, 3, 3)."""
        return depth_to_space(super().forward(x))


class FourAlike(chainer.initializer.Initializer):
    """Initial weights, (4 O, C, 3, 3), with four equal filters of each output channel.

    All four pixels that they make are equal at first, so that there is no grid at the start
    ("ICNR"; Aitken et al., 2017). `initializer` is that of one filter.
    """

    def __init__(self, initializer: Any) -> None:
        super().__init__()
        self.initializer = initializer

    def __call__(self, array: Any) -> None:
        """Fill an array."""
        quarters = array.reshape(4, -1, *array.shape[1:])
        self.initializer(quarters[0])
        quarters[1:] = quarters[0]


def normal_weights(deviation: float) -> Any:
    """Return an initialiser of weights: normal ones, or zeros without a deviation.

    A network that will be filled from a file needs no random weights, which take long to draw.
    """
    initializers = chainer.initializers
    return initializers.Normal(deviation) if deviation > 0 else initializers.Zero()


def make_stage(kind: Upsampling, before: int, after: int, deviation: float) -> Any:
    """Make a stage of the generator, which doubles the width, with weights of this deviation."""
    weights = normal_weights(deviation)
    if kind == "transposed":
        return TransposedConvolution(before, after, ksize=4, stride=2, pad=1, initialW=weights)
    if kind == "sub_pixel":
        return SubPixelConvolution(before, 4 * after, ksize=3, pad=1, initialW=FourAlike(weights))
    link = {"nearest": NearestConvolution, "bilinear": BilinearConvolution}[kind]
    return link(before, after, ksize=3, pad=1, initialW=weights)


class BatchNormalization(chainer.links.BatchNormalization):
    """Batch normalisation, computed together with the activation and dropout after it.

    In training it normalises by the statistics of the batch and updates the running statistics;
    otherwise it normalises by these. Within `one_batch` the batch is that of all ranks.
    """

    def forward(self, x: Any, activation: str, slope: float, dropped: Dropped | None) -> Any:
        """Normalise (N, C, …), then apply an activation and dropout."""
        inputs = (x, self.gamma, self.beta)
        running = Statistics(self.avg_mean, self.avg_var)
        fixed = None if chainer.config.train else running
        ranks = ranks_of_batch() if chainer.config.train else None
        layer = HiddenLayer(activation, slope, True, fixed, self.eps, dropped, ranks)
        if on_cpu(x):
            y = apply(layer, *inputs)
        else:
            y = layer.composed(*inputs, running=running, decay=self.decay)
            if ranks is None:
                # Chainer's function has updated the running statistics.
                return y
        if fixed is None and layer.statistics is not None:
            shares = 1 if ranks is None else ranks.size
            self.remember(layer.statistics, shares * (x.size // x.shape[1]))
        return y

    def remember(self, statistics: Statistics, values: int) -> None:
        """Update the running statistics with those of a batch, as Chainer's function does."""
        self.avg_mean *= self.decay
        self.avg_mean += (1 - self.decay) * statistics.mean
        # The unbiased variance.
        adjusted = values / max(values - 1, 1)
        self.avg_var *= self.decay
        self.avg_var += (1 - self.decay) * adjusted * statistics.variance


def hidden(
    x: Any,
    normalization: BatchNormalization | None,
    activation: str,
    slope: float,
    dropout: float = 0.0,
    randomness: Randomness | None = None,
) -> Any:
    """Apply batch normalisation, an activation and dropout to x, (N, C, …).

    `dropout` is the share of the values that become 0 (Srivastava et al., 2014); the others are
    divided by 1 - share. Without `randomness` there is no dropout.
    """
    dropped = None
    if randomness is not None and dropout > 0:
        dropped = randomness.dropped(x.shape, dropout)
    if normalization is not None:
        return normalization(x, activation, slope, dropped)
    layer = HiddenLayer(activation, slope, False, None, 0.0, dropped)
    return apply(layer, x) if on_cpu(x) else layer.composed(x)


def add_noise(x: Any, deviation: float, randomness: Randomness | None) -> Any:
    """Add Gaussian noise with a standard deviation; without `randomness` return `x`."""
    if randomness is None or deviation == 0:
        return x
    return randomness.noisy(x, deviation)


def running_values(network: Any) -> list[tuple[str, Any]]:
    """Return the float arrays of a network beside its parameters, by path, in order.

    They are the running statistics of batch normalisation, the vectors of spectral normalisation,
    and the details that an up-sampler knows, which no training changes.
    """
    arrays = {
        f"{path}/{name}": link.__dict__[name]
        for path, link in network.namedlinks()
        for name in link._persistent
    }
    # A counter is a Python number, and is not averaged.
    return sorted((n, a) for n, a in arrays.items() if getattr(a, "dtype", None) == np.float32)
