"""Augmentation of the images that the discriminator sees, and its adaptive probability.

Differentiable augmentation (Zhao et al., 2020, "Differentiable Augmentation for Data-Efficient GAN
Training") with an adaptive probability (Karras et al., 2020, "Training Generative Adversarial
Networks with Limited Data"), in kinds that suit axial slices of a head on a black background.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Augmentation
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.ops.augmentation import Changes, change, means_above

#: The number of random values of each kind, in this order. The first one decides whether an image
#: undergoes it. All are drawn, whichever kinds are in use.
NUMBERS = {"translation": 3, "cutout": 3, "flip": 2, "intensity": 3}

#: Iterations between two steps of the adaptive probability (Karras et al., 2020).
INTERVAL = 4


def augment(
    images: Any,
    settings: Augmentation,
    probability: float,
    randomness: Randomness,
    value_range: tuple[float, float],
    masks: bool = False,
) -> Any:
    """Change images at random, each kind of change independently with the given probability.

    The order is intensity, flip, translation, cutout. A flip mirrors an image with probability 1/2
    (Karras et al., 2020). If it always did, probability 1 would mirror all images, and at
    probability 1/2 no network could tell left from right.

    Parameters
    ----------
    images
        float (N, C, H, W), array or Variable, in any memory layout.
    settings, probability
        The kinds and their largest size; the current probability.
    randomness
        The source of the random numbers. Their number depends on the shape alone.
    value_range
        Smallest and largest value of an image. The smallest is background.
    masks
        Whether the second of two channels is a mask. It is mirrored, moved and covered like its
        image. Its intensity stays: it has two values.

    Returns
    -------
    Variable or array
        The same shape and type; `images` itself if the probability is 0. Values may exceed the
        range by twice `settings.intensity` of it: clipping would remove their gradient.
    """
    numbers = randomness.uniform((len(images), sum(NUMBERS.values())))
    if probability == 0:
        return images
    if not masks:
        return changed(images, settings, probability, numbers, value_range)
    without_intensity = [kind for kind in settings.kinds if kind != "intensity"]
    of_masks = settings.model_copy(update={"kinds": without_intensity})
    grey, mask = chainer.functions.split_axis(images, 2, axis=1)
    grey = changed(grey, settings, probability, numbers, value_range)
    mask = changed(mask, of_masks, probability, numbers, value_range)
    return chainer.functions.concat([grey, mask], axis=1)


def changed(
    images: Any,
    settings: Augmentation,
    probability: float,
    numbers: Any,
    value_range: tuple[float, float],
) -> Any:
    """Change images by random numbers, float32 (N, all of `NUMBERS`)."""
    array, xp = chainer.as_array(images), chainer.backend.get_array_module(numbers)
    # In float64, no product below is rounded up to a whole number.
    ends = np.cumsum([*NUMBERS.values()])[:-1].tolist()
    columns = xp.split(numbers.astype(np.float64), ends, axis=1)
    drawn = dict(zip(NUMBERS, columns, strict=True))
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


def shifts(chosen: Any, drawn: Any, farthest: float, width: int) -> Any:
    """Return the shifts of images downwards and to the right, in pixels: int64 (N, 2).

    They are uniform over whole pixels up to `farthest` of the width, along each axis.
    """
    pixels = round(farthest * width)
    return chosen[:, None] * ((drawn * (2 * pixels + 1)).astype(np.int64) - pixels)


def squares(chosen: Any, drawn: Any, share: float, height: int, width: int) -> Any:
    """Return the rows and columns that become background: int64 (N, 2, 2), first and last + 1.

    The centre of the square lies anywhere in the image, so that a part of it may lie outside.
    """
    xp = chainer.backend.get_array_module(drawn)
    size = xp.array([height, width])
    side = round(share * width)
    # The centre of an even side lies between pixels, or before the first or after the last.
    first = (drawn * (size + 1 - side % 2)).astype(np.int64) - side // 2
    ends = xp.stack([first, first + side], axis=2).clip(0, size[:, None])
    return chosen[:, None, None] * ends


def curves(
    images: Any, drawn: Any, largest: float, value_range: tuple[float, float]
) -> tuple[float, float, Any]:
    """Return background, knee and slopes of `Changes`, for a change of brightness and contrast.

    Above the knee, a value x becomes x + brightness + (contrast - 1) (x - mean). Between background
    and knee the change sets in linearly; the knee is twice the largest brightness above background.
    So background keeps its value, nothing falls below it, and the order of grey levels stays. A
    threshold would shift the near-black of a generator, or the rim of a real brain, by the whole
    brightness at once.

    The mean is over the image's foreground: values more than half of one of 255 grey levels above
    background. It counts as a constant: no gradient passes through it.
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


def with_few_masks(pairs: Any, first: int) -> Any:
    """Hide three masks of four: 0 is neither tumour nor none.

    A mask is easier to judge than its image. A generator whose critic saw all masks made worse
    images (docs/results/asked).

    `pairs` are float32 (N, 2, H, W), array or Variable, -1 to 1; so is the result. `first` is the
    place of the first one in the batch of all ranks.
    """
    xp = chainer.backend.get_array_module(pairs)
    hidden = (first + xp.arange(len(pairs))) % 4 != 0
    seen = xp.ones(pairs.shape, np.float32)
    seen[hidden, 1] = 0
    return pairs * seen


class AdaptiveProbability:
    """The probability of augmentation, which rises while the discriminator overfits.

    The mean sign of the real images' scores measures overfitting (r_t of Karras et al., 2020): 1 if
    the discriminator is sure of all of them, 0 if it cannot tell. Every 4 iterations, as in their
    work, the probability rises by one step if the mean was above the target, and falls if it was
    below. The size of the step is fixed, so the median is controlled; over four small batches it is
    near the mean. `value` is the current probability.
    """

    def __init__(self, settings: Augmentation, batch_size: int) -> None:
        self.target = settings.target
        self.step = INTERVAL * batch_size / settings.adaptation_images
        self.value = settings.probability
        self.total = 0.0
        self.count = 0

    def update(self, mean_sign: float) -> None:
        """Add an iteration's mean sign of the real images' scores, over all ranks."""
        if self.target is None:
            return
        self.total += float(mean_sign)
        self.count += 1
        if self.count < INTERVAL:
            return
        difference = self.total / self.count - self.target
        # With NaN, of a training that diverges, nothing changes.
        direction = (difference > 0) - (difference < 0)
        self.value = min(1.0, max(0.0, self.value + direction * self.step))
        self.total, self.count = 0.0, 0

    def serialize(self, serializer: Any) -> None:
        """Write or read everything that the next value depends on."""
        self.value = float(serializer("value", self.value))
        self.total = float(serializer("total", self.total))
        self.count = int(serializer("count", self.count))
