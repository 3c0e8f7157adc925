"""The discriminator, or critic: from images to scores. By default the paper's network."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Discriminator as DiscriminatorSettings
from synaxial.gan.networks.layers import BatchNormalization, Convolution, add_noise, hidden
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.ops.resampling import blur

F = chainer.functions
L = chainer.links

#: Stride of a convolution by its kernel width; both are padded by 1 (the paper's table).
STRIDES = {4: 2, 3: 1}

#: Images in a group of the minibatch's deviation (Karras et al., 2018 and 2020).
GROUP = 4

#: Added to the variance, so that its root has a gradient if all images are equal.
EPSILON = 1e-8


class Discriminator(chainer.Chain):
    """Convolutions of stride 2 and 1, then a fully connected layer with one output.

    `initial_deviation` is the standard deviation of the initial weights.
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
                    Convolution(before, after, kernel, STRIDES[kernel], pad=1, **weights)
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
        """Score images, float32 (N, channels, width, width): float32 (N,), larger for real ones.

        Without `randomness` there is no noise on the inputs of the layers.
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
        """Return a convolution's input, blurred and with the deviation, before the noise.

        A blur would weaken the noise, and noise would hide from `with_deviation` that images are
        alike.
        """
        settings = self.settings
        if settings.blur and STRIDES[settings.kernels[depth]] == 2:
            h = blur(h)
        if settings.minibatch_deviation and depth == len(settings.kernels) - 1:
            h = with_deviation(h)
        return h


def with_deviation(x: Any, batches: int = 1) -> Any:
    """Append the minibatch's deviation as a channel: from (N, C, H, W) to (N, C + 1, H, W).

    It is the mean of the standard deviations of all values over a group of images (Karras et al.,
    2018). If N is a multiple of 4, images i, i + N / 4, … are a group of four, as in StyleGAN2;
    otherwise the batch is one group. One image has the deviation 0. Each rank's part is a batch of
    its own. x may be several `batches` of N images, one after the other.
    """
    total, _, height, width = x.shape
    images = total // batches
    if images == 1:
        xp = chainer.backend.get_array_module(x)
        return F.concat([x, xp.zeros((total, 1, height, width), x.dtype)], axis=1)
    size = GROUP if images % GROUP == 0 else images
    members = F.reshape(x, (batches, size, images // size, -1))
    mean = F.mean(members, axis=1, keepdims=True)
    centred = members - F.broadcast_to(mean, members.shape)
    variance = F.mean(centred * centred, axis=1, keepdims=True)
    of_groups = F.mean(F.sqrt(variance + EPSILON), axis=3, keepdims=True)
    of_images = F.reshape(F.tile(of_groups, (1, size, 1, 1)), (total, 1, 1, 1))
    return F.concat([x, F.broadcast_to(of_images, (total, 1, height, width))], axis=1)
