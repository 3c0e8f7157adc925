"""The networks of the coarse stage: a generator and a critic that grow with the training.

Both are those of Karras et al., 2018 ("Progressive Growing of GANs"), with the changes that their
docstrings name. They start at a small width, where an image costs a fraction, and get one stage
more at a time, which is faded in.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Coarse
from synaxial.data.dataset.labels import LABEL
from synaxial.gan.networks.conditions import KNOWN, UNUSED, Conditions, known_labels, used
from synaxial.gan.networks.discriminator import with_deviation
from synaxial.gan.networks.generator import FIRST_WIDTH
from synaxial.gan.networks.randomness import AVERAGE, ImageRandomness, Randomness
from synaxial.gan.ops.convolution import convolution
from synaxial.gan.ops.modulation import modulate
from synaxial.gan.ops.pixel_normalization import pixel_normalization
from synaxial.gan.ops.pooling import average_pooling
from synaxial.gan.ops.rectification import rectified, rectified_pooling
from synaxial.gan.ops.resampling import bilinear_upsampling

F = chainer.functions

#: Leaky ReLU's slope for negative values (Karras et al., 2018), and the gain that keeps the
#: variance of what passes through it.
SLOPE, GAIN = 0.2, math.sqrt(2)

#: Latents over which a truncation averages.
AVERAGED = 512


@dataclass(frozen=True)
class Growth:
    """The width of the images of an iteration, and the share of its newest stage in them.

    At a share below 1 an image is a mixture with the enlarged image of the stage before.
    """

    width: int
    share: float = 1.0


class EqualizedConvolution(chainer.Chain):
    """A convolution whose weights all have the same scale (Karras et al., 2018).

    The weights start as standard normal numbers and are multiplied by `gain` / sqrt(inputs) when
    they are used. So Adam, whose steps do not depend on the scale of a gradient, changes the
    weights of all layers at the same relative rate.
    """

    def __init__(
        self, before: int, after: int, width: int, gain: float = GAIN, stride: int = 1
    ) -> None:
        super().__init__()
        self.scale = gain / math.sqrt(before * width**2)
        self.stride = stride
        self.pad = (width - stride + 1) // 2
        with self.init_scope():
            self.W = chainer.Parameter(
                chainer.initializers.Normal(1.0), (after, before, width, width)
            )
            self.b = chainer.Parameter(0, (after,))

    def forward(self, x: Any) -> Any:
        """Convolve (N, C, H, W)."""
        return convolution(x, self.W, self.b, self.stride, self.pad, self.scale)


class EqualizedLinear(chainer.Chain):
    """A fully connected layer with weights as in `EqualizedConvolution`."""

    def __init__(self, before: int, after: int, gain: float = GAIN) -> None:
        super().__init__()
        self.scale = gain / math.sqrt(before)
        with self.init_scope():
            self.W = chainer.Parameter(chainer.initializers.Normal(1.0), (after, before))
            self.b = chainer.Parameter(0, (after,))

    def forward(self, x: Any) -> Any:
        """From (N, inputs) to (N, outputs)."""
        # Mostly there are fewer inputs than weights to multiply.
        return F.linear(x * self.scale, self.W, self.b)


class NormalizedConvolution(chainer.Chain):
    """A modulated, equalised 3 x 3 convolution, noise, Leaky ReLU and pixel normalisation.

    The modulation is one factor for each image and input channel, which a linear layer makes of the
    style, float32 (N, `style`). With the normalisation that follows, it decides which channels an
    image uses, as in StyleGAN2 (Karras et al., 2020). The noise is one number for each pixel, times
    a strength for each channel that is learned and starts at 0 (StyleGAN; Karras et al., 2019).
    """

    def __init__(self, before: int, after: int, style: int, noise: bool) -> None:
        super().__init__()
        self.noise = noise
        with self.init_scope():
            self.convolution = EqualizedConvolution(before, after, 3)
            self.modulation = EqualizedLinear(style, before, 1.0)
            if noise:
                self.strengths = chainer.Parameter(0, (after,))

    def forward(
        self, x: Any, style: Any, randomness: Randomness | None = None, enlarge: bool = False
    ) -> Any:
        """Convolve (N, C, H, W); with `enlarge`, then double the width, bilinearly.

        At the smaller width the convolution takes a quarter of the time. Without `randomness` there
        is no noise.
        """
        factors = 1 + self.modulation(style)
        y = self.convolution(modulate(x, factors))
        if enlarge:
            y = bilinear_upsampling(y)
        if not self.noise or randomness is None:
            return pixel_normalization(y, None, None, SLOPE)
        noise = randomness.normal((len(y), 1, *y.shape[2:]))
        return pixel_normalization(y, self.strengths, noise, SLOPE)


class CoarseGenerator(chainer.Chain):
    """A fully connected layer, then stages that double the width, of two convolutions each.

    Two more fully connected layers make a style of the latent, which modulates the convolutions.
    Every stage has a 1 x 1 convolution to images. With `background`, it has one channel more: the
    image is texture times the probability of brain, so that the background can be exactly black.
    The second of two `image_channels` is the tumour mask, a probability as well.

    With a `truncation` below 1, the first pixels and the styles are moved towards their average. So
    images are more typical, and vary less (Karras et al., 2019, "A Style-Based Generator
    Architecture for Generative Adversarial Networks").

    With `conditions`, what is asked of an image is an input beside its latent. `known` are labels
    of the training, float32 (KNOWN, LABEL), of which one is drawn for an image with none.
    See `known_labels`.
    """

    #: No image depends on the others of its batch.
    batch_normalization = False
    #: The noise of its layers is a part of every image.
    needs_randomness = True
    #: On the CPU, its layers take too little time to be shared by threads.
    small_layers = True

    def __init__(
        self,
        settings: Coarse,
        latent_size: int,
        image_channels: int,
        conditions: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.settings = settings
        self.masks = image_channels > 1
        self.condition_names = tuple(conditions)
        channels = settings.channels
        inputs = latent_size + Conditions(self.condition_names).features
        outputs = image_channels + settings.background
        #: The image's width, and the share of the newest stage; the training sets it.
        self.growth = Growth(settings.width)
        #: The share of their distance from the average that first pixels and styles keep; sampling
        #: sets it.
        self.truncation = 1.0
        style, noise = settings.style, settings.noise
        with self.init_scope():
            self.mapping = chainer.ChainList(
                *(EqualizedLinear(before, style) for before in (inputs, style))
            )
            self.connected = EqualizedLinear(inputs, channels[0] * FIRST_WIDTH**2)
            self.first = NormalizedConvolution(channels[0], channels[0], style, noise)
            self.stages = chainer.ChainList(
                *(
                    chainer.ChainList(
                        NormalizedConvolution(before, after, style, noise),
                        NormalizedConvolution(after, after, style, noise),
                    )
                    for before, after in itertools.pairwise(channels)
                )
            )
            self.to_images = chainer.ChainList(
                *(EqualizedConvolution(size, outputs, 1, 1.0) for size in channels)
            )
        if self.condition_names:
            # Not float32, whose arrays are averaged over the ranks and over time.
            self.add_persistent("known", np.full((KNOWN, LABEL), UNUSED, np.float64))

    def learn_labels(self, labels: np.ndarray) -> None:
        """Keep labels of the training, float32 (N, LABEL)."""
        self.known[...] = self.xp.asarray(known_labels(labels))

    @property
    def conditions(self) -> Conditions:
        """What can be asked of an image."""
        if not self.condition_names:
            return Conditions(())
        known = chainer.backends.cuda.to_cpu(self.known).astype(np.float32)
        return Conditions(self.condition_names, used(known))

    def begin(self, latents: Any, features: Any | None) -> tuple[Any, Any]:
        """Make the first 4 x 4 pixels, (N, C, 4, 4), and the style, (N, style), of each image.

        `features`, (N, F), are what is asked, with conditions.
        """
        inputs = pixel_normalization(latents, None, None, 1.0)
        if features is not None:
            inputs = F.concat([inputs, features])
        style = inputs
        for layer in self.mapping:
            style = rectified(layer(style), SLOPE)
        h = F.reshape(self.connected(inputs), (len(inputs), -1, FIRST_WIDTH, FIRST_WIDTH))
        return pixel_normalization(h, None, None, SLOPE), style

    def average_beginning(self, features: Any | None) -> tuple[Any, Any]:
        """Return the averages of `begin` over a fixed set of latents.

        With features, (N, F), there is one for each of them, otherwise one for all images.
        """
        size = self.connected.W.shape[1] - (0 if features is None else features.shape[1])
        latents = ImageRandomness(self.xp, [(AVERAGE, 0)]).normal((1, AVERAGED, size))[0]
        asked = [None] if features is None else [row[None] for row in features]
        averages = []
        for row in asked:
            repeated = None if row is None else self.xp.repeat(row, AVERAGED, axis=0)
            of_all = self.begin(latents, repeated)
            averages.append([F.mean(each, axis=0, keepdims=True) for each in of_all])
        h, style = (F.concat(list(each), axis=0) for each in zip(*averages, strict=True))
        return h, style

    @property
    def output_range(self) -> tuple[float, float]:
        """The smallest and largest value of an image; real images are scaled to it."""
        return (-1.0, 1.0)

    def forward(
        self, latents: Any, randomness: Randomness | None = None, labels: np.ndarray | None = None
    ) -> Any:
        """Make images: float32 (N, image channels, width, width), where -1 is background.

        `latents` are float32 (N, latent size). Without `randomness` there is no noise. `labels`,
        float32 (N, LABEL) on the host, are what is asked, with conditions; without them, labels of
        the training are drawn from `randomness`.
        """
        features = None
        if self.condition_names:
            conditions = self.conditions
            asked = conditions.draw(len(latents), randomness) if labels is None else labels
            features = self.xp.asarray(conditions.features_of(asked))
        h, style = self.begin(latents, features)
        if self.truncation < 1:
            averages = self.average_beginning(features)
            h, style = (
                self.truncation * own + (1 - self.truncation) * F.broadcast_to(average, own.shape)
                for own, average in zip((h, style), averages, strict=True)
            )
        h = self.first(h, style, randomness)
        depth, width, before = 0, FIRST_WIDTH, None
        while width < self.growth.width:
            before = h
            enlarging, second = self.stages[depth]
            h = second(enlarging(h, style, randomness, enlarge=True), style, randomness)
            depth, width = depth + 1, 2 * width
        y = self.to_images[depth](h)
        share = self.growth.share
        if share < 1:
            y = share * y + (1 - share) * bilinear_upsampling(self.to_images[depth - 1](before))
        if self.masks:
            y = with_mask_of_logits(y)
        return masked(y) if self.settings.background else y


def with_mask_of_logits(y: Any) -> Any:
    """Make a mask from -1 to 1 of the logits in channel 1 of (N, C, H, W); keep the others.

    Real masks are -1 or 1 in most pixels. Values of a convolution never are, and a critic would see
    only that.
    """
    channels = F.split_axis(y, y.shape[1], axis=1)
    # Twice the logistic function, minus 1.
    return F.concat([channels[0], F.tanh(0.5 * channels[1]), *channels[2:]])


def masked(y: Any) -> Any:
    """Multiply texture by the probability of brain: from (N, C + 1, H, W) to (N, C, H, W).

    The last channel has the logits. An image in [-1, 1] is black at -1.
    """
    texture, logits = F.split_axis(y, [y.shape[1] - 1], axis=1)
    probability = F.broadcast_to(F.sigmoid(logits), texture.shape)
    return (texture + 1) * probability - 1


class Critic(chainer.Chain):
    """Convolutions from the image, residual stages, and two fully connected layers.

    A 3 x 3 convolution to a few channels is followed by a 4 x 4 one of stride 2, which halves the
    width: a residual stage at the full width would take half of the time. A residual stage halves
    it by average pooling: two 3 x 3 convolutions, the second one on half the width, beside a 1 x 1
    convolution of the pooled input, as in the discriminator of StyleGAN2 (Karras et al., 2020). The
    last convolution sees the minibatch's deviation. No layer normalises, so that R1 is defined.

    With conditions it also scores how an image fits what was asked, of which it sees `features`
    numbers: by a projection of its last features (Miyato and Koyama, 2018, "cGANs with Projection
    Discriminator").
    """

    def __init__(self, settings: Coarse, image_channels: int, features: int = 0) -> None:
        super().__init__()
        channels = settings.channels[:-1]
        self.growth = Growth(settings.width)
        with self.init_scope():
            self.from_images = chainer.ChainList(
                *(
                    FirstStage(image_channels, before // 2, after)
                    for after, before in itertools.pairwise(settings.channels)
                )
            )
            self.stages = chainer.ChainList(
                *(ResidualStage(after, before) for before, after in itertools.pairwise(channels))
            )
            self.last = EqualizedConvolution(channels[0] + 1, channels[0], 3)
            self.connected = EqualizedLinear(channels[0] * FIRST_WIDTH**2, channels[0])
            self.score = EqualizedLinear(channels[0], 1, 1.0)
            if features:
                self.projection = EqualizedLinear(features, channels[0], 1.0)

    def forward(
        self,
        images: Any,
        randomness: Randomness | None = None,
        asked: Any = None,
        batches: int = 1,
    ) -> Any:
        """Score images, float32 (N, channels, width, width): float32 (N,), larger for real ones.

        `asked` are the features of what was asked, float32 (N, features), with conditions. The
        images may be several `batches`, one after the other, each with its own deviation.
        """
        width, share = self.growth.width, self.growth.share
        depth = int(math.log2(width // FIRST_WIDTH)) - 1
        h = self.from_images[depth](images)
        for stage in reversed(range(depth)):
            h = self.stages[stage](h)
            if share < 1 and stage == depth - 1:
                small = self.from_images[stage](average_pooling(images))
                h = share * h + (1 - share) * small
        h = rectified(self.last(with_deviation(h, batches)), SLOPE)
        h = rectified(self.connected(F.reshape(h, (len(h), -1))), SLOPE)
        scores = F.reshape(self.score(h), (len(h),))
        if asked is None:
            return scores
        return scores + F.sum(self.projection(asked) * h, axis=1) / math.sqrt(h.shape[1])


class FirstStage(chainer.Chain):
    """The critic's first layers at one width: from (N, C, 2 H, 2 W) to (N, `after`, H, W)."""

    def __init__(self, image_channels: int, between: int, after: int) -> None:
        super().__init__()
        with self.init_scope():
            self.first = EqualizedConvolution(image_channels, between, 3)
            self.second = EqualizedConvolution(between, after, 4, stride=2)

    def forward(self, images: Any) -> Any:
        """Halve the width of images."""
        return rectified(self.second(rectified(self.first(images), SLOPE)), SLOPE)


class ResidualStage(chainer.Chain):
    """A stage of the critic, from (N, `before`, 2 H, 2 W) to (N, `after`, H, W)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        with self.init_scope():
            self.first = EqualizedConvolution(before, before, 3)
            self.second = EqualizedConvolution(before, after, 3)
            self.shortcut = EqualizedConvolution(before, after, 1, 1.0)

    def forward(self, x: Any) -> Any:
        """Halve the width."""
        h = rectified(self.second(rectified_pooling(self.first(x), SLOPE)), SLOPE)
        return (h + self.shortcut(average_pooling(x))) * np.float32(1 / GAIN)
