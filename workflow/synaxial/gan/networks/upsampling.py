"""The generator's stages: layers that double the width of images."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Upsampling
from synaxial.gan.networks.layers import Convolution, TransposedConvolution
from synaxial.gan.ops.upsampling import (
    bilinear_upsampling,
    depth_to_space,
    nearest_convolution,
)


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


def make_stage(kind: Upsampling, before: int, after: int, deviation: float) -> Any:
    """Make a stage from `before` to `after` channels.

    `deviation` is the standard deviation of the initial weights.
    """
    weights = chainer.initializers.Normal(deviation)
    if kind == "transposed":
        return TransposedConvolution(before, after, ksize=4, stride=2, pad=1, initialW=weights)
    if kind == "sub_pixel":
        return SubPixelConvolution(before, 4 * after, ksize=3, pad=1, initialW=FourAlike(weights))
    link = {"nearest": NearestConvolution, "bilinear": BilinearConvolution}[kind]
    return link(before, after, ksize=3, pad=1, initialW=weights)
