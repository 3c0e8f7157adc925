"""The discriminator (with a Wasserstein or hinge loss, the critic): from images to scores."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Discriminator as DiscriminatorSettings
from synaxial.gan.networks.layers import BatchNormalization, Convolution, add_noise, hidden
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.ops.blur import blur
from synaxial.gan.ops.deviation import with_deviation

F = chainer.functions
L = chainer.links

#: Stride of a convolution by its kernel width; both are padded by 1 (the paper's table).
STRIDES = {4: 2, 3: 1}


class Discriminator(chainer.Chain):
    """Convolutions of stride 2 and 1, then a fully connected layer with one output.

    By default the paper's network; see `configuration.model.Discriminator` for what can differ.

    Parameters
    ----------
    settings
        Sizes, activations, noise, normalisation, smoothing and the channel of deviation.
    image_channels
        Channels of an image.
    image_width
        Width and height of an image, in pixels.
    initial_deviation
        Standard deviation of the initial weights.
    """

    def __init__(
        self,
        settings: DiscriminatorSettings,
        image_channels: int = 3,
        image_width: int = 256,
        initial_deviation: float = 0.02,
    ) -> None:
        super().__init__()
        self.settings = settings
        channels = [image_channels, *settings.channels]
        inputs = channels[:-1]
        if settings.minibatch_deviation:
            inputs[-1] += 1
        weights = {"initialW": chainer.initializers.Normal(initial_deviation)}
        last_width = image_width // 2 ** settings.kernels.count(4)
        with self.init_scope():
            self.convolutions = chainer.ChainList(
                *(
                    Convolution(
                        before, after, ksize=kernel, stride=STRIDES[kernel], pad=1, **weights
                    )
                    for before, after, kernel in zip(
                        inputs, channels[1:], settings.kernels, strict=True
                    )
                )
            )
            self.connected = L.Linear(channels[-1] * last_width**2, 1, **weights)
            if settings.batch_normalization:
                self.normalizations = chainer.ChainList(
                    *(BatchNormalization(size) for size in channels[2:])
                )
        if settings.spectral_normalization:
            for layer in [*self.convolutions, self.connected]:
                layer.add_hook(chainer.link_hooks.SpectralNormalization())

    def forward(self, images: Any, randomness: Randomness | None = None) -> Any:
        """Score images.

        Parameters
        ----------
        images
            float32 of shape (N, image channels, image width, image width).
        randomness
            Where the noise on every layer's input comes from; without it there is none.

        Returns
        -------
        Variable
            float32 of shape (N,): no bounds, larger for what looks real.
        """
        h = images
        for depth, layer in enumerate(self.convolutions):
            h = layer(add_noise(self._input(depth, h), self.settings.noise, randomness))
            normalised = self.settings.batch_normalization and depth > 0
            last = depth == len(self.convolutions) - 1
            h = hidden(
                h,
                self.normalizations[depth - 1] if normalised else None,
                self.settings.last_activation if last else self.settings.activation,
                self.settings.slope,
            )
        scores = self.connected(add_noise(h, self.settings.noise, randomness))
        return F.reshape(scores, (len(scores),))

    def _input(self, depth: int, h: Any) -> Any:
        """Return what a convolution sees of what is before it, but for the noise.

        The noise comes after: smoothed it would have less than its deviation, and it would hide
        from `with_deviation` that images are alike.
        """
        settings = self.settings
        if settings.blur and STRIDES[settings.kernels[depth]] == 2:
            h = blur(h)
        if settings.minibatch_deviation and depth == len(settings.kernels) - 1:
            h = with_deviation(h)
        return h
