"""The generator: from latents to images."""

import itertools
from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.gan.networks.layers import BatchNormalization, TransposedConvolution, hidden
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.networks.upsampling import make_stage

F = chainer.functions
L = chainer.links

#: Width of the image after the fully connected layer, in pixels (the paper's table).
FIRST_WIDTH = 4


class Generator(chainer.Chain):
    """A fully connected layer, stages that double the width, and a 3 x 3 convolution.

    By default the paper's network, whose convolutions are all transposed ones; see
    `configuration.model.Generator` for what can differ.

    Parameters
    ----------
    settings
        Sizes, up-sampling, activations and dropout.
    latent_size
        Length of a latent.
    initial_deviation
        Standard deviation of the initial weights.
    """

    def __init__(
        self, settings: GeneratorSettings, latent_size: int, initial_deviation: float = 0.02
    ) -> None:
        super().__init__()
        self.settings = settings
        channels = settings.channels
        weights = {"initialW": chainer.initializers.Normal(initial_deviation)}
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
                # Every layer but the one that ends in the output activation.
                normalised = channels[1:] if settings.last_layer else channels[1:-1]
                self.normalizations = chainer.ChainList(
                    BatchNormalization(channels[0] * FIRST_WIDTH**2),
                    *(BatchNormalization(size) for size in normalised),
                )

    @property
    def output_range(self) -> tuple[float, float]:
        """The smallest and largest value of an image, which real images are scaled to."""
        return (-1.0, 1.0) if self.settings.output_activation == "tanh" else (0.0, 1.0)

    def forward(self, latents: Any, randomness: Randomness | None = None) -> Any:
        """Make images.

        Parameters
        ----------
        latents
            float32 of shape (N, latent size).
        randomness
            Where dropout's masks come from; without it nothing is dropped.

        Returns
        -------
        Variable
            float32 of shape (N, channels, width, width), within `output_range`.
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
