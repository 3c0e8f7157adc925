"""What is done to the images before the discriminator sees them, and how often.

Differentiable augmentation (Zhao et al., 2020, "Differentiable Augmentation for Data-Efficient GAN
Training") and its adaptive probability (Karras et al., 2020, "Training Generative Adversarial
Networks with Limited Data"), in kinds that suit axial slices of a head on black.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Augmentation
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.ops.augmentation import Changes, change, means_above

#: The kinds in the order of their random numbers, and how many of these each has: the first
#: decides whether an image undergoes it. All are drawn, whatever is used.
NUMBERS = {"translation": 3, "cutout": 3, "flip": 2, "intensity": 3}

#: Iterations of one step of the adaptive probability (Karras et al., 2020).
INTERVAL = 4


def augment(
    images: Any,
    settings: Augmentation,
    probability: float,
    randomness: Randomness,
    value_range: tuple[float, float],
) -> Any:
    """Change images as the discriminator's augmentation does.

    First intensity, then flip, translation and cutout, each of those in `settings.kinds` with this
    probability and independently. An image that undergoes a flip is mirrored with probability 1/2,
    as by Karras et al. (2020): were it always, all images would be mirrored at probability 1, which
    is no augmentation, and at 1/2 no network could know left from right.

    Parameters
    ----------
    images
        float (N, C, H, W), array or variable, of any layout in memory.
    settings
        The kinds, and how far they go.
    probability
        In use now; `settings.probability` or `AdaptiveProbability.value`.
    randomness
        Where the numbers come from: one use, of as many numbers whatever is done.
    value_range
        Smallest and largest value of an image. The smallest is background.

    Returns
    -------
    Variable or array
        The same shape and type. `images` itself where the probability is 0. Values may lie above
        the range by twice `settings.intensity` of it: they are not clipped, which would take
        their gradient.
    """
    array = chainer.as_array(images)
    numbers = randomness.uniform((len(array), sum(NUMBERS.values())))
    if probability == 0:
        return images
    # In float64 no product below is rounded up to a whole number.
    drawn = split(numbers.astype(np.float64))
    chosen = {
        kind: (values[:, 0] < probability) & (kind in settings.kinds)
        for kind, values in drawn.items()
    }
    height, width = array.shape[2:]
    background, knee, slopes = curves(
        array, drawn["intensity"][:, 1:], settings.intensity, value_range
    )
    changes = Changes(
        background,
        knee,
        chosen["intensity"],
        slopes,
        chosen["flip"] & (drawn["flip"][:, 1] < 0.5),
        shifts(chosen["translation"], drawn["translation"][:, 1:], settings.translation, width),
        squares(chosen["cutout"], drawn["cutout"][:, 1:], settings.cutout, height, width),
    )
    return change(images, changes)


def split(numbers: Any) -> dict[str, Any]:
    """Give each kind its columns of the numbers drawn."""
    drawn, first = {}, 0
    for kind, count in NUMBERS.items():
        drawn[kind] = numbers[:, first : first + count]
        first += count
    return drawn


def shifts(chosen: Any, drawn: Any, farthest: float, width: int) -> Any:
    """Return how far images are moved down and to the right: int64 (N, 2).

    Any whole number of pixels up to `farthest` of the width is as likely as any other, along each
    axis.
    """
    pixels = round(farthest * width)
    return chosen[:, None] * ((drawn * (2 * pixels + 1)).astype(np.int64) - pixels)


def squares(chosen: Any, drawn: Any, share: float, height: int, width: int) -> Any:
    """Return rows and columns that become background: int64 (N, 2, 2), first and last + 1.

    The square's middle is anywhere in the image, so that a part of it may lie outside.
    """
    xp = chainer.backend.get_array_module(drawn)
    size = xp.array([height, width])
    side = round(share * width)
    # An even side's middle lies between pixels, also before the first and behind the last.
    first = (drawn * (size + 1 - side % 2)).astype(np.int64) - side // 2
    ends = xp.stack([first, first + side], axis=2).clip(0, size[:, None])
    return chosen[:, None, None] * ends


def curves(
    images: Any, drawn: Any, largest: float, value_range: tuple[float, float]
) -> tuple[float, float, Any]:
    """Return background, knee and slopes of `Changes`, for brightness and contrast.

    Above the knee a value x becomes x + brightness + (contrast - 1) (x - mean). Between background
    and knee, which is twice the largest change of brightness above it, the same change sets in
    evenly. Background stays what it is, nothing falls below it, and the order of grey levels stays.
    A threshold instead would lift a generator's near-black, or sink the rim of a real brain, by the
    whole brightness at once.

    The mean is that of the image's foreground: values that are more than half a grey level of 255
    above background. Like the choice of a line it is taken for a constant, through which no
    gradient goes.
    """
    xp = chainer.backend.get_array_module(drawn)
    low, high = value_range
    extent = high - low
    toe = min(2 * largest, 1) * extent
    brightness, change_of_contrast = largest * (2 * drawn.T - 1)
    means = means_above(images, low + extent / 510)
    at_knee = brightness * extent + change_of_contrast * (low + toe - means)
    # Negative only with changes beyond a half.
    below = xp.maximum(0, 1 + at_knee / toe)
    slopes = xp.stack([below, 1 + change_of_contrast], axis=1)
    return low, low + toe, slopes.astype(images.dtype)


class AdaptiveProbability:
    """The probability of augmentation, that follows how sure the discriminator is.

    The mean sign of the real images' scores tells overfitting (r_t of Karras et al., 2020): 1 where
    it is sure of all of them, 0 where it knows nothing. Every 4 iterations, as in their work, the
    probability takes a step towards more augmentation if it has been above the target, and towards
    less if below. The step is by the sign alone, so what is steered is the median; of one small
    batch this is far from the mean, of four it is near.

    Parameters
    ----------
    settings
        Its first value, its target, and its speed.
    batch_size
        Images of one update over all ranks.

    Attributes
    ----------
    value
        The probability to use now.
    """

    def __init__(self, settings: Augmentation, batch_size: int) -> None:
        self.target = settings.target
        self.step = INTERVAL * batch_size / settings.adaptation_images
        self.value = settings.probability
        self.total = 0.0
        self.count = 0

    def update(self, mean_sign: float) -> None:
        """Take in an iteration's mean sign of the real images' scores, over all ranks."""
        if self.target is None:
            return
        self.total += float(mean_sign)
        self.count += 1
        if self.count < INTERVAL:
            return
        difference = self.total / self.count - self.target
        # Where there is no number, as of a training that has failed, nothing moves.
        direction = (difference > 0) - (difference < 0)
        self.value = min(1.0, max(0.0, self.value + direction * self.step))
        self.total, self.count = 0.0, 0

    def serialize(self, serializer: Any) -> None:
        """Write or read all that the next value depends on."""
        self.value = float(serializer("value", self.value))
        self.total = float(serializer("total", self.total))
        self.count = int(serializer("count", self.count))
