"""The generator: from latents to images. By default the paper's network."""

import itertools
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.gan.networks.layers import (
    BatchNormalization,
    TransposedConvolution,
    hidden,
    make_stage,
    normal_weights,
)
from synaxial.gan.networks.randomness import Randomness

F = chainer.functions
L = chainer.links

#: Width of the image after the fully connected layer, in pixels (the paper's table).
FIRST_WIDTH = 4


class Generator(chainer.Chain):
    """A fully connected layer, stages that double the width, and a 3 x 3 convolution.

    `initial_deviation` is the standard deviation of the initial weights; with 0 they are 0.
    """

    #: Without random numbers there is only no dropout.
    needs_randomness = False
    #: On the CPU, threads share its layers.
    small_layers = False

    def __init__(
        self, settings: GeneratorSettings, latent_size: int, initial_deviation: float = 0.02
    ) -> None:
        super().__init__()
        self.settings = settings
        channels = settings.channels
        weights = {"initialW": normal_weights(initial_deviation)}
        with self.init_scope():
            self.connected = L.Linear(latent_size, channels[0] * FIRST_WIDTH**2, **weights)
            self.convolutions = chainer.ChainList(
                *(
                    make_stage(kind, before, after, initial_deviation)
                    for kind, (before, after) in zip(
                        settings.upsampling_of_stages, itertools.pairwise(channels), strict=True
                    )
                )
            )
            if settings.last_layer:
                self.last = TransposedConvolution(
                    channels[-1], channels[-1], ksize=3, stride=1, pad=1, **weights
                )
            if settings.batch_normalization:
                # All layers except the last, which ends in the output activation.
                normalised = channels[1:] if settings.last_layer else channels[1:-1]
                self.normalizations = chainer.ChainList(
                    BatchNormalization(channels[0] * FIRST_WIDTH**2),
                    *(BatchNormalization(size) for size in normalised),
                )

    @property
    def batch_normalization(self) -> bool:
        """Whether the images of a batch are normalised together."""
        return self.settings.batch_normalization

    @property
    def output_range(self) -> tuple[float, float]:
        """The smallest and largest value of an image; real images are scaled to it."""
        return (-1.0, 1.0) if self.settings.output_activation == "tanh" else (0.0, 1.0)

    def forward(self, latents: Any, randomness: Randomness | None = None) -> Any:
        """Make images within `output_range`: float32 (N, channels, width, width).

        `latents` are float32 (N, latent size). Without `randomness` there is no dropout.
        """
        layers = [self.connected, *self.convolutions]
        if self.settings.last_layer:
            layers.append(self.last)
        h = latents
        for depth, layer in enumerate(layers[:-1]):
            h = self._hidden(depth, layer(h), randomness)
            if depth == 0:
                h = F.reshape(h, (len(h), -1, FIRST_WIDTH, FIRST_WIDTH))
        settings = self.settings
        return hidden(layers[-1](h), None, settings.output_activation, settings.slope)

    def _hidden(self, depth: int, h: Any, randomness: Randomness | None) -> Any:
        settings = self.settings
        normalization = self.normalizations[depth] if settings.batch_normalization else None
        return hidden(
            h, normalization, settings.activation, settings.slope, settings.dropout, randomness
        )


def generate_images(
    generator: Any,
    latents: Any,
    randomness: Randomness | None = None,
    by_batch: bool = False,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Make 8-bit images, (N, width, width, channels) on the host; the generator is not changed.

    The latents are float32 (N, latent size), on the generator's device. Without `randomness` there
    is no dropout. With `by_batch`, batch normalisation uses the statistics of these N images, else
    the generator's running statistics: then an image does not depend on the others. 0 and 255 are
    the ends of `output_range`. `labels` are what is asked of a generator with conditions.
    """
    # A copy, because normalising by the batch changes the running statistics.
    by_batch = by_batch and generator.batch_normalization
    network = generator.copy(mode="copy") if by_batch else generator
    with chainer.using_config("train", by_batch), chainer.no_backprop_mode():
        asked = () if labels is None else (labels,)
        images = chainer.backends.cuda.to_cpu(network(latents, randomness, *asked).array)
    low, high = generator.output_range
    grey = np.clip(np.rint((images - low) * (255 / (high - low))), 0, 255)
    # Previews of a training that diverges may have NaN: they become black.
    pixels: np.ndarray = np.nan_to_num(grey).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)
