"""The up-sampler: from small images to large ones; and the critic that it is trained with."""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import for_each
from synaxial.gan.networks.detail import LEAST, NUMBERS, details_of, details_of_pixels
from synaxial.gan.networks.layers import Convolution, hidden
from synaxial.gan.networks.randomness import ImageRandomness, Randomness
from synaxial.gan.networks.windows import Doubling, Window, doublings_around, doublings_of_all
from synaxial.gan.ops.background import (
    BACKGROUND,
    inside_brain,
    near_brain,
    repeated,
    with_background,
)
from synaxial.gan.ops.enlargement import area_means, area_reduction, bicubic_enlargement
from synaxial.gan.ops.layout import images_first, images_last, on_cpu
from synaxial.gan.ops.resampling import bilinear_upsampling, blur

F = chainer.functions

#: Leaky ReLU's slope.
SLOPE = 0.2

#: Blocks of two convolutions at the small images' width, and the weight of what a block adds.
BLOCKS, SHARE = 2, 0.3

#: The logits of "not background" before training: (value - THRESHOLD) times STEEPNESS, of the
#: bicubic enlargement. The threshold is low: a pixel at the brain's edge that is partly background
#: belongs to the brain.
THRESHOLD, STEEPNESS = -0.97, 20.0

#: Above this, six grey levels above background, a pixel of a small image is brain for what follows.
#: Most of a coarse generator's background is below one grey level, and 1 % of it above three. Of 15
#: patients of BraTS 2018, 0.01 % of the brain are lost, in 5 % of the slices, at its border.
SURE = -0.95

#: How much `balanced` strengthens lines and weakens grain. Of the values tried, these make a
#: classifier confuse generated and training slices most (docs/results/patients/trials.md).
LINES, GRAIN = 0.6, 0.15

#: Grain is what few blurs take away. Lines are what is left then, and many blurs take away.
FEW, MANY = 2, 8

#: Convolutions between two doublings.
CONVOLUTIONS = 2

#: How many pixels around what `near_brain` covers its values depend on, after the last doubling:
#: one for each of the `MANY` blurs, the blur before them, and the last three convolutions.
#: `balanced` sees two small pixels more, but changes only what lies two of them inside.
SEEN = MANY + 4

#: The gain of what the network adds to the logits, and the most that it can add. Without a bound, a
#: critic that leads can make the network take everything for background.
GAIN, MOST = 4.0, 10.0

#: Standard deviations from the mean of the known details; images without a brain are far off.
FARTHEST = 3.0

#: The critic's convolutions before the last: channels and kernel width. 4 has stride 2, 3 stride 1.
#: At half the width of the images, one of stride 1 would cost more than any other.
CRITIC = ((16, 4), (32, 4), (32, 3), (48, 4), (48, 3))

#: How many training images' details a file keeps. An image gets the detail of one of the `NEAREST`
#: of them, those with the most similar reductions.
KNOWN, NEAREST = 256, 16

#: Images enlarged at a time; it bounds the memory.
CHUNK = 8


class Enlarged(NamedTuple):
    """Enlarged images and their logits of "not background", both (N, 1, width, width)."""

    images: Any
    logits: Any


class Small(NamedTuple):
    """Small images, and what the layers after the first doubling see of them."""

    #: (N, 1, w, w).
    images: Any
    #: (N, channels, w, w).
    features: Any
    #: Of each doubling: (N, 1, 2 w, 2 w), (N, 1, 4 w, 4 w), …
    noises: list[Any]
    #: Standardised, (N, 3).
    details: Any

    def of_image(self, image: int) -> "Small":
        """Return those of one image."""
        one = slice(image, image + 1)
        noises = [noise[one] for noise in self.noises]
        return Small(self.images[one], self.features[one], noises, self.details[one])


class Brains(NamedTuple):
    """The brains of small images, bool (N, 1, w, w): see `near_brain` and `inside_brain`."""

    near: Any
    inside: Any

    def of_image(self, image: int) -> "Brains":
        """Return that of one image."""
        return Brains(*(pixels[image : image + 1] for pixels in self))


class Upsampler(chainer.Chain):
    """Enlarges images by a power of two: what it adds to a bicubic enlargement is learned.

    Most layers work at the width of the small images, where a pixel costs least. Then each stage
    doubles the width bilinearly, between two 3 x 3 convolutions. Some convolutions also see a
    channel of noise, from which they make the fine structure that small images do not determine.
    Those after a doubling also see how fine that structure is to be (`detail.py`). Fixed steps come
    last: a blur of the texture and of the logits of brain, which leaves no grid and no speckle; in
    whole images, stronger lines and weaker grain (`balanced`); and the background, which is exactly
    -1 and never inside the brain.

    `width` are the channels at the small images' width; there are half of them at full size.
    `known` are the details of up to 256 training images, float32 (256, 6): those of their
    reductions and their own.
    """

    def __init__(self, width: int, factor: int) -> None:
        super().__init__()
        self.width = width
        self.factor = factor
        stages = int(math.log2(factor))
        widths = [width] * stages + [width // 2]
        pairs = list(itertools.pairwise(widths))
        more = 1 + NUMBERS
        with self.init_scope():
            self.first = convolution_of(1, width)
            self.blocks = chainer.ChainList(
                *(convolution_of(width + 1 - k % 2, width) for k in range(2 * BLOCKS))
            )
            self.before = chainer.ChainList(*(convolution_of(a, b) for a, b in pairs))
            self.after = chainer.ChainList(*(convolution_of(b + more, b) for _, b in pairs))
            self.fine = convolution_of(widths[-1], widths[-1])
            # Texture and logits. Before training the result is almost the bicubic enlargement.
            self.last = convolution_of(widths[-1], 2, scale=0.1)
        self.add_persistent("known", np.zeros((KNOWN, 2 * NUMBERS), np.float32))

    def forward(self, images: Any, randomness: Randomness) -> Any:
        """Enlarge images: float32 (N, 1, w, w) to (N, 1, factor w, factor w).

        Values are in [-1, 1]; a bright texture may exceed 1 a little.
        """
        details = self.draw_details(images, randomness)
        return self.enlarge_whole(images, details, randomness)

    def draw_details(self, images: Any, randomness: Randomness) -> Any:
        """Give each image the detail of a training image with a similar reduction: (N, 3)."""
        images = chainer.backends.cuda.to_cpu(chainer.as_variable(images).array)
        known = np.unique(chainer.backends.cuda.to_cpu(self.known), axis=0)
        scale = np.maximum(known.std(axis=0), LEAST)[:NUMBERS]
        even = images.shape[-1] // 2 * 2
        found = details_of(images[:, 0, :even, :even], 2)
        # Rounded, so that an image's detail does not depend on the others of its batch.
        distances = np.round(np.abs(found[:, None] - known[:, :NUMBERS]) / scale, 2).sum(axis=2)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEAREST]
        chosen = chainer.backends.cuda.to_cpu(randomness.uniform((len(images), 1)))
        rows = np.take_along_axis(nearest, (chosen * nearest.shape[1]).astype(int), axis=1)[:, 0]
        return self.standardised(known[rows, NUMBERS:])

    def learn_details(self, pixels: np.ndarray) -> Any:
        """Measure the details of training images, uint8 (N, W, W), and keep some: (N, 3)."""
        details = details_of_pixels(pixels, self.factor)
        chosen = np.arange(KNOWN) * len(pixels) // KNOWN
        some = pixels[chosen].astype(np.float32)
        small = area_means(some[:, None], pixels.shape[-1] // self.factor)[:, 0]
        kept = np.concatenate([details_of_pixels(small, 2), details[chosen]], axis=1)
        self.known[...] = self.xp.asarray(kept)
        return self.standardised(details)

    def standardised(self, details: np.ndarray) -> Any:
        """Return details as multiples of the known ones' standard deviation from their mean."""
        known = chainer.backends.cuda.to_cpu(self.known)[:, NUMBERS:]
        scale = np.maximum(known.std(axis=0), LEAST)
        numbers = np.clip((details - known.mean(axis=0)) / scale, -FARTHEST, FARTHEST)
        return self.xp.asarray(numbers, np.float32)

    def enlarge(self, images: Any, details: Any, randomness: Randomness) -> Enlarged:
        """Enlarge the crops of a training, and return their logits too; see `enlarge_whole`."""
        small = self._small(images, details, randomness)
        doublings = doublings_of_all(images.shape[-1], len(self.before))
        texture, logits = self._texture_and_logits(small, doublings)
        return Enlarged(with_background(texture, logits), logits)

    def enlarge_whole(self, images: Any, details: Any, randomness: Randomness) -> Any:
        """Enlarge whole images, float32 (N, 1, w, w); `details`, (N, 3), are standardised.

        Their lines and grain are `balanced`, and there is brain only near the small image's brain,
        and in gaps that it surrounds (`near_brain`). Otherwise specks would be enlarged, and the
        border of an image would be taken for brain that a crop has cut.
        """
        small = self._small(images, details, randomness)
        if on_cpu(images) and not chainer.config.enable_backprop:
            return chainer.as_variable(self._around_the_heads(small))
        doublings = doublings_of_all(images.shape[-1], len(self.before))
        return self._whole(small, brains_of(images), doublings)

    def _around_the_heads(self, small: Small) -> np.ndarray:
        """Do what `_whole` does, each image by itself in a window around its head."""
        brains = brains_of(small.images)
        width = self.factor * small.images.shape[-1]
        images = np.full((len(brains.near), 1, width, width), BACKGROUND, np.float32)

        def enlarge(image: int) -> None:
            near = brains.near[image, 0]
            if not near.any():
                return
            doublings = doublings_around(near, len(self.before), CONVOLUTIONS, SEEN)
            # Chainer's modes are those of a thread.
            with chainer.no_backprop_mode():
                found = self._whole(small.of_image(image), brains.of_image(image), doublings)
            doublings[-1].kept.of(images[image : image + 1])[...] = found.array

        for_each(enlarge, range(len(images)))
        return images

    def _whole(self, small: Small, brains: Brains, doublings: list[Doubling]) -> Any:
        """Enlarge whole images; return what the last doubling keeps of them."""
        texture, logits = self._texture_and_logits(small, doublings)
        window = doublings[-1].kept
        near, inside = (window.of(repeated(pixels, self.factor)) for pixels in brains)
        texture = balanced(texture, inside, self.factor)
        return with_background(texture, F.where(near, logits, -F.absolute(logits)))

    def _texture_and_logits(self, small: Small, doublings: list[Doubling]) -> tuple[Any, Any]:
        """Compute what the last doubling keeps of the texture and of the logits of brain."""
        h, window = small.features, Window.all_of(small.features)
        for before, after, noise, doubling in zip(
            self.before, self.after, small.noises, doublings, strict=True
        ):
            h = doubling.enlarged.within(window).of(activated(before(h)))
            h = doubling.kept.within(doubling.enlarged.times(2)).of(bilinear_upsampling(h))
            window = doubling.kept
            h = activated(after(appended(h, window.of(noise), maps_for(h, small.details))))
        added, logits = F.split_axis(self.last(activated(self.fine(h))), [1], axis=1)
        base = window.of(bicubic_enlargement(small.images, self.factor).array)
        # Smooth, or the border of the brain has teeth: features differ between odd and even pixels.
        logits = MOST * F.tanh(GAIN / MOST * blur(logits)) + (base - THRESHOLD) * STEEPNESS
        return blur(base + added), logits

    def _small(self, images: Any, details: Any, randomness: Randomness) -> Small:
        """Compute the features of the small images, and draw the noise of all layers."""
        h = activated(self.first(images))
        blocks = list(self.blocks)
        for one, two in zip(blocks[::2], blocks[1::2], strict=True):
            h = h + SHARE * two(activated(one(appended(h, noise_for(h, randomness)))))
        widths = [images.shape[-1] << stage + 1 for stage in range(len(self.before))]
        noises = [randomness.normal((len(images), 1, width, width)) for width in widths]
        return Small(images, h, noises, details)


class PatchCritic(chainer.Chain):
    """Scores patches of images; each score sees a part of the image only (Isola et al., 2017).

    It is told how fine the image is to be, after the first layer. A score sees 62 x 62 pixels. All
    convolutions have spectral normalisation (Miyato et al., 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = [1, *(number for number, _ in CRITIC)]
        inputs[1] += NUMBERS
        layers = [*CRITIC, (1, 3)]
        with self.init_scope():
            self.convolutions = chainer.ChainList(
                *(
                    Convolution(before, after, kernel, stride=kernel - 2, pad=1)
                    for before, (after, kernel) in zip(inputs, layers, strict=True)
                )
            )
        for layer in self.convolutions:
            layer.add_hook(chainer.link_hooks.SpectralNormalization())

    def forward(self, images: Any, details: Any) -> Any:
        """Score float32 (N, 1, w, w): (N, 1, w / 8, w / 8), larger for real patches.

        `details` are standardised, float32 (N, 3).
        """
        first, *layers, last = self.convolutions
        h = activated(first(images))
        h = appended(h, maps_for(h, details))
        for layer in layers:
            h = activated(layer(h))
        return last(h)


def balanced(texture: Any, inside: Any, factor: int) -> Any:
    """Strengthen lines and weaken grain of images, (N, 1, W, W), where `inside` is true.

    The training leaves lines a few pixels wide, such as sulci, too weak beside the grain. With B
    the response of `blur`, cos(pi f) squared along each axis at f cycles a pixel, what is added has
    the response LINES (B^FEW - B^MANY) - GRAIN (1 - B^FEW), less its averages over a pixel of the
    small image, enlarged bicubically: what the small image determines hardly changes.
    """
    blurred = [texture]
    for _ in range(MANY):
        blurred.append(blur(blurred[-1]))
    change = LINES * (blurred[FEW] - blurred[MANY]) - GRAIN * (texture - blurred[FEW])
    change -= bicubic_enlargement(area_reduction(change, factor), factor)
    return texture + change * inside.astype(np.float32)


def brains_of(images: Any) -> Brains:
    """Find the brains of small images, (N, 1, w, w)."""
    brain = chainer.as_array(images) > SURE
    return Brains(near_brain(brain), inside_brain(brain))


def convolution_of(before: int, after: int, scale: float = 1.0) -> Convolution:
    """Make a 3 x 3 convolution that keeps the width."""
    return Convolution(before, after, 3, 1, 1, initialW=chainer.initializers.LeCunNormal(scale))


def activated(x: Any) -> Any:
    """Apply the activation."""
    return hidden(x, None, "leaky_relu", SLOPE)


def noise_for(x: Any, randomness: Randomness) -> Any:
    """Draw a channel of standard normal noise for (N, C, H, W)."""
    return randomness.normal((len(x), 1, *x.shape[2:]))


def maps_for(x: Any, numbers: Any) -> Any:
    """Make a constant channel for (N, C, H, W) of each of the numbers, (N, K)."""
    xp = chainer.backend.get_array_module(numbers)
    return xp.broadcast_to(numbers[:, :, None, None], (*numbers.shape, *x.shape[2:]))


def appended(x: Any, *channels: Any) -> Any:
    """Append arrays of channels to (N, C, H, W)."""
    if on_cpu(x):
        # In the memory layout of x: otherwise the result would be copied.
        channels = tuple(images_first(images_last(array)) for array in channels)
    return F.concat([x, *channels])


def enlarged_masks(masks: Any, images: Any, factor: int) -> Any:
    """Enlarge the tumour masks of small images bicubically: float32 (N, 1, factor w, factor w).

    A mask, float32 (N, 1, w, w), is soft: -1 outside, 1 inside, and between them where a tumour
    covers a part of a pixel. So its edge is known to a fraction of a pixel. `images` are the
    enlarged ones: what is background in them is no tumour.
    """
    xp = chainer.backend.get_array_module(images)
    large = F.clip(bicubic_enlargement(masks, factor), -1.0, 1.0)
    brain = chainer.as_variable(images).array > BACKGROUND
    return F.where(brain, large, xp.full(large.shape, -1, np.float32))


def upsample_images(
    upsampler: Upsampler, images: np.ndarray, randomness: ImageRandomness
) -> np.ndarray:
    """Enlarge images in 0 … 255, (N, w, w) on the host, to 8-bit ones of `factor` w.

    `randomness` has one stream for each image. Background is 0.
    """
    width = upsampler.factor * images.shape[1]
    result = np.empty((len(images), width, width), np.uint8)
    for first in range(0, len(images), CHUNK):
        some = slice(first, first + CHUNK)
        values = images[some, None] / np.float32(127.5) - np.float32(1)
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            large = upsampler(upsampler.xp.asarray(values), randomness.of_images(some)).array
        large = chainer.backends.cuda.to_cpu(large)[:, 0]
        result[some] = np.clip(np.rint((large + 1) * 127.5), 0, 255)
    return result
